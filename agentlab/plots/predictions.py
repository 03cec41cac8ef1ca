"""What a trained net predicts, drawn on data that it did not learn from.

Each function returns a matplotlib ``Figure``, in the look of ``agentlab.plots.style``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agentlab.plots.style import CONTRAST, INK, LINE, LONGEST_NAME, MUTED, new_figure, plain, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

MAX_POINTS = 20_000  # of a scatter; more take longer to draw and show nothing else


def example_images(images: Array, titles: Sequence[str], right: Sequence[bool] | Array) -> Figure:
    """Draw images and, above each, what the net says of it; wrong ones have a thick frame.

    Args:
        images: ``[n, height, width]`` or ``[n, height, width, channels]``: bytes, or floats, which
            are stretched over the range that they span. Three channels are colors; of any other
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
        color, width = (INK, 0.5) if good else (CONTRAST, 3.0)
        axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.spines[:].set(color=color, linewidth=width)
        axes.set(xticks=[], yticks=[])
        lines = textwrap.wrap(" ".join(str(title).split()), 19, max_lines=3, placeholder="…")
        text = "\n".join(plain(line, 19) for line in lines)
        axes.set_title(text, color=color, fontsize=8)
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
        for values, color, label in ((predicted, LINE, "forecast"), (naive, CONTRAST, "naive")):
            label = f"{label}, RMSE {np.sqrt(np.mean((values - true)[:, i] ** 2)):.4g}"
            axes.plot(after, values[:, i], color=color, lw=1.8, marker=marker, label=label)
        axes.axvline(0.5, color=MUTED, lw=0.8)
        last = "time steps from the last one known" if i == count - 1 else ""
        tidy(axes, plain(names[i], 60) if names else "", last)
        axes.legend(frameon=False, labelcolor=INK, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def horizon_errors(net: Array, naive: Array, names: Sequence[str]) -> Figure:
    """Draw how errors grow with the horizon, a panel for each column.

    Args:
        net: root mean squared errors of the forecast, ``[columns, horizon]``.
        naive: those of the naive forecast, of that shape.
        names: of the columns.
    """
    count, steps = net.shape
    figure = new_figure(8, 0.8 + 2.8 * count)
    for i, axes in enumerate(figure.subplots(count, 1, squeeze=False, sharex=True).flat):
        for errors, color, label in ((net, LINE, "forecast"), (naive, CONTRAST, "naive")):
            marker = "o" if steps == 1 else ""
            axes.plot(np.arange(steps) + 1, errors[i], color=color, lw=1.8, marker=marker)
            axes.lines[-1].set_label(label)
        axes.set_ylim(bottom=0)
        tidy(axes, plain(names[i], 60), "steps ahead" if i == count - 1 else "", "RMSE")
        axes.legend(frameon=False, labelcolor=INK, loc="best")
    return figure


def embedding_scatter(points: Array, labels: Sequence[object] | Array) -> Figure:
    """Draw where an embedding puts examples, a color for each class.

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
    colors = matplotlib.colormaps["tab10" if len(classes) <= 10 else "turbo"](shades)
    size = 24 if len(few) < 500 else 8
    for i, name in enumerate(classes):
        x, y = points[numbers == i].T
        label = plain(name, LONGEST_NAME if columns == 1 else 16)
        axes.scatter(x, y, size, colors[i : i + 1], lw=0, alpha=0.7, label=label)
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


def decision_line(
    points: Array,
    labels: Sequence[object] | Array,
    normal: Array,
    offset: float,
    names: Sequence[str],
) -> Figure:
    """Draw examples of two classes and the line ``normal @ x + offset = 0`` between them.

    Args:
        points: float ``[n, 2]``.
        labels: each one's class, ``[n]``.
        normal: float ``[2]``.
        offset: of the line.
        names: of the two inputs.
    """
    figure = embedding_scatter(points, labels)
    axes = figure.axes[0]
    tidy(axes, "where the prediction changes", *names)
    axes.margins(0.2)
    foot = -offset * normal / (normal @ normal)
    axes.axline(foot, foot + [-normal[1], normal[0]], color=INK)
    return figure


def _some(n: int) -> Array:
    """Return the numbers of at most ``MAX_POINTS`` of ``n`` examples, evenly spread."""
    return np.linspace(0, n - 1, min(n, MAX_POINTS)).astype(np.int64)
