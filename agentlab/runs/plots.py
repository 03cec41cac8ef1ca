"""Pictures of how a training went."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError
from agentlab.runs.files import replacing, reporting

Column = npt.NDArray[np.float64]

INK, MUTED, LINE = "#222222", "#777777", "#1f6fb4"


def plot_returns(run_path: Path | str) -> Path:
    """Draw a run's mean return over its steps, and the spread where it was logged.

    Reads ``metrics.csv`` (``return/mean``; ``return/min`` and ``return/max``, or ``return/std``;
    ``episodes``) and ``timings.csv`` (``seconds``, for a second axis).

    Returns:
        The picture, ``plots/returns.png`` in the run's folder.

    Raises:
        AgentlabError: where the run has logged no returns, or the folder cannot be written to.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    run_path = Path(run_path)
    metrics = _columns(run_path / "metrics.csv")
    mean = metrics.get("return/mean", np.empty(0))
    drawn = np.isfinite(mean)
    if not drawn.any():
        raise AgentlabError(f"run={str(run_path)!r} has no returns to plot: no episode has ended")
    steps, mean = metrics["step"][drawn], mean[drawn]

    figure = Figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.add_subplot()
    if {"return/min", "return/max"} <= metrics.keys():
        low, high = metrics["return/min"][drawn], metrics["return/max"][drawn]
        axes.fill_between(
            steps, low, high, color=LINE, alpha=0.14, lw=0, label="worst to best of them"
        )
    elif "return/std" in metrics:
        std = metrics["return/std"][drawn]
        label = "± standard deviation"
        axes.fill_between(steps, mean - std, mean + std, color=LINE, alpha=0.14, lw=0, label=label)
    marker = "o" if len(steps) == 1 else ""
    axes.plot(steps, mean, color=LINE, lw=1.8, marker=marker, label="mean of the last 100 episodes")
    axes.annotate(
        f" {mean[-1]:.4g}", (steps[-1], mean[-1]), color=LINE, va="center", annotation_clip=False
    )

    axes.set_title(_title(run_path, metrics), loc="left", color=INK)
    axes.set_xlabel("environment steps", color=INK)
    axes.set_ylabel("return (sum of an episode's rewards)", color=INK)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.margins(x=0.02)
    axes.grid(color="#e6e6e6", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(colors=MUTED, labelcolor=INK)
    axes.legend(frameon=False, loc="best", labelcolor=INK)
    _add_clock(axes, _columns(run_path / "timings.csv"))

    path = run_path / "plots" / "returns.png"
    with reporting(f"plot={str(path)!r} cannot be written"):
        path.parent.mkdir(exist_ok=True)
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=150)
    return path


def _title(run_path: Path, metrics: dict[str, Column]) -> str:
    name = run_path.resolve().name
    episodes = metrics.get("episodes", np.empty(0))
    return f"{name} · {int(episodes[-1]):,} episodes" if np.isfinite(episodes[-1:]).any() else name


def _add_clock(axes: Any, timings: dict[str, Column]) -> None:
    """Put a second axis on top: the wall-clock time at which the steps were reached."""
    seconds = timings.get("seconds", np.empty(0))
    known = np.isfinite(seconds)
    if known.sum() < 2:
        return
    steps = np.append(0.0, timings["step"][known])
    unit, times = "seconds", np.append(0.0, seconds[known])
    if times[-1] > 120:
        unit, times = "minutes", times / 60
    if not ((np.diff(steps) > 0).all() and (np.diff(times) > 0).all()):
        return
    top = axes.secondary_xaxis(
        "top", functions=(_stretched(steps, times), _stretched(times, steps))
    )
    top.set_xlabel(f"wall-clock {unit}", color=MUTED)
    top.tick_params(colors=MUTED)
    top.spines["top"].set_visible(False)


def _stretched(x: Column, y: Column) -> Any:
    """Interpolate between increasing points, and go on beyond them at the average slope."""
    slope = (y[-1] - y[0]) / (x[-1] - x[0])

    def function(values: Any) -> Any:
        inside = np.clip(values, x[0], x[-1])
        return np.interp(inside, x, y) + (np.asarray(values) - inside) * slope

    return function


def _columns(path: Path) -> dict[str, Column]:
    """Read a table's columns; a missing cell is NaN, a missing file has none."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = rows[0] if rows else {}
    return {name: np.array([float(row[name] or math.nan) for row in rows]) for name in names}
