import pytest

from agentlab.agents import agent_class
from agentlab.cli.plan import Training
from agentlab.config import from_dict
from agentlab.envs import Preprocessing
from agentlab.errors import AgentlabError
from agentlab.recipes.presets import PRESETS, preset, presets


@pytest.mark.parametrize("found", PRESETS, ids=lambda found: f"{found.algo}-{found.name}")
def test_every_preset_sets_options_that_exist_and_says_where_they_come_from(found):
    from_dict(agent_class(found.algo).Config, found.config)
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


def test_other_environments_have_none():
    assert preset("pg", "Pong-ram-v0").name == "none"
    assert preset("random", "Pong-v0").config == {}


def test_a_preset_can_be_named_or_refused():
    assert preset("pg", "Pong-v0", "book").config["optimizer"] == "rmsprop"
    assert preset("pg", "Pong-v0", "none").config == {}


def test_an_unknown_preset_is_refused_with_the_nearest():
    with pytest.raises(AgentlabError, match="preset='bok' is unknown for pg; did you mean 'book'"):
        preset("pg", "Pong-v0", "bok")


def test_names_are_unique():
    for algo in {found.algo for found in PRESETS}:
        assert len(set(presets(algo))) == len(presets(algo))
