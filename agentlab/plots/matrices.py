"""Matrices and bar charts: confusion matrices, attention maps, correlations, coefficients.

Each function returns a matplotlib ``Figure`` in the style of ``agentlab.plots.style``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agentlab.plots.style import CONTRAST, INK, LINE, LONGEST_NAME, MUTED, new_figure, plain, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

MAX_BARS = 40
MAX_ANNOTATED = 20  # rows of a matrix with numbers in its cells


def confusion_matrix(true: Array, predicted: Array, classes: Sequence[object]) -> Figure:
    """Plot a confusion matrix: counts, colored by their fraction of each true class.

    Args:
        true: true classes as indices, int ``[n]``.
        predicted: predicted classes as indices, int ``[n]``.
        classes: names of the classes.

    >>> figure = confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]), ["cat", "dog"])
    >>> figure.axes[0].get_title(loc="left")
    '66.7% of 3 correct'
    """
    counts = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(counts, (np.asarray(true), np.asarray(predicted)), 1)
    fractions = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = float(np.clip(0.45 * len(classes), 3, 12))
    label_width = _label_width(classes)
    figure = new_figure(side + label_width + 1.5, side + label_width + 0.8)
    axes = figure.add_subplot()
    image = axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    accuracy = np.trace(counts) / max(len(true), 1)
    tidy(axes, f"{accuracy:.1%} of {len(true):,} correct", "predicted class", "true class")
    _finish_matrix(axes, classes, classes, side, side)
    if len(classes) <= MAX_ANNOTATED:
        _write_cells(axes, fractions, [[f"{count:,}" for count in row] for row in counts], side)
    _add_colorbar(figure, axes, image)
    return figure


def attention_map(
    weights: Array, source_tokens: Sequence[str], target_tokens: Sequence[str]
) -> Figure:
    """Plot how much each target token attends to each source token.

    Args:
        weights: float ``[target, source]``, each row summing to 1; rows and columns of
            padding beyond the tokens are cropped.
        source_tokens: tokens of the source.
        target_tokens: tokens of the target.

    >>> figure = attention_map(np.eye(2), ["ein", "Hund"], ["a", "dog"])
    >>> figure.axes[0].get_ylabel()
    'target'
    """
    shape = (len(target_tokens), len(source_tokens))
    height, width = (float(np.clip(0.36 * n, 2, 12)) for n in shape)
    figure = new_figure(
        width + _label_width(target_tokens) + 1.5, height + _label_width(source_tokens) + 0.6
    )
    axes = figure.add_subplot()
    image = axes.imshow(
        np.asarray(weights)[: shape[0], : shape[1]], cmap="Blues", vmin=0, aspect="auto"
    )
    tidy(axes, "", "source", "target")
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    _finish_matrix(axes, source_tokens, target_tokens, width, height)
    _add_colorbar(figure, axes, image)
    return figure


def correlations(x: Array, y: Array, names: Sequence[str], target: str = "target") -> Figure:
    """Plot the correlations between inputs, and of each input with the target.

    Args:
        x: float ``[n, inputs]``.
        y: float ``[n]``.
        names: names of the inputs.
        target: name of ``y``.
    """
    from matplotlib.colors import LinearSegmentedColormap

    with np.errstate(invalid="ignore", divide="ignore"):  # NaN for a constant column
        matrix = np.asarray(np.corrcoef(np.column_stack([x, y]), rowvar=False))
    within = matrix[:-1, :-1]
    side = float(np.clip(0.45 * len(names), 3, 12))
    label_width = _label_width(names)
    figure = new_figure(2 * (side + label_width) + 0.8, side + label_width + 0.6)
    left, right = figure.subplots(1, 2)
    colors = LinearSegmentedColormap.from_list("correlation", [CONTRAST, "white", LINE])
    left.imshow(within, cmap=colors, vmin=-1, vmax=1, aspect="auto")
    tidy(left, "correlation of the inputs")
    _finish_matrix(left, names, names, side, side)
    if len(names) <= MAX_ANNOTATED:
        words = [[f"{v:.2f}" if np.isfinite(v) else "–" for v in row] for row in within]
        _write_cells(left, np.abs(within), words, side)
    _draw_bars(right, names, matrix[:-1, -1], f"correlation with {plain(target, 30)}", side)
    right.set_xlim(-1, 1)
    right.set_xticks([-1, -0.5, 0, 0.5, 1])
    return figure


def coefficients(
    names: Sequence[str], values: Array, errors: Array | None = None, unit: str = ""
) -> Figure:
    """Plot the coefficients of a linear model, the largest on top.

    Args:
        names: names of the inputs.
        values: float ``[inputs]``.
        errors: standard errors of the coefficients, float ``[inputs]``; ``None`` if unknown.
        unit: unit of the coefficients.

    >>> figure = coefficients(["rooms", "age"], np.array([9.1, -0.4]))
    >>> len(figure.axes[0].patches)
    2
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
    """Draw bars, the largest on top."""
    sizes = np.nan_to_num(np.abs(values), nan=-1.0)
    largest = np.argsort(-sizes, kind="stable")[:MAX_BARS]
    rows, drawn = np.arange(len(largest)), np.nan_to_num(values[largest])
    spread = None if errors is None else errors[largest]
    axes.barh(rows, drawn, color=np.where(drawn < 0, CONTRAST, LINE), height=0.7)
    axes.errorbar(drawn, rows, xerr=spread, fmt="none", ecolor=INK, lw=1)
    axes.axvline(0, color=MUTED, lw=1)
    shown = f", the largest {len(largest)} of {len(names)}" if len(largest) < len(names) else ""
    tidy(axes, title + shown)
    _write_names(axes.yaxis, [names[i] for i in largest], height)
    axes.set_ylim(len(largest) - 0.4, -0.6)


def _label_width(names: Sequence[object]) -> float:
    """Return the width of names beside a matrix, in inches."""
    return 0.08 * min(max(len(str(name)) for name in names), LONGEST_NAME) + 0.3


def _finish_matrix(
    axes: Axes, columns: Sequence[object], rows: Sequence[object], width: float, height: float
) -> None:
    """Label the columns and rows of a matrix of ``width`` by ``height`` inches."""
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    _write_names(axes.xaxis, columns, width, rotate=True)
    _write_names(axes.yaxis, rows, height)


def _write_names(axis: Any, names: Sequence[object], inches: float, rotate: bool = False) -> None:
    """Label an axis so that labels do not overlap; of very many, skip some."""
    step = -(-len(names) // int(inches * 10))
    positions = range(0, len(names), step)
    labels = [plain(names[i], LONGEST_NAME) for i in positions]
    points = 72 * inches / len(positions)
    size = float(np.clip(0.7 * points, 4, 10))
    rotated = rotate and max(map(len, labels)) * size * 0.7 > points
    axis.set_ticks(positions, labels, fontsize=size, rotation=90 if rotated else 0)


def _write_cells(axes: Axes, shades: Array, words: list[list[str]], inches: float) -> None:
    """Write a text into each cell of a matrix, in white on dark cells."""
    longest = max(len(word) for row in words for word in row)
    size = float(np.clip(90 * inches / len(words) / longest, 3, 10))
    for (i, j), shade in np.ndenumerate(shades):
        color = "white" if shade > 0.6 else INK
        axes.text(j, i, words[i][j], ha="center", va="center", color=color, fontsize=size)


def _add_colorbar(figure: Figure, axes: Axes, image: Any) -> None:
    """Add a color bar in percent."""
    bar: Any = figure.colorbar(image, ax=axes, shrink=0.6, format="{x:.0%}")
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=MUTED, labelcolor=INK)
