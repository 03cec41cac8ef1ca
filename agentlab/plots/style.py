"""The style of all plots, and saving them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agentlab.errors import printable
from agentlab.runs.files import replacing, reporting

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, LINE, CONTRAST = "#222222", "#777777", "#1f6fb4", "#d1601f"
LONGEST_NAME = 24  # characters


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of ``width`` by ``height`` inches that makes room for its labels."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def tidy(axes: Any, title: str = "", x: str = "", y: str = "") -> None:
    """Set the title and labels of axes, and apply the common style."""
    axes.set_title(title, loc="left", color=INK)
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.margins(x=0.02)
    axes.grid(color="#e6e6e6", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(colors=MUTED, labelcolor=INK)


def plain(text: object, width: int) -> str:
    """Return a text as one line of at most ``width`` characters, with ``$`` escaped.

    Longer texts are shortened in the middle, since names often differ at their ends.

    >>> plain("conv2d_transpose_17", 12)
    'conv2d…se_17'
    """
    line = printable(" ".join(str(text).split()))
    if len(line) > width:
        line = line[: width // 2] + "…" + line[len(line) - (width - width // 2 - 1) :]
    return line.replace("$", r"\$")


def save_figure(figure: Figure, path: Path) -> Path:
    """Save a figure as a PNG atomically, and return its path.

    Raises:
        AgentlabError: if the folder, which is created if it does not exist, is not writable.
    """
    with reporting(f"plot={str(path)!r} cannot be written"):
        path.parent.mkdir(exist_ok=True)
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=150)
    return path


def figure_to_array(figure: Figure) -> npt.NDArray[np.uint8]:
    """Render a figure to an image for TensorBoard, uint8 ``[height, width, 3]``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
