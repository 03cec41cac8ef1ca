"""Pictures of how a training went."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError, printable
from agentlab.runs.files import replacing, reporting
from agentlab.runs.reading import open_regular

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Column = npt.NDArray[np.float64]

INK, MUTED, LINE, CONTRAST = "#222222", "#777777", "#1f6fb4", "#d1601f"


def plot_returns(run_path: Path | str) -> Path:
    """Draw a run's mean return over its steps, and the spread where it was logged.

    Reads ``metrics.csv`` (``return/mean``; ``return/min`` and ``return/max``, or ``return/std``;
    ``episodes``) and ``timings.csv`` (``seconds``, for a second axis).

    Returns:
        The picture, ``plots/returns.png`` in the run's folder.

    Raises:
        AgentlabError: where the run has logged no returns, or the folder cannot be written to.
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
            steps, low, high, color=LINE, alpha=0.14, lw=0, label="worst to best of them"
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
    _add_clock(axes, _columns(run_path / "timings.csv"))
    return save_figure(figure, run_path / "plots" / "returns.png")


def plot_history(run_path: Path | str) -> Path:
    """Draw how each figure of a supervised run changed over its epochs, a panel for each.

    Reads ``metrics.csv``: every ``train/NAME`` and ``validation/NAME``.

    Returns:
        The picture, ``plots/history.png`` in the run's folder.

    Raises:
        AgentlabError: where no epoch has ended, or the folder cannot be written to.
    """
    from matplotlib.ticker import MaxNLocator

    run_path = Path(run_path)
    metrics = _columns(run_path / "metrics.csv")
    parts = {"train": ("training data", LINE), "validation": ("held-out data", CONTRAST)}
    drawn = {name for name, column in metrics.items() if np.isfinite(column).any()}
    paths = [name.partition("/") for name in metrics if name in drawn]
    names = list(dict.fromkeys(name for part, _, name in paths if part in parts))
    if not names:
        raise AgentlabError(f"run={str(run_path)!r} has no history to plot: no epoch has ended")

    across = min(len(names), 3)
    down = -(-len(names) // across)
    figure = new_figure(max(4.8 * across, 6), 3.6 * down + 0.3)
    for name, axes in zip(names, figure.subplots(down, across, squeeze=False).flat, strict=False):
        for part, (label, colour) in parts.items():
            if (column := f"{part}/{name}") in drawn:
                known = np.isfinite(metrics[column])
                values = metrics[column][known]
                label = f"{label}: {values[-1]:.4g} at last"
                _draw_line(axes, metrics["step"][known], values, colour, label)
        tidy(axes, name, "epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False, loc="best", labelcolor=INK)
    for axes in figure.axes[len(names) :]:
        axes.remove()
    figure.suptitle(run_path.resolve().name, x=0.01, ha="left", color=INK)
    return save_figure(figure, run_path / "plots" / "history.png")


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches, which gives every text the room that it needs."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def tidy(axes: Any, title: str = "", x: str = "", y: str = "") -> None:
    """Give axes their titles and the look that all pictures share."""
    axes.set_title(title, loc="left", color=INK)
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.margins(x=0.02)
    axes.grid(color="#e6e6e6", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(colors=MUTED, labelcolor=INK)


def plain(text: object, width: int) -> str:
    """Return a text on one line of at most ``width`` characters, in which no formula begins.

    The middle is left out of a longer one, since names often differ at their ends.
    """
    line = printable(" ".join(str(text).split()))
    if len(line) > width:
        line = line[: width // 2] + "…" + line[len(line) - (width - width // 2 - 1) :]
    return line.replace("$", r"\$")


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as a PNG, whole or not at all, and return its path.

    Raises:
        AgentlabError: where the folder, which is made if missing, cannot be written to.
    """
    with reporting(f"plot={str(path)!r} cannot be written"):
        path.parent.mkdir(exist_ok=True)
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=150)
    return path


def figure_to_array(figure: Figure) -> npt.NDArray[np.uint8]:
    """Return a figure as a picture for TensorBoard, uint8 ``[height, width, 3]``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _draw_line(axes: Any, x: Column, y: Column, colour: str, label: str) -> None:
    """Draw a curve; a point where there is but one."""
    axes.plot(x, y, color=colour, lw=1.8, marker="o" if len(x) == 1 else "", label=label)


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
    with io.TextIOWrapper(open_regular(path), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = rows[0] if rows else {}
    return {name: np.array([float(row[name] or math.nan) for row in rows]) for name in names}
