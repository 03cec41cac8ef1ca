"""Videos of what an agent does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError
from agentlab.runs.files import replacing, reporting

LONG_SIDE = 480
OPTIONS = {
    ".mp4": lambda fps: {"fps": fps, "macro_block_size": 2, "quality": 8},
    ".gif": lambda fps: {"duration": 1000 / fps, "loop": 0},
}


def write_video(path: Path | str, frames: Sequence[npt.NDArray[np.uint8]], fps: int = 30) -> Path:
    """Write frames as a video; the file appears only when it is whole.

    Small frames, such as Atari's, are enlarged by a whole factor to about 480 pixels, because
    players blur what is smaller and MP4 halves the resolution of colours.

    Args:
        path: ends in ``.mp4`` or ``.gif``; its folder is made if missing.
        frames: uint8 ``[height, width, 3]`` each, all of one shape; at least one.
        fps: frames a second.

    Returns:
        ``path``.

    Raises:
        AgentlabError: for another ending, no frames, or an unwritable folder.
    """
    import imageio.v2

    path = Path(path)
    if path.suffix.lower() not in OPTIONS:
        raise AgentlabError(f"video={str(path)!r} must end in .mp4 or .gif")
    if not frames:
        raise AgentlabError(f"video={str(path)!r} would be empty: there are no frames")
    scale = max(1, round(LONG_SIDE / max(frames[0].shape[:2])))
    height, width = (side * scale // 2 * 2 for side in frames[0].shape[:2])  # MP4 wants even sides
    with reporting(f"video={str(path)!r} cannot be written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            replacing(path) as temporary,
            imageio.v2.get_writer(temporary, **OPTIONS[path.suffix.lower()](fps)) as video,
        ):
            for frame in frames:
                large = frame.repeat(scale, axis=0).repeat(scale, axis=1)
                video.append_data(large[:height, :width])
    return path
