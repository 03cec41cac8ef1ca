"""Recording videos of episodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.runs.files import replacing, reporting

LONG_SIDE = 480  # pixels
SHORTEST, LONGEST = 10.0, 300.0  # seconds
OPTIONS = {
    ".mp4": lambda fps: {"fps": fps, "macro_block_size": 2, "quality": 8},
    ".gif": lambda fps: {"duration": 1000 / fps, "loop": 0},
}


class Video:
    """A video that is being recorded; see ``open_video``.

    Attributes:
        last: the last frame, uint8 ``[height, width, 3]``; ``None`` if there is none yet.
        frames: number of frames so far.
    """

    def __init__(self, writer: Any, path: Path, fps: float) -> None:
        self._writer, self._path, self._fps = writer, path, fps
        self.last: npt.NDArray[np.uint8] | None = None
        self.frames = 0

    @property
    def short(self) -> bool:
        """Whether the video is shorter than ten seconds, so that another episode is recorded."""
        return self.frames < SHORTEST * self._fps

    @property
    def full(self) -> bool:
        """Whether the video is five minutes long, after which nothing more is recorded."""
        return self.frames >= LONGEST * self._fps

    def append(self, frame: npt.NDArray[np.uint8]) -> None:
        """Append a frame, uint8 ``[height, width, 3]``; all frames must have the same shape.

        Raises:
            InvalidArgument: for a frame of another shape than the first.
            AgentlabError: if it cannot be encoded.
        """
        height, width = frame.shape[:2]
        if self.last is not None and self.last.shape != frame.shape:
            raise InvalidArgument(
                f"a frame has {height} x {width} pixels, but the video's first one has "
                f"{self.last.shape[0]} x {self.last.shape[1]}"
            )
        scale = max(1, round(LONG_SIDE / max(height, width)))
        large = frame.repeat(scale, axis=0).repeat(scale, axis=1)
        with _encoding(self._path):  # MP4 requires an even height and width
            self._writer.append_data(large[: height * scale // 2 * 2, : width * scale // 2 * 2])
        self.last = frame
        self.frames += 1


@contextmanager
def open_video(path: Path | str, fps: float = 30) -> Iterator[Video]:
    """Record a video frame by frame; the file appears when it is complete.

    Small frames, such as Atari's, are scaled up by a whole factor to about 480 pixels, because
    players blur small videos and MP4 halves the resolution of colors. ::

        with open_video("game.mp4") as video:
            video.append(frame)

    Args:
        path: a path that ends in ``.mp4`` or ``.gif``; its folder is created if it does not exist.
        fps: frames per second.

    Raises:
        InvalidArgument: for another suffix.
        AgentlabError: if there are no frames, or the file cannot be written.
    """
    import imageio.v2

    path = Path(path)
    if path.suffix.lower() not in OPTIONS:
        raise InvalidArgument(f"video={str(path)!r} must end in .mp4 or .gif")
    with reporting(f"video={str(path)!r} cannot be written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            with _encoding(path):
                options = OPTIONS[path.suffix.lower()](fps)
                writer = imageio.v2.get_writer(temporary, **options)
            try:
                video = Video(writer, path, fps)
                yield video
            except BaseException:
                with suppress(Exception):
                    writer.close()
                raise
            with _encoding(path):
                writer.close()
            if video.last is None:
                raise AgentlabError(f"video={str(path)!r} would be empty: there are no frames")


@contextmanager
def _encoding(path: Path) -> Iterator[None]:
    """Convert the many errors of a missing or broken ffmpeg to an ``AgentlabError``."""
    try:
        yield
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        why = lines[0]
        if not isinstance(error, OSError | RuntimeError | ValueError | AgentlabError):
            why = f"ffmpeg does not work ({type(error).__name__}: {why})"
        raise AgentlabError(f"video={str(path)!r} cannot be encoded: {why}") from error
