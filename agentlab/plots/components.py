"""Plots of principal components: explained variance, and points in three dimensions.

Each function returns a matplotlib ``Figure`` in the style of ``agentlab.plots.style``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agentlab.plots.style import CONTRAST, INK, LINE, new_figure, plain, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]
MAX_BARS = 60  # components with a bar
MAX_POINTS = 5000
MAX_CLASSES = 20  # labels with a color


def explained_variance(ratios: Array) -> Figure:
    """Plot the fraction of the variance that each component explains, and the cumulative sum.

    Args:
        ratios: fractions of the total variance, ``[components]``.

    >>> explained_variance(np.array([0.7, 0.2])).axes[0].get_title(loc="left")
    '2 components explain 90.0% of the variance'
    """
    total = np.cumsum(ratios)
    figure = new_figure(7, 4)
    axes: Any = figure.add_subplot()
    numbers = np.arange(1, len(ratios) + 1)
    axes.bar(numbers[:MAX_BARS], ratios[:MAX_BARS], color=LINE, label="single component")
    axes.plot(numbers, total, color=CONTRAST, lw=1.8, marker="o" if len(ratios) < 10 else "",
              label="cumulative")  # fmt: skip
    noun = "component explains" if len(ratios) == 1 else "components explain"
    title = f"{len(ratios):,} {noun} {total[-1]:.1%} of the variance"
    tidy(axes, title, "component", "fraction of the variance")
    axes.set_ylim(0, 1.02)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False, labelcolor=INK, loc="center right")
    return figure


def scatter_3d(points: Array, labels: Any = None) -> Figure:
    """Plot points in three dimensions, colored by label if there are at most 20 labels.

    Args:
        points: ``[n, 3]``; at most 5,000 of them are drawn.
        labels: ``[n]``; ``None`` for no colors.

    >>> scatter_3d(np.zeros((4, 3)), ["a", "b", "a", "b"]).axes[0].get_zlabel()
    'third component'
    """
    import matplotlib

    chosen = np.random.default_rng(0).permutation(len(points))[:MAX_POINTS]
    points = points[chosen]
    figure = new_figure(7, 6)
    axes: Any = figure.add_subplot(projection="3d")
    names = numbers = None
    size = 24 if len(points) < 500 else 8
    if labels is not None:
        texts = np.asarray(labels)[chosen].astype(str)
        names, numbers = np.unique(texts, return_inverse=True)
    if names is None or numbers is None or len(names) > MAX_CLASSES:
        axes.scatter(*points.T, s=size, color=LINE, alpha=0.6, lw=0)
    else:
        palette = matplotlib.colormaps["tab10" if len(names) <= 10 else "tab20"]
        for number, name in enumerate(names):
            own = points[numbers == number]
            axes.scatter(
                *own.T, s=size, color=palette(number), alpha=0.8, lw=0, label=plain(name, 20)
            )
        legend = axes.legend(frameon=False, labelcolor=INK, markerscale=1.5, loc="center left",
                             bbox_to_anchor=(1.05, 0.5))  # fmt: skip
        for handle in legend.legend_handles:
            handle.set_alpha(1)
    axes.set(xlabel="first component", ylabel="second component", zlabel="third component")
    return figure
