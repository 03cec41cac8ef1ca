"""Activation functions and their derivatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agentlab.nets.activations import FUNCTIONS, curve
from agentlab.plots.style import CONTRAST, LINE, MUTED, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_activations() -> Figure:
    """Plot every function in ``FUNCTIONS`` from -4 to 4, with its derivative."""
    columns = 4
    rows = -(-len(FUNCTIONS) // columns)
    figure = new_figure(3.3 * columns, 2.7 * rows + 0.4)
    x = np.linspace(-4, 4, 801)
    panels = figure.subplots(rows, columns, sharex=True).flat
    for axes, (name, (_, formula)) in zip(panels, FUNCTIONS.items(), strict=False):
        values, slopes = curve(name, x)
        if name == "threshold":
            values[np.argmax(values)] = np.nan  # do not connect the two sides of the jump
        axes.plot(x, slopes, color=CONTRAST, lw=1.4, ls="--", label="derivative")
        axes.plot(x, values, color=LINE, lw=2, label="function")
        axes.axhline(0, color=MUTED, lw=0.7, zorder=0)
        axes.axvline(0, color=MUTED, lw=0.7, zorder=0)
        tidy(axes, f"{name}   {formula}")
        axes.title.set_fontsize(9)
        axes.set_ylim((-1.3, 1.3) if values[-1] < 1.1 else (-2.2, 4.2))
    for axes in figure.axes[len(FUNCTIONS) :]:
        axes.remove()
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside upper right", ncols=2, frameon=False)
    return figure
