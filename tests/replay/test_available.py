from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import agentlab
from agentlab.errors import AgentlabError
from agentlab.replay import ReplayBuffer, available, buffer_bytes


class Large(gymnasium.Env):
    observation_space = spaces.Box(0, 255, (200, 200, 3), np.uint8)
    action_space = spaces.Discrete(2)


@pytest.fixture
def machine(monkeypatch):
    """Pretend that 2 GiB of memory are available."""
    monkeypatch.setattr(available, "available_memory", lambda: 2 << 30)


@pytest.mark.parametrize(
    ("algo", "options", "says"),
    [
        ("dqn", {"hidden": (1,)}, r"buffer_size=100000 .* needs 11\.2 GiB .* 2\.0 GiB are"),
        ("q_linear", {}, r"buffer_size=50000 .* needs 5\.6 GiB .* choose a smaller buffer_size"),
        ("pg", {"hidden": (4096,)}, r"hidden=\(4096,\) on 120,000 inputs needs 11\.0 GiB"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_built(machine, algo, options, says):
    with agentlab.make_envs(Large) as envs, pytest.raises(AgentlabError, match=says):
        agentlab.make_agent(algo, envs, **options)


def test_what_fits_is_made(machine):
    with agentlab.make_envs(Large) as envs:
        agentlab.make_agent("dqn", envs, hidden=(1,), buffer_size=15_000)
        agentlab.make_agent("dqn", envs, hidden=(1,), compress=True)


def test_a_buffer_on_disk_needs_space_there(machine, tmp_path):
    with agentlab.make_envs(Large) as envs:
        folder = str(tmp_path / "new" / "folder")
        agentlab.make_agent("dqn", envs, hidden=(1,), buffer_folder=folder, buffer_size=50_000)
        with pytest.raises(AgentlabError, match="buffer_size=10000000000.* of disk space"):
            agentlab.make_agent("dqn", envs, hidden=(1,), buffer_folder=folder, buffer_size=10**10)


def test_the_bytes_of_a_buffer_are_those_that_it_takes():
    space = spaces.Dict(a=spaces.Box(0, 1, (7,)), b=spaces.Discrete(1000))
    needed = buffer_bytes(space, spaces.Discrete(2), 1000)
    buffer = ReplayBuffer(space, spaces.Discrete(2), 1000, 4)
    assert needed == (1000 * (7 * 4 + 2), 1000 * (1 + 7))
    assert buffer.nbytes == sum(needed)


def test_the_lowest_memory_limit_applies(monkeypatch, tmp_path):
    group = tmp_path / "a" / "b"
    group.mkdir(parents=True)
    for folder, limit, used in ((tmp_path / "a", "1000000", "400000"), (group, "max", "300000")):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        (folder / "memory.stat").write_text("anon 1\ninactive_file 50000\n")
    monkeypatch.setattr(available, "CGROUPS", tmp_path)
    read = Path.read_text
    monkeypatch.setattr(
        Path,
        "read_text",
        lambda self, *a: "0::/a/b\n" if str(self) == "/proc/self/cgroup" else read(self, *a),
    )
    assert available.available_memory() == 650_000
