"""Train every algorithm where its results are known, and write docs/learning.md.

    python benchmarks/learning.py [--only NAME ...] [--runs FOLDER] [--write]

Runs that are there are kept, those that were cut short are resumed, and the rest are trained, one
after the other, each by the command that the table shows. ``--write`` trains nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from compare import cpu_model

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs" / "learning.md"


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
        1,
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


def main(words: list[str] | None = None) -> int:
    """Train what is missing, write the table and return the exit code."""
    parser = argparse.ArgumentParser("learning.py", description=(__doc__ or "").splitlines()[0])
    names = [work.name for work in WORKS]
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names, help="these rows")
    parser.add_argument(
        "--runs", type=Path, default=ROOT / "runs" / "learning", help="where the runs lie"
    )
    parser.add_argument("--write", action="store_true", help="write the table, train nothing")
    options = parser.parse_args(words)
    for work in WORKS:
        if not options.write and work.name in (options.only or names):
            for seed in range(work.seeds):
                train(work, seed, options.runs)
    for work in WORKS:
        for path in evaluated(work, options.runs)[:1]:
            shutil.copy(path / "plots" / "returns.png", TABLE.parent / picture(work))
    TABLE.write_text(page(options.runs), encoding="utf-8")
    print(f"wrote {TABLE}")
    return 0


def train(work: Work, seed: int, runs: Path) -> None:
    """Train one seed of a row to its end, in a process of its own."""
    path = runs / f"{work.name}-{seed}"
    if (path / "evaluation.json").exists():
        return
    script = [sys.executable, str(ROOT / "scripts" / "train_agent.py")]
    if path.exists():
        command = [*script, "--resume", str(path)]
    else:
        name = ["--seed", str(seed), "--runs-dir", str(runs), "--name", path.name, "--no-video"]
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
        "games that the run plays at its end, 100 unless a preset says otherwise, and what follows",
        "± the deviation of these means over the seeds.",
        "",
        "| flags | frames | seeds | return | worst | steps/s | minutes | machine | published |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    done = [work for work in WORKS if evaluated(work, runs)]
    lines += [row(work, evaluated(work, runs)) for work in done]
    lines += ["", "The first seed's returns while it trained, exploration included:"]
    lines += [f"\n`{work.flags}`\n\n![returns over steps]({picture(work)})" for work in done]
    return "\n".join(lines) + "\n"


def evaluated(work: Work, runs: Path) -> list[Path]:
    """Return the runs of a row that have been evaluated."""
    paths = [runs / f"{work.name}-{seed}" for seed in range(work.seeds)]
    return [path for path in paths if (path / "evaluation.json").exists()]


def picture(work: Work) -> str:
    """Return where a row's curve lies, seen from the table."""
    return f"img/{work.name}.png"


def row(work: Work, paths: list[Path]) -> str:
    """Return a line of the table."""
    means = [json.loads((path / "evaluation.json").read_text())["mean"] for path in paths]
    ends = [last_row(path / "timings.csv") for path in paths]
    steps, seconds = (mean(float(end[name]) for end in ends) for name in ("step", "seconds"))
    spread = f" ± {figure(stdev(means))}" if len(means) > 1 else ""
    machines = sorted({(path / "machine.txt").read_text() for path in paths})
    published = f"{work.published}: {work.source}" if work.published else ""
    cells = (
        f"`{work.flags}`",
        f"{steps * work.frames_a_step:,.0f}",
        str(len(means)),
        f"{figure(mean(means))}{spread}",
        figure(min(means)),
        f"{steps / seconds:,.0f}",
        f"{seconds / 60:.1f}",
        "; ".join(machines),
        published,
    )
    return f"| {' | '.join(cells)} |"


def figure(value: float) -> str:
    """Write a return: a share with two digits, any other with one."""
    return f"{value:.{2 if abs(value) <= 1 else 1}f}"


def last_row(path: Path) -> dict[str, str]:
    """Return the last row of a CSV file."""
    with path.open(newline="") as file:
        *_, last = csv.DictReader(file)
    return last


if __name__ == "__main__":
    sys.exit(main())
