"""Train all benchmark runs, and write docs/learning.md, supervised.md and unsupervised.md.

    python benchmarks/learning.py [--only NAME ...] [--runs FOLDER] [--data-dir FOLDER] [--write]

Finished runs are skipped, interrupted runs are resumed, and missing runs are trained, one after
another, each with the command shown in the tables. ``--write`` only writes the tables. A page
without any runs in the folder is left unchanged.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

from compare import cpu_model
from learning_rows import FITS, WORKS, Fit, Work
from unsupervised_rows import UNSUPERVISED

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
UNITS = [
    "`mse` is the mean squared error of pixels from 0 to 1; `psnr` is in dB, next to that of the",
    "noisy images; the `loss` of a VAE is the negative ELBO and `nll` the importance-sampled",
    "negative log-likelihood, in nats per image. `frechet`, `kernel`, `precision` and `recall`",
    "compare samples with test images in the feature space of a classifier trained on the training",
    "images; `real_frechet` and so on are the scores of training images instead of samples.",
    "`rarest_class` is the fraction of samples in the rarest class.",
]


def main(words: list[str] | None = None) -> int:
    """Train the missing runs, write the tables and return the exit code."""
    parser = argparse.ArgumentParser("learning.py", description=(__doc__ or "").splitlines()[0])
    names = [work.name for work in (*WORKS, *FITS, *UNSUPERVISED)]
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names, help="rows to train")
    parser.add_argument(
        "--runs", type=Path, default=ROOT / "runs" / "learning", help="folder of the runs"
    )
    parser.add_argument("--data-dir", type=Path, help="folder of the data sets")
    parser.add_argument("--write", action="store_true", help="only write the tables")
    options = parser.parse_args(words)
    for work in (*WORKS, *FITS, *UNSUPERVISED):
        if not options.write and work.name in (options.only or names):
            data = ["--data-dir", str(options.data_dir)] if options.data_dir else []
            for seed in range(work.seeds):
                train(work, seed, options.runs, data if isinstance(work, Fit) else [])
    for work in (*WORKS, *FITS, *UNSUPERVISED):
        for path in finished(work, options.runs)[:1]:
            if (path / "plots" / work.plot).exists():
                shutil.copy(path / "plots" / work.plot, DOCS / plot_of(work))
    for name, text in (
        ("learning", page),
        ("supervised", supervised_page),
        ("unsupervised", unsupervised_page),
    ):
        (DOCS / f"{name}.md").write_text(text(options.runs), encoding="utf-8")
        print(f"wrote {DOCS / name}.md")
    return 0


def train(work: Work | Fit, seed: int, runs: Path, more: list[str]) -> None:
    """Train one seed of a row to the end, in its own process."""
    path = runs / f"{work.name}-{seed}"
    if (path / work.result).exists():
        return
    script = [sys.executable, str(ROOT / "scripts" / work.script)]
    if path.exists():
        command = [*script, "--resume", str(path), *more]
    else:
        name = ["--seed", str(seed), "--runs-dir", str(runs), "--name", path.name, *more]
        name += ["--no-video"] if isinstance(work, Work) else []
        command = [*script, *work.flags.split(), *name]
    subprocess.run(command, check=True)
    (path / "machine.txt").write_text(machine())


def machine() -> str:
    """Return the processor and the number of CPUs."""
    return f"{cpu_model()}, {len(os.sched_getaffinity(0))} CPUs"


def page(runs: Path) -> str:
    """Return the page of agents in Markdown; see ``fits_page`` on runs that are missing."""
    lines = [
        "# Results of the agents",
        "",
        "Written by `python benchmarks/learning.py`, which trains missing runs. Each row is the",
        "command `python scripts/train_agent.py FLAGS --seed N`. The return is the mean over the",
        "episodes at the end of the run, 100 unless a preset sets another number, ± the standard",
        "deviation of these means over seeds. Other programs ran on the machines at the same time.",
        "",
        "| flags | frames | seeds | return | minimum | steps/s | minutes | machine | published |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    rows = [
        row(work, paths)
        if (paths := finished(work, runs))
        else previous("learning.md", f"| `{work.flags}` |")
        for work in WORKS
    ]
    done = [work for work, line in zip(WORKS, rows, strict=True) if line]
    lines += [*filter(None, rows)]
    lines += ["", "Returns of the first seed during training, exploration included:"]
    lines += [f"\n`{work.flags}`\n\n![returns over steps]({plot_of(work)})" for work in done]
    return "\n".join(lines) + "\n"


def supervised_page(runs: Path) -> str:
    """Return the table of supervised networks in Markdown."""
    more = ["With `--folds 10` they are means over the folds of a cross-validation."]
    return fits_page("Results of supervised learning", "supervised.md", FITS, more, runs)


def unsupervised_page(runs: Path) -> str:
    """Return the table of unsupervised learning in Markdown."""
    title = "Results of unsupervised learning"
    return fits_page(title, "unsupervised.md", UNSUPERVISED, UNITS, runs)


def fits_page(title: str, file: str, works: Sequence[Fit], more: list[str], runs: Path) -> str:
    """Return a page in Markdown with a table of recipes.

    Rows without runs in the folder ``runs`` are copied from the previous page.
    """
    lines = [
        f"# {title}",
        "",
        "Written by `python benchmarks/learning.py`, which trains missing runs. Each row is the",
        f"command `python scripts/{works[0].script} FLAGS --seed N`. Metrics are on the test",
        "split, which is used once, at the end, ± the standard deviation over seeds.",
        *more,
        "",
        "| flags | seeds | test | target | Gulli and Kapoor 2017 | epochs | minutes | machine |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows, notes = [], []
    for work in works:
        if paths := finished(work, runs):
            data = json.loads((paths[0] / work.result).read_text())["data"]
            rows.append(fit_row(work, paths))
            notes.append(f"- `{work.flags}`: {'; '.join(map(without_path, data))}")
        else:
            rows.append(previous(file, f"| `{work.flags}` |"))
            notes.append(previous(file, f"- `{work.flags}`: "))
    lines += [*filter(None, rows), "", "Data sets:", "", *filter(None, notes)]
    done = [work for work, row in zip(works, rows, strict=True) if row]
    drawn = [work for work in done if (DOCS / plot_of(work)).exists()]
    lines += [f"\n`{work.flags}`\n\n![results]({plot_of(work)})" for work in drawn]
    return "\n".join(lines) + "\n"


def previous(file: str, start: str) -> str:
    """Return the line of a page in ``DOCS`` that begins with ``start``; empty if there is none."""
    page = DOCS / file
    lines = page.read_text(encoding="utf-8").splitlines() if page.exists() else []
    return next((line for line in lines if line.startswith(start)), "")


def without_path(note: str) -> str:
    """Return a note on the data without its path."""
    return re.sub(r" from /[^;,]*", "", note.strip())


def fit_row(work: Fit, paths: list[Path]) -> str:
    """Return a row of the table of recipes."""
    metrics = [json.loads((path / work.result).read_text())["metrics"] for path in paths]
    names = [work.metric, *(name for name in metrics[0] if name != work.metric)]
    cells = []
    for name in names:
        values = [row[name] for row in metrics]
        spread = f" ± {stdev(values):.2g}" if len(values) > 1 else ""
        cells.append(f"{name} {mean(values):.4g}{spread}")
    timed = [path for path in paths if (path / "timings.csv").exists()]
    ends = [last_row(path / "timings.csv") for path in timed]
    minutes = f"{mean(float(end['seconds']) for end in ends) / 60:.1f}" if ends else ""
    epochs = f"{mean(int(end['step']) for end in ends):.0f}" if ends else ""
    machines = sorted({(path / "machine.txt").read_text() for path in paths})
    first = f"`{work.flags}`", str(len(paths)), ", ".join(cells), work.target, work.book
    return f"| {' | '.join((*first, epochs, minutes, '; '.join(machines)))} |"


def finished(work: Work | Fit, runs: Path) -> list[Path]:
    """Return the finished runs of a row."""
    paths = [runs / f"{work.name}-{seed}" for seed in range(work.seeds)]
    return [path for path in paths if (path / work.result).exists()]


def plot_of(work: Work | Fit) -> str:
    """Return the path of a row's plot, relative to the page."""
    return f"img/{work.name}.png"


