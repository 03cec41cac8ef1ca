"""Learning curves of a run."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError
from agentlab.plots.style import CONTRAST, INK, LINE, MUTED, new_figure, save_figure, tidy
from agentlab.runs.reading import open_regular

Column = npt.NDArray[np.float64]


def plot_returns(run_path: Path | str) -> Path:
    """Plot the mean return of a run over its steps, with its spread if that was logged.

    Reads ``metrics.csv`` (``return/mean``; ``return/min`` and ``return/max``, or ``return/std``;
    ``episodes``) and ``timings.csv`` (``seconds``, for a second axis).

    Args:
        run_path: the run's folder.

    Returns:
        Path of the plot, ``plots/returns.png`` in the run's folder.

    Raises:
        AgentlabError: if the run has logged no returns, or the folder is not writable.

    >>> import tempfile
    >>> from agentlab.runs import Run
    >>> with tempfile.TemporaryDirectory() as root:
    ...     with Run.create(root, "demo", {}) as run:
    ...         run.log(100, {"return/mean": 1.5}, {})
    ...         run.log(200, {"return/mean": 2.5}, {})
    ...     plot_returns(run.path).name
    'returns.png'
    """
    from matplotlib.ticker import EngFormatter

    run_path = Path(run_path)
    metrics = _columns(run_path / "metrics.csv")
    mean = metrics.get("return/mean", np.empty(0))
    drawn = np.isfinite(mean)
    if not drawn.any():
        raise AgentlabError(f"run={str(run_path)!r} has no returns to plot: no episode has ended")
    steps, mean = metrics["step"][drawn], mean[drawn]

    figure = new_figure(8, 4.8)
    axes = figure.add_subplot()
    if {"return/min", "return/max"} <= metrics.keys():
        low, high = metrics["return/min"][drawn], metrics["return/max"][drawn]
        axes.fill_between(
            steps, low, high, color=LINE, alpha=0.14, lw=0, label="minimum to maximum"
        )
    elif "return/std" in metrics:
        std = metrics["return/std"][drawn]
        label = "± standard deviation"
        axes.fill_between(steps, mean - std, mean + std, color=LINE, alpha=0.14, lw=0, label=label)
    _draw_line(axes, steps, mean, LINE, "mean of the last 100 episodes")
    axes.annotate(
        f" {mean[-1]:.4g}", (steps[-1], mean[-1]), color=LINE, va="center", annotation_clip=False
    )
    tidy(
        axes,
        _title(run_path, metrics),
        "environment steps",
        "return (sum of an episode's rewards)",
    )
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.legend(frameon=False, loc="best", labelcolor=INK)
    _add_time_axis(axes, _columns(run_path / "timings.csv"))
    return save_figure(figure, run_path / "plots" / "returns.png")


def plot_history(run_path: Path | str) -> Path:
    """Plot the metrics of a supervised run over its epochs, each in its own subplot.

    Reads ``train/NAME`` and ``validation/NAME`` in ``metrics.csv``.

    Args:
        run_path: the run's folder.

    Returns:
        Path of the plot, ``plots/history.png`` in the run's folder.

    Raises:
        AgentlabError: if no epoch has ended, or the folder is not writable.
    """
    from matplotlib.ticker import MaxNLocator

    run_path = Path(run_path)
    metrics = _columns(run_path / "metrics.csv")
    splits = {"train": ("training data", LINE), "validation": ("validation data", CONTRAST)}
    drawn = {name for name, column in metrics.items() if np.isfinite(column).any()}
    paths = [name.partition("/") for name in metrics if name in drawn]
    names = list(dict.fromkeys(name for split, _, name in paths if split in splits))
    if not names:
        raise AgentlabError(f"run={str(run_path)!r} has no history to plot: no epoch has ended")

    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure = new_figure(max(4.8 * columns, 6), 3.6 * rows + 0.3)
    for name, axes in zip(names, figure.subplots(rows, columns, squeeze=False).flat, strict=False):
        for split, (label, color) in splits.items():
            if (column := f"{split}/{name}") in drawn:
                known = np.isfinite(metrics[column])
                values = metrics[column][known]
                label = f"{label}: {values[-1]:.4g} at the end"
                _draw_line(axes, metrics["step"][known], values, color, label)
        tidy(axes, name, "epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False, loc="best", labelcolor=INK)
    for axes in figure.axes[len(names) :]:
        axes.remove()
    figure.suptitle(run_path.resolve().name, x=0.01, ha="left", color=INK)
    return save_figure(figure, run_path / "plots" / "history.png")


def _draw_line(axes: Any, x: Column, y: Column, color: str, label: str) -> None:
    """Draw a curve, or a marker if it has a single point."""
    axes.plot(x, y, color=color, lw=1.8, marker="o" if len(x) == 1 else "", label=label)


def _title(run_path: Path, metrics: dict[str, Column]) -> str:
    name = run_path.resolve().name
    episodes = metrics.get("episodes", np.empty(0))
    return f"{name} · {int(episodes[-1]):,} episodes" if np.isfinite(episodes[-1:]).any() else name


def _add_time_axis(axes: Any, timings: dict[str, Column]) -> None:
    """Add a second x-axis on top: the wall-clock time at which the steps were reached."""
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
        "top", functions=(_interpolator(steps, times), _interpolator(times, steps))
    )
    top.set_xlabel(f"wall-clock {unit}", color=MUTED)
    top.tick_params(colors=MUTED)
    top.spines["top"].set_visible(False)


def _interpolator(x: Column, y: Column) -> Any:
    """Return a linear interpolation of increasing points, extrapolated at the average slope."""
    slope = (y[-1] - y[0]) / (x[-1] - x[0])

    def function(values: Any) -> Any:
        inside = np.clip(values, x[0], x[-1])
        return np.interp(inside, x, y) + (np.asarray(values) - inside) * slope

    return function


def _columns(path: Path) -> dict[str, Column]:
    """Read the columns of a CSV file; missing cells are NaN, a missing file has no columns."""
    if not path.exists():
        return {}
    with io.TextIOWrapper(open_regular(path), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = rows[0] if rows else {}
    return {name: np.array([float(row[name] or math.nan) for row in rows]) for name in names}
