"""Pictures of what a trained net does, drawn on data that it did not learn from.

Each function returns a matplotlib ``Figure``, in the look of ``agentlab.runs.plots``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agentlab.runs.plots import CONTRAST, INK, LINE, MUTED, new_figure, plain, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

MAX_POINTS = 20_000  # of a scatter; more take longer to draw and show nothing else
MAX_BARS = 40
MAX_NUMBERED = 20  # rows of a matrix whose cells hold numbers
LONGEST_NAME = 24  # characters


def confusion_matrix(true: Array, predicted: Array, classes: Sequence[object]) -> Figure:
    """Draw which class was taken for which: counts, and as colours shares of each true class.

    Args:
        true: the classes' numbers, int ``[n]``.
        predicted: what the net said, int ``[n]``.
        classes: the classes' names.
    """
    counts = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(counts, (np.asarray(true), np.asarray(predicted)), 1)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = float(np.clip(0.45 * len(classes), 3, 12))
    room = _room(classes)
    figure = new_figure(side + room + 1.5, side + room + 0.8)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    right = np.trace(counts) / max(len(true), 1)
    tidy(axes, f"{right:.1%} of {len(true):,} right", "predicted class", "true class")
    _finish_matrix(axes, classes, classes, side, side)
    if len(classes) <= MAX_NUMBERED:
        _write_cells(axes, shares, [[f"{count:,}" for count in row] for row in counts], side)
    _add_shares(figure, axes, image)
    return figure


def example_pictures(images: Array, titles: Sequence[str], right: Sequence[bool] | Array) -> Figure:
    """Draw pictures and, above each, what the net says of it; wrong ones have a thick frame.

    Args:
        images: ``[n, height, width]`` or ``[n, height, width, channels]``: bytes, or floats, which
            are stretched over the range that they span. Three channels are colours; of any other
            number the mean is drawn.
        titles: one for each, such as ``"7"`` or ``"cat, not dog"``.
        right: whether the net is right, bool ``[n]``.
    """
    images = np.asarray(images)
    low, high = (0, 255) if images.dtype == np.uint8 else (images.min(), images.max())
    images = (images - low) / max(high - low, 1e-12)
    if images.ndim == 4 and images.shape[-1] != 3:
        images = images.mean(-1)
    across = min(len(images), 8)
    down = -(-len(images) // across)
    tall = float(np.clip(images.shape[1] / images.shape[2], 0.1, 4))
    figure = new_figure(max(1.5 * across, 2), (1.5 * tall + 0.5) * down)
    grid = figure.subplots(down, across, squeeze=False).ravel()
    for axes, image, title, good in zip(grid, images, titles, right, strict=False):
        colour, width = (INK, 0.5) if good else (CONTRAST, 3.0)
        axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.spines[:].set(color=colour, linewidth=width)
        axes.set(xticks=[], yticks=[])
        lines = textwrap.wrap(" ".join(str(title).split()), 19, max_lines=3, placeholder="…")
        text = "\n".join(plain(line, 19) for line in lines)
        axes.set_title(text, color=colour, fontsize=8)
    for axes in grid[len(images) :]:
        axes.set_axis_off()
    return figure


def residuals(true: Array, predicted: Array, name: str) -> Figure:
    """Draw predicted against true numbers, and the errors against the predicted ones.

    Args:
        true: float ``[n]``.
        predicted: float ``[n]``.
        name: what is predicted, with its unit.
    """
    true, predicted = (np.asarray(a, np.float64).ravel() for a in (true, predicted))
    errors = true - predicted
    figure = new_figure(10, 4.6)
    left, right = figure.subplots(1, 2)
    few = _some(len(true))
    dots: dict[str, Any] = {"color": LINE, "alpha": 0.5 if len(few) < 1000 else 0.2, "lw": 0}
    left.scatter(true[few], predicted[few], 14, **dots)
    ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
    left.plot(ends, ends, color=INK, lw=1)
    right.scatter(predicted[few], errors[few], 14, **dots)
    right.axhline(0, color=INK, lw=1)
    spread = np.sum((true - true.mean()) ** 2)
    r2 = f", R² {1 - np.sum(errors**2) / spread:.3g}" if spread > 0 else ""
    name = plain(name, 40)
    tidy(left, f"RMSE {np.sqrt(np.mean(errors**2)):.4g}{r2}", f"true {name}", f"predicted {name}")
    tidy(right, "residuals", f"predicted {name}", "true less predicted")
    return figure


def attention_map(
    weights: Array, source_tokens: Sequence[str], target_tokens: Sequence[str]
) -> Figure:
    """Draw how much each target token looked at each source token.

    Args:
        weights: float ``[target, source]``, each row summing to 1; rows and columns beyond the
            tokens (padding) are left out.
        source_tokens: what was read.
        target_tokens: what was written.
    """
    shape = (len(target_tokens), len(source_tokens))
    height, width = (float(np.clip(0.36 * n, 2, 12)) for n in shape)
    figure = new_figure(width + _room(target_tokens) + 1.5, height + _room(source_tokens) + 0.6)
    axes = figure.add_subplot()
    image = axes.imshow(
        np.asarray(weights)[: shape[0], : shape[1]], cmap="Blues", vmin=0, aspect="auto"
    )
    tidy(axes, "", "source", "target")
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    _finish_matrix(axes, source_tokens, target_tokens, width, height)
    _add_shares(figure, axes, image)
    return figure


def forecast(
    past: Array, true: Array, predicted: Array, naive: Array, names: Sequence[str] = ()
) -> Figure:
    """Draw a forecast after the past that it was made from, beside what came and a naive guess.

    Args:
        past: float ``[time]`` or ``[time, series]``.
        true: what came, float ``[horizon]`` or ``[horizon, series]``.
        predicted: the forecast, of that shape.
        naive: the naive forecast (such as the last value), of that shape.
        names: of the series.
    """
    past, true, predicted, naive = (
        np.asarray(a, np.float64).reshape(len(a), -1) for a in (past, true, predicted, naive)
    )
    count = past.shape[1]
    before, after = np.arange(-len(past), 0) + 1, np.arange(len(true)) + 1
    marker = "o" if len(after) == 1 else ""
    figure = new_figure(10, 0.8 + 2.8 * count)
    for i, axes in enumerate(figure.subplots(count, 1, squeeze=False, sharex=True).flat):
        axes.plot(before, past[:, i], color=INK, lw=1.4, label="past")
        axes.plot(after, true[:, i], color=INK, lw=1.4, ls=":", marker=marker, label="what came")
        for values, colour, label in ((predicted, LINE, "forecast"), (naive, CONTRAST, "naive")):
            label = f"{label}, RMSE {np.sqrt(np.mean((values - true)[:, i] ** 2)):.4g}"
            axes.plot(after, values[:, i], color=colour, lw=1.8, marker=marker, label=label)
        axes.axvline(0.5, color=MUTED, lw=0.8)
        last = "time steps from the last one known" if i == count - 1 else ""
        tidy(axes, plain(names[i], 60) if names else "", last)
        axes.legend(frameon=False, labelcolor=INK, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def embedding_scatter(points: Array, labels: Sequence[object] | Array) -> Figure:
    """Draw where an embedding puts examples, a colour for each class.

    Args:
        points: float ``[n, 2]``.
        labels: each one's class, number or name, ``[n]``.
    """
    import matplotlib

    classes, numbers = np.unique(np.asarray(labels), return_inverse=True)
    few = _some(len(points))
    points, numbers = np.asarray(points)[few], numbers[few]
    columns = -(-len(classes) // 25)
    figure = new_figure(7 + 1.3 * columns, 6.5)
    axes = figure.add_subplot()
    shades = np.arange(10) if len(classes) <= 10 else np.linspace(0, 1, len(classes))
    colours = matplotlib.colormaps["tab10" if len(classes) <= 10 else "turbo"](shades)
    size = 24 if len(few) < 500 else 8
    for i, name in enumerate(classes):
        x, y = points[numbers == i].T
        label = plain(name, LONGEST_NAME if columns == 1 else 16)
        axes.scatter(x, y, size, colours[i : i + 1], lw=0, alpha=0.7, label=label)
    tidy(axes, "", "first dimension", "second dimension")
    axes.set_aspect("equal", "datalim")
    figure.legend(
        loc="outside right upper",
        frameon=False,
        labelcolor=INK,
        ncols=columns,
        fontsize=9 if columns == 1 else 7,
        markerscale=float(np.sqrt(30 / size)),
        handletextpad=0.2,
    )
    return figure


def correlations(x: Array, y: Array, names: Sequence[str], target: str = "target") -> Figure:
    """Draw how numbers go together: each two of the inputs, and each with the target.

    Args:
        x: float ``[n, inputs]``.
        y: float ``[n]``.
        names: of the inputs.
        target: name of ``y``.
    """
    from matplotlib.colors import LinearSegmentedColormap

    with np.errstate(invalid="ignore", divide="ignore"):  # NaN for a column that never changes
        matrix = np.asarray(np.corrcoef(np.column_stack([x, y]), rowvar=False))
    within = matrix[:-1, :-1]
    side = float(np.clip(0.45 * len(names), 3, 12))
    room = _room(names)
    figure = new_figure(2 * (side + room) + 0.8, side + room + 0.6)
    left, right = figure.subplots(1, 2)
    colours = LinearSegmentedColormap.from_list("correlation", [CONTRAST, "white", LINE])
    left.imshow(within, cmap=colours, vmin=-1, vmax=1, aspect="auto")
    tidy(left, "correlation of the inputs")
    _finish_matrix(left, names, names, side, side)
    if len(names) <= MAX_NUMBERED:
        words = [[f"{v:.2f}" if np.isfinite(v) else "–" for v in row] for row in within]
        _write_cells(left, np.abs(within), words, side)
    _draw_bars(right, names, matrix[:-1, -1], f"correlation with {plain(target, 30)}", side)
    right.set_xlim(-1, 1)
    right.set_xticks([-1, -0.5, 0, 0.5, 1])
    return figure


def coefficients(
    names: Sequence[str], values: Array, errors: Array | None = None, unit: str = ""
) -> Figure:
    """Draw a linear model's coefficients, the largest on top.

    Args:
        names: of the inputs.
        values: float ``[inputs]``.
        errors: their standard errors, float ``[inputs]``, where they are known.
        unit: of the coefficients.
    """
    height = 0.28 * min(len(names), MAX_BARS) + 0.3
    figure = new_figure(8, height + 1)
    title = "coefficients" if errors is None else "coefficients ± standard error"
    axes = figure.add_subplot()
    _draw_bars(axes, names, np.asarray(values), title, height, errors)
    axes.set_xlabel(plain(unit, 80), color=INK)
    return figure


def _draw_bars(
    axes: Axes,
    names: Sequence[str],
    values: Array,
    title: str,
    height: float,
    errors: Array | None = None,
) -> None:
    """Draw bars from the largest down."""
    sizes = np.nan_to_num(np.abs(values), nan=-1.0)
    largest = np.argsort(-sizes, kind="stable")[:MAX_BARS]
    rows, drawn = np.arange(len(largest)), np.nan_to_num(values[largest])
    spread = None if errors is None else errors[largest]
    axes.barh(rows, drawn, color=np.where(drawn < 0, CONTRAST, LINE), height=0.7)
    axes.errorbar(drawn, rows, xerr=spread, fmt="none", ecolor=INK, lw=1)
    axes.axvline(0, color=MUTED, lw=1)
    some = f", the largest {len(largest)} of {len(names)}" if len(largest) < len(names) else ""
    tidy(axes, title + some)
    _write_names(axes.yaxis, [names[i] for i in largest], height)
    axes.set_ylim(len(largest) - 0.4, -0.6)


def _room(names: Sequence[object]) -> float:
    """Return how many inches names beside a matrix take."""
    return 0.08 * min(max(len(str(name)) for name in names), LONGEST_NAME) + 0.3


def _finish_matrix(
    axes: Axes, across: Sequence[object], down: Sequence[object], width: float, height: float
) -> None:
    """Give a matrix of so many inches the names of its columns and rows."""
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    _write_names(axes.xaxis, across, width, turn=True)
    _write_names(axes.yaxis, down, height)


def _write_names(axis: Any, names: Sequence[object], inches: float, turn: bool = False) -> None:
    """Write names along an axis so that they do not touch; of very many only every so many."""
    step = -(-len(names) // int(inches * 10))
    places = range(0, len(names), step)
    words = [plain(names[i], LONGEST_NAME) for i in places]
    points = 72 * inches / len(places)
    size = float(np.clip(0.7 * points, 4, 10))
    turned = turn and max(map(len, words)) * size * 0.7 > points
    axis.set_ticks(places, words, fontsize=size, rotation=90 if turned else 0)


def _write_cells(axes: Axes, shades: Array, words: list[list[str]], inches: float) -> None:
    """Write into each cell of a matrix, white on dark ones."""
    longest = max(len(word) for row in words for word in row)
    size = float(np.clip(90 * inches / len(words) / longest, 3, 10))
    for (i, j), shade in np.ndenumerate(shades):
        colour = "white" if shade > 0.6 else INK
        axes.text(j, i, words[i][j], ha="center", va="center", color=colour, fontsize=size)


def _add_shares(figure: Figure, axes: Axes, image: Any) -> None:
    """Say beside a matrix what share a colour means."""
    bar: Any = figure.colorbar(image, ax=axes, shrink=0.6, format="{x:.0%}")
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=MUTED, labelcolor=INK)


def _some(n: int) -> Array:
    """Return the numbers of at most ``MAX_POINTS`` of ``n`` examples, evenly spread."""
    return np.linspace(0, n - 1, min(n, MAX_POINTS)).astype(np.int64)
