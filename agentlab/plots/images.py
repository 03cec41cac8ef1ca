"""Grids of images: samples, reconstructions and weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agentlab.plots.style import INK, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]
GAP, PAPER = 2, 255  # pixels between images, and their gray level


def as_pixels(images: Array, symmetric: bool = False) -> npt.NDArray[np.uint8]:
    """Return images as uint8 ``[n, height, width, 3]``.

    Args:
        images: ``[n, height, width]`` or ``[n, height, width, channels]``: uint8, or floats,
            scaled to the range of each image. Unless there are 3 channels, their mean is shown.
        symmetric: whether 0 becomes mid-gray, as for weights; the largest 2 percent are cut off.

    >>> as_pixels(np.array([[[0.0, 2.0]]]))[0, 0, :, 0].tolist()
    [0, 255]
    """
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.shape[-1] != 3:
        images = images.mean(-1, keepdims=True) if images.shape[-1] != 1 else images
        images = images.repeat(3, axis=-1)
    if images.dtype == np.uint8:
        return images
    if images.size == 0:
        return images.astype(np.uint8)
    axes = (1, 2, 3)
    high, low = images.max(axes, keepdims=True), images.min(axes, keepdims=True)
    if symmetric:
        # Weights of pixels that hardly ever vary can be large without meaning.
        high = np.quantile(np.abs(images), 0.98, axis=axes, keepdims=True)
        low = -high
    scaled = (images - low) / np.maximum(high - low, 1e-12)
    pixels: npt.NDArray[np.uint8] = np.rint(scaled * 255).clip(0, 255).astype(np.uint8)
    return pixels


def image_grid(images: Array, columns: int | None = None, scale: int = 1) -> Array:
    """Tile images into one image, uint8 ``[height, width, 3]``.

    Args:
        images: as for ``as_pixels``.
        columns: images per row; ``None`` for about as many columns as rows.
        scale: factor by which the images are enlarged.

    >>> image_grid(np.zeros((5, 28, 28), np.uint8), columns=5).shape
    (32, 152, 3)
    """
    pixels = as_pixels(images).repeat(scale, axis=1).repeat(scale, axis=2)
    n, height, width = pixels.shape[:3]
    columns = int(np.ceil(np.sqrt(n))) if columns is None else columns
    rows = -(-n // columns)
    grid = np.full((GAP + rows * (height + GAP), GAP + columns * (width + GAP), 3), PAPER, np.uint8)
    for i, image in enumerate(pixels):
        top, left = (
            GAP + k * (side + GAP)
            for k, side in zip(divmod(i, columns), (height, width), strict=True)
        )
        grid[top : top + height, left : left + width] = image
    return grid


def labeled_rows(rows: Sequence[Array], labels: Sequence[str], title: str = "") -> Figure:
    """Plot rows of images below each other, each with a label.

    Args:
        rows: for each row, images as for ``as_pixels``; the same number in all rows.
        labels: the label of each row.
        title: the title of the figure.
    """
    columns = len(rows[0])
    ratio = rows[0].shape[1] / rows[0].shape[2]
    figure = new_figure(1.4 + 0.75 * columns, 0.85 * ratio * len(rows) + (0.4 if title else 0.1))
    for i, axes in enumerate(figure.subplots(len(rows), 1, squeeze=False).flat):
        axes.imshow(image_grid(rows[i], columns))
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        axes.set_ylabel(
            plain(labels[i], 20), rotation=0, ha="right", va="center", color=INK, fontsize=9
        )
    if title:
        figure.suptitle(plain(title, 100), color=INK, fontsize=10)
    return figure


def image_sheet(images: Array, title: str = "", columns: int | None = None) -> Figure:
    """Plot a grid of images, such as samples or weights.

    Args:
        images: as for ``as_pixels``.
        title: the title.
        columns: as for ``image_grid``.
    """
    scale = max(1, round(56 / max(images.shape[1:3])))
    grid = image_grid(images, columns, scale)
    height, width = grid.shape[:2]
    figure = new_figure(7, 7 * height / width + 0.35)
    axes = figure.add_subplot()
    axes.imshow(grid)
    axes.axis("off")
    axes.set_title(plain(title, 100), loc="left", color=INK, fontsize=10)
    return figure
