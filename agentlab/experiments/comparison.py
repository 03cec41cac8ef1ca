"""Comparing runs: groups that differ only in the seed, their learning curves and final returns.

::

    from agentlab.experiments.comparison import compare

    for group in compare(["runs/CartPole-v1-ppo-seed0", "runs/CartPole-v1-ppo-seed1"]):
        print(group.label, group.final.estimate, group.final.low, group.final.high)
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agentlab.errors import AgentlabError
from agentlab.experiments.agent_result import read_evaluation
from agentlab.plots.aggregates import Doubles, Interval, bootstrap_interval
from agentlab.plots.learning_curves import Curve, plot_learning_curves
from agentlab.runs.config_file import read_config
from agentlab.runs.files import make_numbered_folder, reporting, write_text
from agentlab.runs.table import Table

CURVES = "curves.csv"
POINTS = 100  # of a learning curve
# Settings that do not affect what is learned; runs may differ in them within a group.
WITHOUT_EFFECT = ("seed", "workers", "log_every", "checkpoint_every", "video", "eval_steps")


@dataclass(frozen=True)
class Group:
    """Runs with the same settings except for the seed.

    Attributes:
        label: the algorithm, and the settings that distinguish it from the other groups.
        env: the environment's id.
        paths: the runs' folders.
        steps: the steps of the curve, up to the end of the shortest run, ``[points]``.
        curve: mean return of the latest 100 episodes at these steps, ``[points]``.
        final: mean return in the final evaluation; where a run has none, of its latest episodes.
        finals: likewise for each run, ``[runs]``.
    """

    label: str
    env: str
    paths: tuple[Path, ...]
    steps: Doubles
    curve: Interval
    final: Interval
    finals: Doubles


def compare(paths: Sequence[Path | str]) -> list[Group]:
    """Group runs by their settings, and return the learning curve and final return of each group.

    Folders written by ``write_comparison`` are skipped, so that ``runs/*`` may include them.

    Raises:
        AgentlabError: if a run is not an agent's, cannot be read, or has no finished episode.
    """
    folders = [Path(path) for path in dict.fromkeys(map(str, paths))]
    runs = [_Run.read(path) for path in folders if not (path / CURVES).exists()]
    if not runs:
        raise AgentlabError("RUN is missing: only folders of comparisons are named")
    settings: dict[str, list[_Run]] = {}
    for run in runs:
        settings.setdefault(json.dumps(run.settings, sort_keys=True), []).append(run)
    members = list(settings.values())
    labels = _labels([group[0] for group in members])
    return [_group(label, group) for label, group in zip(labels, members, strict=True)]


@dataclass(frozen=True)
class _Run:
    """The settings and returns of one run."""

    path: Path
    env: str
    algo: str
    settings: dict[str, Any]
    steps: Doubles
    returns: Doubles

    @classmethod
    def read(cls, path: Path) -> _Run:
        config, _ = read_config(path)
        if config.get("kind") != "agent":
            raise AgentlabError(
                f"run={str(path)!r} is not a run of an agent; only agents can be compared"
            )
        rows = [row for row in Table(path / "metrics.csv").read() if "return/mean" in row]
        if not rows:
            raise AgentlabError(f"run={str(path)!r} has no returns: no episode has ended")
        settings: dict[str, Any] = {"env": config["env"], "algo": config["algo"]}
        for group in ("config", "preprocessing", "environment", "training"):
            values = config.get(group) or {}
            settings |= {n: v for n, v in values.items() if n not in WITHOUT_EFFECT}
        columns = ([row[name] for row in rows] for name in ("step", "return/mean"))
        return cls(path, str(config["env"]), str(config["algo"]), settings, *map(np.array, columns))

    @property
    def final(self) -> float:
        evaluation = read_evaluation(self.path / "evaluation.json")
        return float(self.returns[-1]) if evaluation is None else evaluation.mean


def _group(label: str, runs: Sequence[_Run]) -> Group:
    """Interpolate the curves of runs at common steps."""
    first, last = max(run.steps[0] for run in runs), min(run.steps[-1] for run in runs)
    steps = np.linspace(min(first, last), last, POINTS)
    curves = np.stack([np.interp(steps, run.steps, run.returns) for run in runs])
    finals = np.array([run.final for run in runs])
    paths = tuple(run.path for run in runs)
    intervals = bootstrap_interval([curves]), bootstrap_interval([finals])
    return Group(label, runs[0].env, paths, steps, *intervals, finals)


def _labels(runs: Sequence[_Run]) -> list[str]:
    """Return the algorithm of each run, and the settings in which its runs differ."""
    labels = []
    for run in runs:
        others = [
            other.settings for other in runs if (other.env, other.algo) == (run.env, run.algo)
        ]
        differing = [
            f"{name}={value}"
            for name, value in run.settings.items()
            if any(other.get(name) != value for other in others)
        ]
        labels.append(" ".join([run.algo, *differing]))
    return labels


def over_environments(groups: Sequence[Group]) -> dict[str, Interval]:
    """Return the final return of each label over all environments, by the stratified bootstrap.

    Returns are scaled so that 0 and 1 are the lowest and the highest of all compared runs in an
    environment. Labels without runs in every environment are left out.
    """
    envs = dict.fromkeys(group.env for group in groups)
    scores: dict[str, list[Doubles]] = {}
    for env in envs:
        own = [group for group in groups if group.env == env]
        returns = np.concatenate([group.finals for group in own])
        low, width = returns.min(), max(float(np.ptp(returns)), 1e-12)
        for group in own:
            scores.setdefault(group.label, []).append((group.finals - low) / width)
    complete = {label: tasks for label, tasks in scores.items() if len(tasks) == len(envs)}
    return {label: bootstrap_interval(tasks) for label, tasks in complete.items()}


def table(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Return a row for each group, and for several environments one over all for each label."""
    rows = [
        {
            "env": group.env,
            "agent": group.label,
            "runs": len(group.paths),
            "steps": int(group.steps[-1]),
            **_numbers(group.final),
        }
        for group in groups
    ]
    if len({group.env for group in groups}) > 1:
        for label, interval in over_environments(groups).items():
            count = sum(len(group.paths) for group in groups if group.label == label)
            row = {"env": "all, scaled to 0..1", "agent": label, "runs": count, "steps": ""}
            rows.append({**row, **_numbers(interval)})
    return rows


def _numbers(interval: Interval) -> dict[str, float]:
    low, high = float(interval.low), float(interval.high)
    return {"iqm": float(interval.estimate), "low": low, "high": high}


def write_comparison(groups: Sequence[Group], folder: Path) -> Path:
    """Write ``summary.csv``, ``curves.csv`` and ``curves.png`` to a new folder, and return it.

    Raises:
        AgentlabError: if the folder cannot be written.
    """
    points = [
        {"env": g.env, "agent": g.label, "step": step, "iqm": iqm, "low": low, "high": high}
        for g in groups
        for step, iqm, low, high in zip(g.steps.tolist(), *_lists(g.curve), strict=True)
    ]
    with reporting(f"comparison={str(folder)!r} cannot be written"):
        folder = make_numbered_folder(folder.parent, folder.name)
        write_text(folder / "summary.csv", _csv(table(groups)))
        write_text(folder / CURVES, _csv(points))
    curves = [Curve(g.label, g.env, len(g.paths), g.steps, g.curve) for g in groups]
    plot_learning_curves(curves, folder / "curves.png")
    return folder


def _lists(interval: Interval) -> tuple[list[float], ...]:
    return tuple(values.tolist() for values in interval)


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
