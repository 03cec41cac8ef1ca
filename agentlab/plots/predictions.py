"""Plots of the predictions of a trained network on held-out data.

Each function returns a matplotlib ``Figure`` in the style of ``agentlab.plots.style``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agentlab.data.batches import evenly_spaced
from agentlab.plots.style import CONTRAST, INK, LINE, LONGEST_NAME, MUTED, new_figure, plain, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

MAX_POINTS = 20_000  # in a scatter plot; more take longer without showing more


def example_images(images: Array, titles: Sequence[str], correct: Sequence[bool] | Array) -> Figure:
    """Plot images with their predictions as titles; wrong ones have a thick frame.

    Args:
        images: ``[n, height, width]`` or ``[n, height, width, channels]``: uint8, or floats, which
            are scaled to their range. Unless there are 3 channels, their mean is drawn.
        titles: a title for each image, such as ``"7"`` or ``"cat, not dog"``.
        correct: whether each prediction is correct, bool ``[n]``.

    >>> figure = example_images(np.zeros((2, 8, 8), np.uint8), ["7", "1, not 7"], [True, False])
    >>> [axes.get_title() for axes in figure.axes]
    ['7', '1, not 7']
    """
    images = np.asarray(images)
    low, high = (0, 255) if images.dtype == np.uint8 else (images.min(), images.max())
    images = (images - low) / max(high - low, 1e-12)
    if images.ndim == 4 and images.shape[-1] != 3:
        images = images.mean(-1)
    columns = min(len(images), 8)
    rows = -(-len(images) // columns)
    aspect = float(np.clip(images.shape[1] / images.shape[2], 0.1, 4))
    figure = new_figure(max(1.5 * columns, 2), (1.5 * aspect + 0.5) * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, image, title, is_correct in zip(grid, images, titles, correct, strict=False):
        color, width = (INK, 0.5) if is_correct else (CONTRAST, 3.0)
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
    """Plot predicted against true values, and residuals against predicted values.

    Args:
        true: float ``[n]``.
        predicted: float ``[n]``.
        name: name of the target, with its unit.

    >>> figure = residuals(np.array([1.0, 2.0]), np.array([1.0, 2.2]), "price")
    >>> figure.axes[0].get_xlabel()
    'true price'
    """
    true, predicted = (np.asarray(a, np.float64).ravel() for a in (true, predicted))
    errors = true - predicted
    figure = new_figure(10, 4.6)
    left, right = figure.subplots(1, 2)
    chosen = evenly_spaced(len(true), MAX_POINTS)
    dots: dict[str, Any] = {"color": LINE, "alpha": 0.5 if len(chosen) < 1000 else 0.2, "lw": 0}
    left.scatter(true[chosen], predicted[chosen], 14, **dots)
    ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
    left.plot(ends, ends, color=INK, lw=1)
    right.scatter(predicted[chosen], errors[chosen], 14, **dots)
    right.axhline(0, color=INK, lw=1)
    spread = np.sum((true - true.mean()) ** 2)
    r2 = f", R² {1 - np.sum(errors**2) / spread:.3g}" if spread > 0 else ""
    name = plain(name, 40)
    tidy(left, f"RMSE {np.sqrt(np.mean(errors**2)):.4g}{r2}", f"true {name}", f"predicted {name}")
    tidy(right, "residuals", f"predicted {name}", "true - predicted")
    return figure


def predicted_ratings(true: Array, predicted: Array) -> Figure:
    """Plot the distribution of the predicted ratings for each true rating, as a box.

    Whiskers reach from the 5th to the 95th percentile.

    Args:
        true: ratings with few distinct values, ``[n]``.
        predicted: float ``[n]``.
    """
    true, predicted = (np.asarray(a, np.float64).ravel() for a in (true, predicted))
    values = np.unique(true)
    groups = [predicted[true == value] for value in values]
    width = 0.6 * float(np.diff(values).min()) if len(values) > 1 else 0.6
    figure = new_figure(7, 4.6)
    axes = figure.add_subplot()
    axes.plot(values, values, color=INK, lw=1, label="true rating")
    axes.boxplot(
        groups,
        positions=values,
        widths=width,
        whis=(5, 95),
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": LINE, "alpha": 0.6},
        medianprops={"color": CONTRAST, "lw": 2},
        manage_ticks=False,
    )
    axes.set_xticks(
        values, [f"{value:g}\n{len(group):,}" for value, group in zip(values, groups, strict=True)]
    )
    axes.legend(frameon=False, loc="upper left", labelcolor=INK)
    rmse = np.sqrt(np.mean(np.square(true - predicted)))
    tidy(axes, f"RMSE {rmse:.4g}", "true rating, and the number of ratings", "predicted rating")
    return figure


def forecast(
    past: Array, true: Array, predicted: Array, naive: Array, names: Sequence[str] = ()
) -> Figure:
    """Plot a forecast with the past, the true future and a naive forecast.

    Args:
        past: float ``[time]`` or ``[time, series]``.
        true: the true future, float ``[horizon]`` or ``[horizon, series]``.
        predicted: the forecast, of that shape.
        naive: a naive forecast, such as the last value, of that shape.
        names: names of the series.

    >>> figure = forecast(np.arange(5.0), np.array([5.0]), np.array([5.2]), np.array([4.0]))
    >>> figure.axes[0].get_legend_handles_labels()[1]
    ['past', 'true', 'forecast, RMSE 0.2', 'naive, RMSE 1']
    """
    past, true, predicted, naive = (
        np.asarray(a, np.float64).reshape(len(a), -1) for a in (past, true, predicted, naive)
    )
    count = past.shape[1]
    past_time, future_time = np.arange(-len(past), 0) + 1, np.arange(len(true)) + 1
    marker = "o" if len(future_time) == 1 else ""
    figure = new_figure(10, 0.8 + 2.8 * count)
    for i, axes in enumerate(figure.subplots(count, 1, squeeze=False, sharex=True).flat):
        axes.plot(past_time, past[:, i], color=INK, lw=1.4, label="past")
        axes.plot(future_time, true[:, i], color=INK, lw=1.4, ls=":", marker=marker, label="true")
        for values, color, label in ((predicted, LINE, "forecast"), (naive, CONTRAST, "naive")):
            label = f"{label}, RMSE {np.sqrt(np.mean((values - true)[:, i] ** 2)):.4g}"
            axes.plot(future_time, values[:, i], color=color, lw=1.8, marker=marker, label=label)
        axes.axvline(0.5, color=MUTED, lw=0.8)
        last = "time steps from the last known one" if i == count - 1 else ""
        tidy(axes, plain(names[i], 60) if names else "", last)
        axes.legend(frameon=False, labelcolor=INK, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def horizon_errors(net: Array, naive: Array, names: Sequence[str]) -> Figure:
    """Plot the error by forecast step, one subplot per column.

    Args:
        net: root mean squared errors of the forecast, ``[columns, horizon]``.
        naive: root mean squared errors of the naive forecast, of that shape.
        names: names of the columns.
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
    """Plot a two-dimensional embedding, colored by class.

    Args:
        points: float ``[n, 2]``.
        labels: class of each point, a number or a name, ``[n]``.

    >>> figure = embedding_scatter(np.eye(2), ["cat", "dog"])
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['cat', 'dog']
    """
    import matplotlib

    classes, numbers = np.unique(np.asarray(labels), return_inverse=True)
    chosen = evenly_spaced(len(points), MAX_POINTS)
    points, numbers = np.asarray(points)[chosen], numbers[chosen]
    columns = -(-len(classes) // 25)
    figure = new_figure(7 + 1.3 * columns, 6.5)
    axes = figure.add_subplot()
    shades = np.arange(10) if len(classes) <= 10 else np.linspace(0, 1, len(classes))
    colors = matplotlib.colormaps["tab10" if len(classes) <= 10 else "turbo"](shades)
    size = 24 if len(chosen) < 500 else 8
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
    """Plot examples of two classes and the line ``normal @ x + offset = 0`` between them.

    Args:
        points: float ``[n, 2]``.
        labels: class of each point, ``[n]``.
        normal: normal vector of the line, float ``[2]``.
        offset: offset of the line.
        names: names of the two inputs.
    """
    figure = embedding_scatter(points, labels)
    axes = figure.axes[0]
    tidy(axes, "decision boundary", *names)
    axes.margins(0.2)
    foot = -offset * normal / (normal @ normal)
    axes.axline(foot, foot + [-normal[1], normal[0]], color=INK)
    return figure
