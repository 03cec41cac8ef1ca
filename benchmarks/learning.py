"""Train everything whose results are known; write docs/learning.md and docs/supervised.md.

    python benchmarks/learning.py [--only NAME ...] [--runs FOLDER] [--data-dir FOLDER] [--write]

Runs that are there are kept, those that were cut short are resumed, and the rest are trained, one
after the other, each by the command that the tables show. ``--write`` trains nothing.
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
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from compare import cpu_model

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


@dataclass(frozen=True)
class Work:
    """One row of the table.

    Attributes:
        name: of the row, and the first part of its runs' names.
        flags: what ``train_agent.py`` is told beside the seed.
        seeds: how many, from 0.
        frames_a_step: frames of the emulator a step; 1 where there is none.
        published: the figure to compare with, and its frames.
        source: where that figure stands.
    """

    name: str
    flags: str
    seeds: int
    frames_a_step: int = 1
    published: str = ""
    source: str = ""

    script = "train_agent.py"
    result = "evaluation.json"
    plot = "returns.png"


@dataclass(frozen=True)
class Fit:
    """One row of the table of nets trained on examples.

    Attributes:
        name: of the row, and the first part of its runs' names.
        flags: what ``train_supervised.py`` is told beside the seed and the data's folder.
        seeds: how many, from 0.
        metric: which of the test's metrics is shown first.
        bar: the target that it should reach.
        book: what Gulli and Kapoor 2017 reported.
        plot: which of the run's plots is shown.
    """

    name: str
    flags: str
    seeds: int
    metric: str
    bar: str
    book: str = ""
    plot: str = "history.png"

    script = "train_supervised.py"
    result = "test.json"


ZOO = "one run of the RL Zoo of Stable-Baselines3 (benchmark.md, dqn)"
WORKS = (
    Work("frozenlake-q_table", "--env FrozenLake-v1 --algo q_table", 5),
    Work("cartpole-q_linear", "--env CartPole-v0 --algo q_linear", 5),
    Work(
        "cartpole-dqn",
        "--env CartPole-v1 --algo dqn",
        5,
        published="500.0 (50 thousand steps)",
        source=ZOO,
    ),
    Work("cartpole-pg", "--env CartPole-v1 --algo pg", 5),
    Work(
        "lunarlander-dqn",
        "--env LunarLander-v3 --algo dqn",
        3,
        published="154.4 (LunarLander-v2, 100 thousand steps)",
        source=ZOO,
    ),
    Work(
        "pong-dqn",
        "--env PongNoFrameskip-v4 --algo dqn",
        2,
        frames_a_step=4,
        published="20.6 (40 million frames)",
        source=ZOO,
    ),
    Work(
        "breakout-dqn",
        "--env BreakoutNoFrameskip-v4 --algo dqn",
        1,
        frames_a_step=4,
        published="358.3 (40 million frames)",
        source=ZOO,
    ),
    Work("pong-pg", "--env Pong-v0 --algo pg", 1, frames_a_step=3),
)
FITS = (
    Fit("mnist-logistic", "--recipe mnist-logistic", 3, "accuracy", "0.925", "0.909"),
    Fit("mnist-mlp", "--recipe mnist-mlp", 3, "accuracy", "0.983", "over 0.90"),
    Fit(
        "mnist-cnn", "--recipe mnist-cnn --precision bfloat16", 3, "accuracy", "0.993", "about 0.95"
    ),
    Fit(
        "cifar10-cnn",
        "--recipe cifar10-cnn --precision bfloat16",
        1,
        "accuracy",
        "0.85 on all 50,000",
        "0.819",
    ),
    Fit("boston-linear", "--recipe boston-linear --folds 10", 3, "rmse", ""),
    Fit("boston-linear-sgd", "--recipe boston-linear-sgd --folds 10", 3, "rmse", ""),
    Fit("boston-mlp", "--recipe boston-mlp --folds 10", 3, "rmse", "3.3"),
    Fit(
        "shakespeare",
        "--recipe shakespeare --precision bfloat16",
        1,
        "loss",
        "1.50",
        "1.40, after 6 x 6 hours",
    ),
    Fit(
        "translate-en-de",
        "--recipe translate-en-de --precision bfloat16",
        1,
        "bleu",
        "30",
        "17.5 (vi-en)",
    ),
    Fit("forecast", "--recipe forecast", 3, "ratio", "beside the naive forecast"),
    Fit("siamese-mnist", "--recipe siamese-mnist", 3, "knn_accuracy", "0.97", plot="embedding.png"),
    Fit("perceptron", "--recipe perceptron", 1, "accuracy", "1", "learns"),
)


def main(words: list[str] | None = None) -> int:
    """Train what is missing, write the table and return the exit code."""
    parser = argparse.ArgumentParser("learning.py", description=(__doc__ or "").splitlines()[0])
    names = [work.name for work in (*WORKS, *FITS)]
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names, help="these rows")
    parser.add_argument(
        "--runs", type=Path, default=ROOT / "runs" / "learning", help="where the runs lie"
    )
    parser.add_argument("--data-dir", type=Path, help="copies of the data sets")
    parser.add_argument("--write", action="store_true", help="write the table, train nothing")
    options = parser.parse_args(words)
    for work in (*WORKS, *FITS):
        if not options.write and work.name in (options.only or names):
            data = ["--data-dir", str(options.data_dir)] if options.data_dir else []
            for seed in range(work.seeds):
                train(work, seed, options.runs, data if isinstance(work, Fit) else [])
    for work in (*WORKS, *FITS):
        for path in finished(work, options.runs)[:1]:
            if (path / "plots" / work.plot).exists():
                shutil.copy(path / "plots" / work.plot, DOCS / plot_of(work))
    for name, text in (("learning", page), ("supervised", supervised_page)):
        (DOCS / f"{name}.md").write_text(text(options.runs), encoding="utf-8")
        print(f"wrote {DOCS / name}.md")
    return 0


def train(work: Work | Fit, seed: int, runs: Path, more: list[str]) -> None:
    """Train one seed of a row to its end, in a process of its own."""
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
    """Say in a few words what trains here."""
    return f"{cpu_model()}, {len(os.sched_getaffinity(0))} CPUs"


def page(runs: Path) -> str:
    """Return the table, in Markdown, of the runs that have been evaluated."""
    lines = [
        "# What the algorithms learn",
        "",
        "Written by `python benchmarks/learning.py`, which trains what is missing. Each row is",
        "the command `python scripts/train_agent.py FLAGS --seed N`; its return is the mean of the",
        "episodes that the run plays at its end, 100 unless a preset says otherwise; what follows",
        "± the deviation of these means over the seeds.",
        "",
        "| flags | frames | seeds | return | worst | steps/s | minutes | machine | published |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    done = [work for work in WORKS if finished(work, runs)]
    lines += [row(work, finished(work, runs)) for work in done]
    lines += ["", "The first seed's returns while it trained, exploration included:"]
    lines += [f"\n`{work.flags}`\n\n![returns over steps]({plot_of(work)})" for work in done]
    return "\n".join(lines) + "\n"


def supervised_page(runs: Path) -> str:
    """Return the table, in Markdown, of the nets that were trained on examples."""
    lines = [
        "# What the nets reach on examples",
        "",
        "Written by `python benchmarks/learning.py`, which trains what is missing. Each row is",
        "the command `python scripts/train_supervised.py FLAGS --seed N`. The metrics are those",
        "of the test split, which is used once, at the end; what follows ± is their deviation over",
        "the seeds. With `--folds 10` each row is tested once, by a net that did not see it, and",
        "the metrics are means over the folds.",
        "",
        "| flags | seeds | test | target | Gulli and Kapoor 2017 | epochs | minutes | machine |",
        "|---|---|---|---|---|---|---|---|",
    ]
    done = [work for work in FITS if finished(work, runs)]
    lines += [supervised_row(work, finished(work, runs)) for work in done]
    lines += ["", "What they learned from:", ""]
    for work in done:
        notes = json.loads((finished(work, runs)[0] / work.result).read_text())["data"]
        lines += [f"- `{work.flags}`: {'; '.join(map(without_path, notes))}"]
    drawn = [work for work in done if (DOCS / plot_of(work)).exists()]
    lines += [f"\n`{work.flags}`\n\n![what came of it]({plot_of(work)})" for work in drawn]
    return "\n".join(lines) + "\n"


def without_path(note: str) -> str:
    """Return a note on the data without the folder that they lay in."""
    return re.sub(r" from /[^;,]*", "", note.strip())


def supervised_row(work: Fit, paths: list[Path]) -> str:
    """Return a line of the table of supervised trainings."""
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
    first = f"`{work.flags}`", str(len(paths)), ", ".join(cells), work.bar, work.book
    return f"| {' | '.join((*first, epochs, minutes, '; '.join(machines)))} |"


def finished(work: Work | Fit, runs: Path) -> list[Path]:
    """Return the runs of a row that have come to their end."""
    paths = [runs / f"{work.name}-{seed}" for seed in range(work.seeds)]
    return [path for path in paths if (path / work.result).exists()]


def plot_of(work: Work | Fit) -> str:
    """Return where a row's curve lies, seen from the table."""
    return f"img/{work.name}.png"


def row(work: Work, paths: list[Path]) -> str:
    """Return a line of the table."""
    means = [json.loads((path / "evaluation.json").read_text())["mean"] for path in paths]
    ends = [last_row(path / "timings.csv") for path in paths]
    steps, seconds = (mean(float(end[name]) for end in ends) for name in ("step", "seconds"))
    spread = f" ± {rounded(stdev(means))}" if len(means) > 1 else ""
    machines = sorted({(path / "machine.txt").read_text() for path in paths})
    published = f"{work.published}: {work.source}" if work.published else ""
    cells = (
        f"`{work.flags}`",
        f"{steps * work.frames_a_step:,.0f}",
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
    """Write a return: a share with two digits, any other with one."""
    return f"{value:.{2 if abs(value) <= 1 else 1}f}"


def last_row(path: Path) -> dict[str, str]:
    """Return the last row of a CSV file."""
    with path.open(newline="") as file:
        *_, last = csv.DictReader(file)
    return last


if __name__ == "__main__":
    sys.exit(main())
