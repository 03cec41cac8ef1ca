import errno
import os
import tempfile

import gymnasium
import numpy as np
import pytest

from agentlab.envs.shared_memory import reserve, shared_file
from agentlab.errors import AgentlabError
from agentlab.replay import ReplayBuffer


@pytest.fixture
def full(monkeypatch):
    """Folders whose device has no space left."""
    folders = set()
    allocate = os.posix_fallocate

    def posix_fallocate(fd, offset, length):
        path = os.readlink(f"/proc/self/fd/{fd}")
        if any(path.startswith(str(folder)) for folder in folders):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        allocate(fd, offset, length)

    monkeypatch.setattr(os, "posix_fallocate", posix_fallocate)
    return folders


def test_another_folder_is_used_where_shared_memory_is_small(full, tmp_path):
    small, large = tmp_path / "small", tmp_path / "large"
    small.mkdir()
    large.mkdir()
    full.add(small)
    with shared_file(1 << 16, [str(small), str(tmp_path / "missing"), str(large)]) as file:
        assert os.readlink(f"/proc/self/fd/{file.fileno()}").startswith(str(large))
        assert os.fstat(file.fileno()).st_blocks * 512 >= 1 << 16  # the space is taken


def test_without_space_anywhere_one_sentence_says_how_much_is_needed(full, monkeypatch):
    full |= {"/dev/shm", tempfile.gettempdir()}
    with pytest.raises(AgentlabError, match=r"3.0 MiB .* do not fit in /dev/shm or .*workers=0"):
        shared_file(3 << 20)


def test_a_file_system_that_cannot_reserve_space_is_used_nevertheless(tmp_path, monkeypatch):
    def refuse(fd, offset, length):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with shared_file(1000, [str(tmp_path)]) as file:
        assert os.fstat(file.fileno()).st_size == 1000


def test_a_replay_buffer_in_a_file_needs_the_space_when_it_is_made(full, tmp_path):
    full.add(tmp_path)
    box = gymnasium.spaces.Box(0, 255, (8, 8, 3), np.uint8)
    with pytest.raises(AgentlabError, match="cannot hold the replay buffer: No space left"):
        ReplayBuffer(box, gymnasium.spaces.Discrete(2), 100, path=tmp_path)


def test_a_reserved_file_has_the_requested_length(tmp_path):
    with open(tmp_path / "file", "wb+") as file:
        reserve(file, 0)
        assert os.fstat(file.fileno()).st_size == 0
        reserve(file, 1000)
        assert np.frombuffer(file.read(), np.uint8).tolist() == [0] * 1000
