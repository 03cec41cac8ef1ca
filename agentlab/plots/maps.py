"""Plots of self-organizing maps: values, labels and colors of units on the lattice.

Each function returns a matplotlib ``Figure`` in the style of ``agentlab.plots.style``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agentlab.plots.style import INK, MUTED, new_figure, plain, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]
MAX_CLASSES = 20  # labels with a color; if there are more, they are written on the map
MAX_TEXTS = 80  # labels written on a map
EMPTY = "#f0f0f0"


def cell_map(values: Array, places: Array, title: str) -> Figure:
    """Plot one value per unit, such as a U-matrix.

    Args:
        values: ``[units]``.
        places: positions of the units, ``[units, 2]``: row and column; odd rows of hexagons are
            shifted.
        title: name of the values.

    >>> figure = cell_map(np.arange(2.0), np.array([[0, 0], [0, 1]]), "hits")
    >>> [float(limit) for limit in figure.axes[1].get_ylim()]
    [0.0, 1.0]
    """
    import matplotlib
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    figure, axes = _new_map(places, title, room=1.0)
    scale = Normalize(float(values.min()), float(values.max()))
    colors = matplotlib.colormaps["viridis"](scale(values))
    _draw_cells(axes, places, colors)
    bar: Any = figure.colorbar(ScalarMappable(scale, "viridis"), ax=axes, shrink=0.7)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=MUTED, labelcolor=INK)
    return figure


def color_map(colors: Array, places: Array) -> Figure:
    """Plot the weights of units as colors.

    Args:
        colors: red, green and blue from 0 to 1, ``[units, 3]``.
        places: as for ``cell_map``.
    """
    figure, axes = _new_map(places, "weights as colors")
    _draw_cells(axes, places, colors)
    return figure


def label_map(units: Array, labels: Any, places: Array, colors: Array | None = None) -> Figure:
    """Plot the most frequent label of the examples on each unit.

    Up to 20 distinct labels have colors and a legend; otherwise, some are written on the map.

    Args:
        units: the unit of each example, an index ``[n]``.
        labels: ``[n]``.
        places: as for ``cell_map``.
        colors: the colors of all units if labels are written, ``[units, 3]``; ``None`` for gray.
    """
    import matplotlib

    names, numbers = np.unique(np.asarray(labels).astype(str), return_inverse=True)
    counts = np.zeros((len(places), len(names)), np.int64)
    np.add.at(counts, (units, numbers), 1)
    best, hit = counts.argmax(1), np.asarray(counts.sum(1) > 0)
    if len(names) > MAX_CLASSES:
        figure, axes = _new_map(places, "labels of some units")
        shown = colors if colors is not None else np.full((len(places), 3), 0.94)
        _draw_cells(axes, places, shown)
        _write_labels(axes, places, [names[i] for i in best], hit, shown)
        return figure
    figure, axes = _new_map(places, "most frequent label of each unit", room=1.6)
    palette = matplotlib.colormaps["tab10" if len(names) <= 10 else "tab20"]
    chosen = [palette(i) if some else EMPTY for i, some in zip(best, hit, strict=True)]
    _draw_cells(axes, places, chosen)
    for number, name in enumerate(names):
        axes.scatter([], [], color=palette(number), marker="s", label=plain(name, 20))
    axes.legend(frameon=False, labelcolor=INK, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _new_map(places: Array, title: str, room: float = 0.2) -> tuple[Figure, Axes]:
    height, width = places.max(0) + 1
    scale = float(np.clip(6 / max(height, width), 0.15, 0.8))
    figure = new_figure(max(width * scale, 3) + room, max(height * scale, 1) + 0.5)
    axes = figure.add_subplot()
    tidy(axes, title)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set(xticks=[], yticks=[], aspect="equal")
    axes.set_xlim(-0.6, width - 0.4)
    axes.set_ylim(height - 0.4, -0.6)
    return figure, axes


def _draw_cells(axes: Axes, places: Array, colors: Any) -> None:
    """Draw one cell per unit: squares, or hexagons if rows are closer than columns."""
    from matplotlib.collections import PolyCollection

    hexagon = bool((places % 1).any())
    angles = np.pi / 6 + np.arange(6) * np.pi / 3
    corners = np.column_stack([np.cos(angles), np.sin(angles)]) / np.sqrt(3)
    if not hexagon:
        corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    cells = places[:, None, ::-1] + corners  # x is the column
    axes.add_collection(PolyCollection(list(cells), facecolors=colors, edgecolors="face", lw=0.2))


def _write_labels(axes: Axes, places: Array, names: list[str], hit: Array, colors: Array) -> None:
    """Write labels on units that are far enough from each other."""
    height, width = places.max(0) + 1
    apart = np.array([1.6, 5.5]) * max(height, width) / 30  # minimum distance in rows and columns
    taken: list[Array] = []
    for unit in np.flatnonzero(hit):
        if not apart[1] / 2 - 1 <= places[unit][1] <= width - apart[1] / 2:
            continue  # the label would be cut off
        gaps = [np.abs(places[unit] - other) / apart for other in taken]
        if len(taken) < MAX_TEXTS and all(gap.max() >= 1 for gap in gaps):
            taken.append(places[unit])
            dark = float(np.dot(colors[unit], [0.3, 0.6, 0.1])) < 0.5
            axes.text(
                places[unit][1],
                places[unit][0],
                plain(names[unit], 14),
                ha="center",
                va="center",
                fontsize=5,
                color="white" if dark else INK,
            )
