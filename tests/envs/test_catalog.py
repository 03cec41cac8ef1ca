"""Environments are listed and made by their exact ids, and mistakes are told in one sentence."""

import re
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from agentlab.envs.catalog import is_atari, list_envs, make_env
from agentlab.errors import AgentlabError


def test_all_ids_are_listed_in_order():
    ids = list_envs()
    assert ids == sorted(gymnasium.registry)
    assert {"CartPole-v0", "CartPole-v1", "Pong-v0", "ALE/Pong-v5", "Ant-v5"} <= set(ids)


def test_a_filter_ignores_case():
    assert list_envs("PONG") == [
        "ALE/Pong-v5",
        "Pong-v0",
        "Pong-v4",
        "PongNoFrameskip-v0",
        "PongNoFrameskip-v4",
    ]
    assert list_envs("no such game") == []


def test_listing_loads_no_tensorflow():
    script = (
        "import sys; from agentlab.envs.catalog import list_envs; list_envs();"
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("id", "skip", "sticky"),
    [
        ("Pong-v0", (2, 5), 0.25),
        ("Pong-v4", (2, 5), 0.0),
        ("PongNoFrameskip-v4", 1, 0.0),
        ("ALE/Pong-v5", 4, 0.25),
    ],
)
def test_an_atari_id_keeps_its_meaning(id, skip, sticky):
    env = make_env(id)
    assert env.spec.id == id
    assert env.unwrapped._frameskip == skip
    assert env.unwrapped.ale.getFloat("repeat_action_probability") == sticky
    assert env.unwrapped.ale.getInt("max_num_frames_per_episode") == 108_000
    assert env.observation_space.shape == (210, 160, 3)
    assert env.action_space.n == 6


def test_an_old_version_keeps_its_time_limit():
    assert make_env("CartPole-v0").spec.max_episode_steps == 200
    assert make_env("CartPole-v1").spec.max_episode_steps == 500


def test_making_prints_nothing():
    script = (
        "from agentlab.envs.catalog import make_env\n"
        "for id in ('Pong-v0', 'CartPole-v0', 'ALE/Pong-v5'):\n"
        "    make_env(id).reset(seed=0)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_arguments_reach_the_constructor():
    env = make_env("Pong-v0", render_mode="rgb_array", obs_type="grayscale")
    assert env.reset(seed=0)[0].shape == (210, 160)
    assert env.render().shape == (210, 160, 3)
    assert env.render().dtype == np.uint8


def test_a_module_registers_its_environments(tmp_path, monkeypatch):
    (tmp_path / "my_games.py").write_text(
        "import gymnasium\n"
        "from gymnasium.envs.classic_control import CartPoleEnv\n"
        "gymnasium.register('MyGame-v0', entry_point=CartPoleEnv, max_episode_steps=3)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert make_env("my_games:MyGame-v0").spec.max_episode_steps == 3
    assert type(make_env("my_games:CartPoleEnv").unwrapped).__name__ == "CartPoleEnv"
    with pytest.raises(AgentlabError, match="'my_games' neither registers nor defines 'Nothing'"):
        make_env("my_games:Nothing")


@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("pong-v0", "env='pong-v0' is unknown; did you mean 'Pong-v0'"),
        ("Pong-v9", "env='Pong-v9' is unknown; did you mean 'Pong-v4' or 'Pong-v0'?"),
        ("CartPol-v1", "did you mean 'CartPole-v1'"),
        ("nowhere/Thing-v1", "is unknown; `agentlab envs` lists all ids"),
        ("LunarLander-v2", "was removed from Gymnasium; did you mean 'LunarLander-v3'"),
        ("no_such_module:Thing-v0", "cannot be made: No module named 'no_such_module'"),
        ("not an id!", "cannot be made: Malformed environment ID: not an id!"),
        ("Ant-v3", "have been moved to the gymnasium-robotics project"),
    ],
)
def test_a_wrong_id_is_reported_in_one_sentence(id, message):
    with pytest.raises(AgentlabError) as raised:
        make_env(id)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("id", "module", "message"),
    [
        ("LunarLander-v3", "Box2D", "needs the package box2d: pip install -e '.[box2d]'"),
        ("Ant-v5", "mujoco", "needs the package mujoco: pip install -e '.[mujoco]'"),
        ("phys2d/CartPole-v1", "jax", "the module 'jax' is missing"),
    ],
)
def test_a_missing_package_is_named(id, module, message):
    # A process of its own, where the package is missing even if it is installed here.
    script = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from agentlab.envs.catalog import make_env\n"
        f"make_env({id!r})"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("agentlab.errors.AgentlabError: env=")
    assert message in last


def test_a_missing_rom_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("ALE_ROMS_DIR", str(tmp_path))
    with pytest.raises(AgentlabError, match=r"env='Pong-v0' has no ROM .*ALE_ROMS_DIR"):
        make_env("Pong-v0")


@pytest.mark.parametrize("id", ["CartPole-v1", "Pong-v0"])
def test_an_unknown_argument_is_named(id):
    with pytest.raises(AgentlabError, match=re.escape(f"env={id!r} takes no argument 'gravitas'")):
        make_env(id, gravitas=1)


def test_atari_ids_are_recognized():
    assert is_atari("Pong-v0") and is_atari("ALE/Pong-v5")
    assert not is_atari("CartPole-v1") and not is_atari("no such id")


@pytest.mark.parametrize(
    ("id", "package"),
    [("MiniGrid-DoorKey-5x5-v0", "minigrid"), ("MinAtar/Breakout-v1", "minatar")],
)
def test_a_missing_extra_is_named_with_the_line_that_installs_it(id, package, monkeypatch):
    for name in [*sys.modules]:
        if name.partition(".")[0] == package:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)  # importing it fails
    monkeypatch.delitem(gymnasium.registry, id, raising=False)
    with pytest.raises(
        AgentlabError, match=rf"needs the package {package}: pip install.*\[{package}"
    ):
        make_env(id)
