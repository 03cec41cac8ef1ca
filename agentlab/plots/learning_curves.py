"""Learning curves of several agents in one plot, with confidence intervals over their runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab.plots.aggregates import Doubles, Interval
from agentlab.plots.style import INK, new_figure, plain, save_figure, tidy

# Okabe & Ito 2008: a palette that is safe for color blindness.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MAX_LABEL = 60  # characters


@dataclass(frozen=True)
class Curve:
    """The learning curve of one agent in one environment.

    Attributes:
        label: name of the agent.
        env: the environment's id.
        runs: number of runs.
        steps: environment steps, ``[points]``.
        returns: interquartile mean of the runs' returns, and its interval, ``[points]`` each.
    """

    label: str
    env: str
    runs: int
    steps: Doubles
    returns: Interval


def plot_learning_curves(curves: Sequence[Curve], path: Path) -> Path:
    """Plot curves, one subplot per environment, and save the figure as a PNG file.

    Raises:
        AgentlabError: if the file cannot be written.
    """
    from matplotlib.ticker import EngFormatter

    envs = list(dict.fromkeys(curve.env for curve in curves))
    labels = list(dict.fromkeys(curve.label for curve in curves))
    columns = min(len(envs), 3)
    rows = -(-len(envs) // columns)
    figure = new_figure(max(5.2 * columns, 8), 4.2 * rows + 0.4)
    subplots: Any = figure.subplots(rows, columns, squeeze=False).flat
    for env, axes in zip(envs, subplots, strict=False):
        for curve in (curve for curve in curves if curve.env == env):
            color = COLORS[labels.index(curve.label) % len(COLORS)]
            text = f"{plain(curve.label, MAX_LABEL)} ({curve.runs} run{'s' * (curve.runs > 1)})"
            mean, low, high = curve.returns
            axes.fill_between(curve.steps, low, high, color=color, alpha=0.18, lw=0)
            axes.plot(curve.steps, mean, color=color, lw=1.8, label=text)
        tidy(axes, plain(env, MAX_LABEL), "environment steps", "return: interquartile mean, 95 %")
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.legend(frameon=False, loc="best", labelcolor=INK)
    for axes in figure.axes[len(envs) :]:
        axes.remove()
    return save_figure(figure, path)
