"""Images that a run logs over time, such as samples after each epoch, and animations of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from agentlab.runs.files import replacing, reporting
from agentlab.runs.run import Run
from agentlab.runs.video import open_video

FRAMES = "frames"
SECONDS = 0.2  # per frame of an animation
MOST = 120  # maximum frames in an animation; more are subsampled evenly


def log_frame(run: Run, tag: str, step: int, image: npt.NDArray[np.uint8]) -> None:
    """Write an image to TensorBoard and to the run's folder ``frames``, for ``animate``.

    Args:
        run: the run.
        tag: name of the series, such as ``"samples"``.
        step: epoch; an existing frame of the same step is replaced.
        image: uint8 ``[height, width, 3]``.
    """
    import imageio.v2

    run.image(tag, step, image)
    folder = run.path / FRAMES / tag
    with reporting(f"{folder} cannot be written"):
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / f"{step:06d}.png") as temporary:
            imageio.v2.imwrite(temporary, image, format="png")


def animate(path: Path) -> list[Path]:
    """Write each series of frames in a run's folder as an animated GIF to its ``plots`` folder.

    Args:
        path: the run's folder.

    Returns:
        The files, one for each series of at least two frames.

    Raises:
        AgentlabError: if a file cannot be written.
    """
    import imageio.v2

    written = []
    folders = sorted((path / FRAMES).iterdir()) if (path / FRAMES).is_dir() else []
    for folder in folders:
        files = sorted(folder.glob("*.png"))
        if len(files) < 2:
            continue
        chosen = np.unique(np.linspace(0, len(files) - 1, min(len(files), MOST)).astype(int))
        target = path / "plots" / f"{folder.name}.gif"
        with open_video(target, fps=1 / SECONDS) as video:
            for i in chosen:
                video.append(imageio.v2.imread(files[i])[..., :3])
        written.append(target)
    return written
