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
from agentlab.plots.style import CONTRAST, INK, LINE, MUTED, new_figure, plain, save_figure, tidy
from agentlab.runs.episode_log import read_episodes
from agentlab.runs.reading import open_regular, read_json

Column = npt.NDArray[np.float64]
MAX_DOTS = 20_000
MAX_NAME = 60  # characters


def plot_returns(run_path: Path | str) -> Path:
    """Plot the returns of a run over its steps: episodes, their mean, and the evaluations.

    Reads ``metrics.csv`` (``return/mean``; ``return/min`` and ``return/max``, or ``return/std``;
    ``episodes``), ``episodes.csv``, ``evaluations.csv``, ``evaluation.json`` and ``timings.csv``
    (``seconds``, for a second axis).

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
    episodes = read_episodes(run_path)
    if len(episodes):
        _draw_episodes(axes, episodes[:, 0], episodes[:, 1])
    elif {"return/min", "return/max"} <= metrics.keys():
        low, high = metrics["return/min"][drawn], metrics["return/max"][drawn]
        axes.fill_between(
            steps, low, high, color=LINE, alpha=0.14, lw=0, label="minimum to maximum"
        )
    elif "return/std" in metrics:
        std = metrics["return/std"][drawn]
        label = "± standard deviation"
        axes.fill_between(steps, mean - std, mean + std, color=LINE, alpha=0.14, lw=0, label=label)
    _draw_line(axes, steps, mean, LINE, "mean of the last 100 episodes")
    _draw_evaluations(axes, run_path, float(steps[-1]))
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
    legend: Any = axes.legend(frameon=False, loc="best", labelcolor=INK)
    for handle in legend.legend_handles:
        handle.set_alpha(1)
    _add_time_axis(axes, _columns(run_path / "timings.csv"))
    return save_figure(figure, run_path / "plots" / "returns.png")


def _draw_episodes(axes: Any, steps: Column, returns: Column) -> None:
    """Draw each episode as a dot; if there are very many, an evenly spaced subset."""
    chosen = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), MAX_DOTS)).astype(int))
    label = "episodes" if len(chosen) == len(steps) else f"{len(chosen):,} of the episodes"
    alpha = float(np.clip(300 / len(chosen), 0.06, 0.5))
    axes.plot(
        steps[chosen], returns[chosen], ".", color=LINE, ms=3, mew=0, alpha=alpha, label=label
    )


def _draw_evaluations(axes: Any, run_path: Path, last: float) -> None:
    """Draw the evaluations during training and the final one, with their standard deviations."""
    rows = _columns(run_path / "evaluations.csv")
    empty = np.empty(0)
    steps = rows.get("step", empty)
    means, stds = (rows.get(f"{name}_return", empty) for name in ("mean", "std"))
    if not len(steps) == len(means) == len(stds):
        raise AgentlabError(f"{run_path / 'evaluations.csv'} cannot be read: columns are missing")
    final = _final_evaluation(run_path)
    if final is not None and last not in steps:
        steps, means, stds = (
            np.append(known, new)
            for known, new in zip((steps, means, stds), (last, *final), strict=True)
        )
    if len(steps):
        axes.errorbar(
            steps,
            means,
            stds,
            color=CONTRAST,
            lw=1.2,
            elinewidth=0.8,
            marker="o",
            ms=4,
            label="evaluation ± standard deviation",
        )


def _final_evaluation(run_path: Path) -> tuple[float, float] | None:
    """Return the mean and standard deviation in ``evaluation.json``, if it exists."""
    path = run_path / "evaluation.json"
    if not path.exists():
        return None
    try:
        content = read_json(path)
        return float(content["mean"]), float(content["std"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise AgentlabError(f"{path} cannot be read: {error}") from error


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
    figure.suptitle(_name(run_path), x=0.01, ha="left", color=INK)
    return save_figure(figure, run_path / "plots" / "history.png")


def _draw_line(axes: Any, x: Column, y: Column, color: str, label: str) -> None:
    """Draw a curve, or a marker if it has a single point."""
    axes.plot(x, y, color=color, lw=1.8, marker="o" if len(x) == 1 else "", label=label)


def _name(run_path: Path) -> str:
    return plain(run_path.resolve().name, MAX_NAME)


def _title(run_path: Path, metrics: dict[str, Column]) -> str:
    name = _name(run_path)
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
