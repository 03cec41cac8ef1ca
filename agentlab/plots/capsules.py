"""Plots of a capsule network's reconstructions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agentlab.plots.style import INK, MUTED, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]


def tiled(images: Array) -> Array:
    """Tile images into one image, with white lines between them.

    Args:
        images: from 0 to 1, ``[rows, columns, height, width, channels]``.

    Returns:
        ``[rows * (height + 1) - 1, columns * (width + 1) - 1, 3]``.

    >>> tiled(np.zeros((2, 3, 8, 8, 1))).shape
    (17, 26, 3)
    """
    rows, columns, height, width, channels = images.shape
    colored = images if channels == 3 else np.repeat(images.mean(-1, keepdims=True), 3, axis=-1)
    padded = np.pad(colored, ((0, 0), (0, 0), (0, 1), (0, 1), (0, 0)), constant_values=1.0)
    shape = rows * (height + 1), columns * (width + 1), 3
    return np.clip(padded.transpose(0, 2, 1, 3, 4).reshape(shape)[:-1, :-1], 0, 1)


def reconstruction_panel(images: Array, rebuilt: Array, names: Sequence[str]) -> Figure:
    """Plot images above their reconstructions.

    Args:
        images: from 0 to 1, ``[n, height, width, channels]``.
        rebuilt: likewise.
        names: the class of each image.

    >>> figure = reconstruction_panel(np.zeros((3, 8, 8, 1)), np.ones((3, 8, 8, 1)), "abc")
    >>> [text.get_text() for text in figure.axes[0].get_xticklabels()]
    ['a', 'b', 'c']
    """
    return _rows([images, rebuilt], ["image", "decoded"], names)


def pair_panel(images: Array, first: Array, second: Array, names: Sequence[str]) -> Figure:
    """Plot overlapping images above the reconstructions of the first and second of each pair.

    Args:
        images: from 0 to 1, ``[n, height, width, channels]``.
        first: likewise.
        second: likewise.
        names: both classes of each image.
    """
    return _rows([images, first, second], ["image", "first", "second"], names)


def _rows(rows: Sequence[Array], labels: Sequence[str], names: Sequence[str]) -> Figure:
    """Plot rows of images, with a label for each row and a name for each column."""
    height, width = rows[0].shape[1:3]
    figure = new_figure(max(1.0 * len(names), 3) + 0.6, 1.0 * len(rows) + 0.5)
    axes = figure.subplots()
    axes.imshow(tiled(np.stack(rows)), interpolation="nearest", aspect="equal")
    axes.set_xticks([(width + 1) * i + width / 2 for i in range(len(names))])
    axes.set_xticklabels([plain(name, 12) for name in names])
    axes.set_yticks([(height + 1) * i + height / 2 for i in range(len(rows))], labels)
    _quiet(axes)
    return figure


def dimension_panel(varied: Array, names: Sequence[str], offsets: Array) -> Figure:
    """Plot reconstructions in which one dimension of a capsule is varied in each row.

    Sabour et al. 2017, figure 4.

    Args:
        varied: from 0 to 1, ``[examples, dimensions, offsets, height, width, channels]``.
        names: the class of each example.
        offsets: the value added to the dimension in each column.

    >>> figure = dimension_panel(np.zeros((2, 4, 3, 8, 8, 1)), ["5", "7"], np.array([-0.2, 0, 0.2]))
    >>> [axes.get_title() for axes in figure.axes]
    ['5', '7']
    """
    dimensions, columns, height, width = varied.shape[1:5]
    size = 0.28
    figure = new_figure(size * columns * len(varied) + 1.2, size * dimensions + 1)
    row = figure.subplots(1, len(varied), squeeze=False)[0]
    for number, (axes, images, name) in enumerate(zip(row, varied, names, strict=True)):
        axes.imshow(tiled(images), interpolation="nearest", aspect="equal")
        axes.set_title(plain(name, 12), color=INK)
        ends = [0, columns // 2, columns - 1]
        axes.set_xticks([(width + 1) * i + width / 2 for i in ends])
        axes.set_xticklabels([f"{offsets[i]:+.2g}" for i in ends])
        axes.set_yticks([(height + 1) * i + height / 2 for i in range(dimensions)])
        axes.set_yticklabels([] if number else [str(i + 1) for i in range(dimensions)])
        _quiet(axes)
    row[0].set_ylabel("dimension of the capsule", color=INK)
    figure.supxlabel("added to the dimension", color=INK, fontsize=10)
    return figure


def _quiet(axes: Any) -> None:
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, colors=MUTED, labelcolor=INK)
