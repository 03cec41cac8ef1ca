"""Plots of clusters: elbow curve, silhouettes, and scatter plots.

Each function returns a matplotlib ``Figure`` in the style of ``agentlab.plots.style``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agentlab.plots.style import CONTRAST, INK, LINE, MUTED, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]
MAX_CLUSTERS = 40  # clusters with a label


def elbow(counts: Sequence[int], losses: Sequence[float], chosen: int) -> Figure:
    """Plot the loss of k-means against the number of clusters.

    Args:
        counts: numbers of clusters.
        losses: mean squared distance to the nearest center, for each count.
        chosen: the number of clusters in use, which is marked.

    >>> elbow([1, 2, 3], [9.0, 1.0, 0.8], 2).axes[0].get_xlabel()
    'clusters'
    """
    figure = new_figure(6, 4)
    axes: Any = figure.add_subplot()
    axes.plot(counts, losses, color=LINE, marker="o", lw=1.8)
    if chosen in counts:
        loss = losses[list(counts).index(chosen)]
        axes.plot([chosen], [loss], color=CONTRAST, marker="o", ms=9, lw=0)
        axes.annotate(
            f"{chosen} clusters", (chosen, loss), (8, 8), textcoords="offset points", color=CONTRAST
        )
    tidy(axes, "elbow", "clusters", "mean squared distance to the center")
    axes.set_ylim(bottom=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def silhouette(values: Array, clusters: Array) -> Figure:
    """Plot the silhouette of each example, sorted within clusters.

    Args:
        values: silhouettes from -1 to 1, ``[n]``.
        clusters: indices of clusters, ``[n]``.

    >>> figure = silhouette(np.array([0.9, 0.8, 0.7]), np.array([0, 0, 1]))
    >>> figure.axes[0].get_title(loc="left")
    'mean silhouette 0.800'
    """
    figure = new_figure(6, 4.5)
    axes = figure.add_subplot()
    gap, bottom = max(len(values) // 100, 1), 0
    names = np.unique(clusters)
    for number, cluster in enumerate(names):
        own = np.sort(values[clusters == cluster])
        rows = np.arange(bottom, bottom + len(own))
        axes.fill_betweenx(rows, 0, own, color=_color(number, len(names)), step="mid", lw=0.5)
        if len(names) <= MAX_CLUSTERS:
            axes.text(-0.02, rows.mean(), str(cluster), ha="right", va="center", color=INK)
        bottom += len(own) + gap
    mean = float(values.mean())
    axes.axvline(mean, color=INK, lw=1, ls="--")
    tidy(axes, f"mean silhouette {mean:.3f}", "silhouette", "examples by cluster")
    axes.set_yticks([])
    axes.set_xlim(min(-0.1, float(values.min())), 1)
    return figure


def cluster_scatter(
    points: Array, clusters: Array, centers: Array, names: Sequence[str] = ()
) -> Figure:
    """Plot points by cluster, with the centers, in two dimensions.

    Points of more dimensions are drawn by their first two principal components.

    Args:
        points: ``[n, d]``.
        clusters: indices of clusters, ``[n]``.
        centers: ``[k, d]``.
        names: names of the two axes, if d = 2.
    """
    axis = "input" if points.shape[1] == 2 else "principal component"
    names = names or (f"first {axis}", f"second {axis}")
    if points.shape[1] > 2:
        mean = points.mean(0)
        directions = np.linalg.svd(points - mean, full_matrices=False)[2][:2]
        points, centers = (points - mean) @ directions.T, (centers - mean) @ directions.T
    figure = new_figure(6.5, 5)
    axes = figure.add_subplot()
    colors = [_color(i, len(centers)) for i in range(len(centers))]
    axes.scatter(
        points[:, 0], points[:, 1], 16, color=[colors[i] for i in clusters], alpha=0.7, lw=0
    )
    axes.scatter(centers[:, 0], centers[:, 1], 90, color=colors, edgecolors=INK, marker="X", lw=1)
    if len(centers) <= MAX_CLUSTERS:
        for number, place in enumerate(centers):
            axes.annotate(str(number), place, (7, 7), textcoords="offset points", color=INK)
    tidy(axes, "clusters and their centers", *names)
    return figure


def _color(number: int, count: int) -> Any:
    """Return the color of a cluster."""
    import matplotlib

    if count <= 10:
        return matplotlib.colormaps["tab10"](number)
    return matplotlib.colormaps["turbo"](number / max(count - 1, 1)) if count > 1 else MUTED
