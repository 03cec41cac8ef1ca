import pytest

from agentlab.agents import agent_class
from agentlab.agents.presets import WITH_PRESETS, load_presets, preset, presets
from agentlab.config import from_dict
from agentlab.envs import Preprocessing
from agentlab.errors import AgentlabError
from agentlab.experiments.agent_settings import Training


@pytest.mark.parametrize(
    ("algo", "found"),
    [(algo, found) for algo in WITH_PRESETS for found in load_presets(algo)],
    ids=lambda value: getattr(value, "name", value),
)
def test_every_preset_sets_options_that_exist_and_says_where_they_come_from(algo, found):
    from_dict(agent_class(algo).Config, found.config)
    from_dict(Preprocessing, found.preprocessing)
    from_dict(Training, found.training)
    assert found.source
    known = {*found.config, *found.preprocessing, *found.training, ""}
    assert found.source.keys() <= known


@pytest.mark.parametrize(
    "env", ["Pong-v0", "Pong-v4", "PongNoFrameskip-v4", "PongDeterministic-v0", "ALE/Pong-v5"]
)
def test_pong_has_a_preset_whatever_its_version(env):
    assert preset("pg", env).name == "pong"


@pytest.mark.parametrize(
    ("algo", "env", "name"),
    [
        ("ppo", "MiniGrid-DoorKey-5x5-v0", "minigrid"),
        ("ppo", "MinAtar/Breakout-v1", "minatar"),
        ("dqn", "MinAtar/Breakout-v1", "minatar"),
        ("ppo", "ALE/Breakout-v5", "atari-skipping"),
        ("ppo", "PongNoFrameskip-v4", "atari"),
        ("a2c", "ALE/Pong-v5", "atari-skipping"),
        ("sac", "CartPole-v1", "cartpole"),
        ("ppo", "CartPoleNoVel-v1", "cartpole-no-velocity"),
        ("dqn", "Acrobot-v1", "acrobot"),
        ("dqn", "MountainCar-v0", "mountaincar"),
    ],
)
def test_environments_of_the_benchmarks_have_presets(algo, env, name):
    assert preset(algo, env).name == name


def test_other_environments_have_none():
    assert preset("pg", "Pong-ram-v0").name == "none"
    assert preset("random", "Pong-v0").config == {}


def test_a_preset_can_be_named_or_refused():
    assert preset("pg", "Pong-v0", "cookbook2017").config["optimizer"] == "rmsprop"
    assert preset("pg", "Pong-v0", "none").config == {}


def test_an_unknown_preset_is_refused_with_the_nearest():
    with pytest.raises(
        AgentlabError, match="preset='cookbok' is unknown for algo='pg'; did you mean 'cookbook"
    ):
        preset("pg", "Pong-v0", "cookbok")


def test_names_are_unique():
    for algo in WITH_PRESETS:
        assert len(set(presets(algo))) == len(presets(algo))