def row(work: Work, paths: list[Path]) -> str:
    """Return a row of the table of agents."""
    means = [json.loads((path / "evaluation.json").read_text())["mean"] for path in paths]
    ends = [last_row(path / "timings.csv") for path in paths]
    steps, seconds = (mean(float(end[name]) for end in ends) for name in ("step", "seconds"))
    spread = f" ± {rounded(stdev(means))}" if len(means) > 1 else ""
    machines = sorted({(path / "machine.txt").read_text() for path in paths})
    published = f"{work.published}: {work.source}" if work.published else ""
    cells = (
        f"`{work.flags}`",
        f"{steps * work.frames_per_step:,.0f}",
        str(len(means)),
        f"{rounded(mean(means))}{spread}",
        rounded(min(means)),
        f"{steps / seconds:,.0f}",
        f"{seconds / 60:.1f}",
        "; ".join(machines),
        published,
    )
    return f"| {' | '.join(cells)} |"


def rounded(value: float) -> str:
    """Format a return: two decimals up to 1, one decimal above."""
    return f"{value:.{2 if abs(value) <= 1 else 1}f}"


def last_row(path: Path) -> dict[str, str]:
    """Return the last row of a CSV file."""
    with path.open(newline="") as file:
        *_, last = csv.DictReader(file)
    return last


if __name__ == "__main__":
    sys.exit(main())
