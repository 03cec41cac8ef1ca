"""Videos read back."""

from pathlib import Path

import imageio.v3
import numpy as np
import pytest

from agentlab.errors import AgentlabError
from agentlab.runs import open_video


def write_video(path: Path, frames: list[np.ndarray], fps: int = 30) -> Path:
    with open_video(path, fps) as video:
        for frame in frames:
            video.append(frame)
    return path


def frames(height: int, width: int, count: int = 12) -> list[np.ndarray]:
    return [np.full((height, width, 3), 20 * i, np.uint8) for i in range(count)]


@pytest.mark.parametrize("name", ["new/game.mp4", "game.gif", "game.MP4"])
def test_frames_are_recorded(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, frames(210, 160), fps=10)
    assert path == tmp_path / name
    read = imageio.v3.imread(path, index=None if path.suffix == ".MP4" else ...)
    assert read.shape == (12, 420, 320, 3)
    np.testing.assert_allclose(read.mean((1, 2, 3)), np.arange(12) * 20, atol=4)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_large_and_odd_frames_keep_their_size(tmp_path: Path) -> None:
    read = imageio.v3.imread(write_video(tmp_path / "a.mp4", frames(401, 601, 2)))
    assert read.shape == (2, 400, 600, 3)


def test_mistakes_are_reported(tmp_path: Path) -> None:
    with pytest.raises(AgentlabError, match=r"must end in \.mp4 or \.gif"):
        write_video(tmp_path / "a.avi", frames(8, 8))
    with pytest.raises(AgentlabError, match="no frames"):
        write_video(tmp_path / "a.mp4", [])
    (tmp_path / "file").write_text("")
    with pytest.raises(AgentlabError, match="cannot be written"):
        write_video(tmp_path / "file" / "a.mp4", frames(8, 8))


def test_a_failed_video_leaves_the_old_one(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames(64, 64))
    old = path.read_bytes()
    with pytest.raises(ValueError):
        write_video(path, [*frames(64, 64), *frames(32, 32)])
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]
