"""Arguments of environments, wrappers around them, and ids without a version."""

import json
from pathlib import Path

import gymnasium
import pytest

import agentlab
from agentlab.experiments import AgentPlan, open_run

QUICK = "--steps 200 --n-envs 2 --log-every 100 --eval-episodes 1 --no-video"
LAKE = f"train --env FrozenLake-v1 --algo q_table --preset none {QUICK} --name lake"
WRAPPERS = """
import gymnasium
import numpy as np

class Twice(gymnasium.RewardWrapper):
    def reward(self, reward):
        return 2 * reward

class Wide(gymnasium.ObservationWrapper):
    def __init__(self, env):
        super().__init__(env)
        self.observation_space = gymnasium.spaces.Box(-9, 9, (8,), np.float32)
    def observation(self, observation):
        return np.clip(np.concatenate([observation] * 2), -9, 9)

class Broken(gymnasium.Wrapper):
    def __init__(self, env):
        raise RuntimeError("no such luck")

def nothing(env):
    return None
"""


@pytest.fixture
def wrappers(call):
    Path("my_wrappers.py").write_text(WRAPPERS)
    return "--wrapper my_wrappers:Twice my_wrappers:Wide"


def test_arguments_reach_the_environment_and_stay_with_the_run(call, refused):
    words = LAKE.replace("--preset none ", "")  # the preset is for the map of 4x4
    result = call(f"{words} --env-kwargs map_name=8x8 is_slippery=false")
    assert result.code == 0, result.err
    assert "map_name=8x8 is_slippery=false" in result.out
    assert json.loads(Path("runs/lake/config.json").read_text())["environment"]["env_kwargs"] == {
        "map_name": "8x8", "is_slippery": False
    }  # fmt: skip
    assert agentlab.load("runs/lake").observation_space.n == 64
    assert call("play runs/lake --episodes 1").code == 0
    assert call("train --resume runs/lake --steps 400").code == 0
    refused("play runs/lake --env-kwargs map_name=4x4", "Discrete(16)", "Discrete(64)")
    refused("train --resume runs/lake --env-kwargs is_slippery=true", "cannot be changed")


@pytest.mark.parametrize(
    ("words", "kwargs"),
    [
        ("is_slippery:False", {"is_slippery": False}),
        ("gravity=-9.5 enabled=yes mode=none", {"gravity": -9.5, "enabled": True, "mode": None}),
        ('desc=["SF","FG"]', {"desc": ["SF", "FG"]}),
        ("name=a=b size=3", {"name": "a=b", "size": 3}),
    ],
)
def test_values_are_numbers_words_or_json(words, kwargs):
    from agentlab.cli.train import make_parser
    from agentlab.config import format_value, parse_value

    read = make_parser().given(["--env-kwargs", *words.split()])["env_kwargs"]
    assert read == kwargs
    assert parse_value("--x", format_value(kwargs), dict[str, object]) == kwargs


def test_a_repeated_flag_adds_arguments():
    from agentlab.cli.train import make_parser

    given = make_parser().given(
        ["--env-kwargs", "a=1", "--env-kwargs", "b=2", "--wrapper", "a:B", "--wrapper", "c:D"]
    )
    assert given == {"env_kwargs": {"a": 1, "b": 2}, "wrapper": ("a:B", "c:D")}


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("--env-kwargs is_slippery", ["--env-kwargs", "NAME=VALUE"]),
        ("--env-kwargs slippery=false", ["'FrozenLake-v1' takes no argument 'slippery'"]),
        ("--wrapper Twice", ["wrapper='Twice' must be module:Class"]),
        ("--wrapper my_wrappers:Nope", ["wrapper='my_wrappers:Nope' cannot be loaded"]),
        ("--wrapper :Nope", ["wrapper=':Nope'", "module:Class"]),
        ("--wrapper my_wrappers:Broken", ["my_wrappers:Broken", "RuntimeError: no such luck"]),
        ("--wrapper my_wrappers:nothing", ["returned None", "gymnasium.Env"]),
    ],
)
def test_invalid_arguments_and_wrappers(refused, wrappers, words, parts):
    refused(f"{LAKE} {words}", *parts)
    refused(f"check-env FrozenLake-v1 {words}", *parts)
    assert not Path("runs").exists()


def test_wrappers_come_first_innermost_and_must_be_named_again(call, refused, wrappers):
    words = f"train --env CartPole-v1 --algo random {QUICK} --name wide {wrappers}"
    result = call(words)
    assert result.code == 0, result.err
    assert agentlab.load("runs/wide").observation_space.shape == (8,)
    refused("play runs/wide", "code from outside agentlab", wrappers)
    refused("train --resume runs/wide", "code from outside agentlab", wrappers)
    again = next(line for line in result.out.splitlines() if line.startswith("play"))
    assert wrappers in again
    played = call(f"play runs/wide --episodes 2 {wrappers}")
    assert played.code == 0, played.err
    rows = [line.split() for line in played.out.splitlines() if line.startswith("episode")]
    assert [float(row[3]) for row in rows] == [2 * float(row[5]) for row in rows]
    assert call(f"train --resume runs/wide --steps 300 {wrappers}").code == 0


def test_check_env_checks_the_wrapped_environment(call):
    result = call(
        "check-env FrozenLake-v1 --env-kwargs map_name=8x8 "
        "--wrapper gymnasium.wrappers:FlattenObservation"
    )
    assert result.code == 0, result.err
    assert "(64,)" in result.out


@pytest.mark.slow
def test_trials_of_a_search_get_the_arguments(call):
    words = LAKE.replace("train", "tune train").replace("--name lake", "--name search")
    result = call(
        f"{words} --env-kwargs map_name=8x8 --search gamma=0.9|0.99 --sampler grid --trials 1"
    )
    assert result.code == 0, result.err
    config = json.loads(Path("runs/search/best/config.json").read_text())
    assert config["environment"]["env_kwargs"] == {"map_name": "8x8"}


def test_an_agent_saved_from_python_is_saved_with_its_environment(call, refused, wrappers):
    envs = agentlab.make_envs(
        "FrozenLake-v1", 2, map_name="8x8", wrappers=["gymnasium.wrappers:FlattenObservation"]
    )
    agent = agentlab.make_agent("random", envs)
    agent.save("saved")
    assert agentlab.load("saved").environment == envs.settings
    assert call("play saved --episodes 1").code == 0
    agent.environment = {**envs.settings, "wrapper": ["my_wrappers:Twice"]}
    agent.save("foreign")
    refused("play foreign", "code from outside agentlab", "--wrapper my_wrappers:Twice")


def test_preprocessing_is_saved_with_an_agent_too(call):
    frames = agentlab.Preprocessing(grayscale=True, resize=32, frame_stack=2)
    with agentlab.make_envs("ALE/Freeway-v5", preprocessing=frames) as envs:
        agentlab.make_agent("random", envs).save("saved")
    agent = agentlab.load("saved")
    assert agent.environment["preprocessing"]["resize"] == 32
    assert agent.evaluation_copy(1, 0).environment == agent.environment


def test_an_id_without_version_means_the_newest_one_with_its_preset(call):
    result = call("train --env CartPole --algo pg --steps 64 --eval-episodes 0 --no-video")
    assert result.code == 0, result.err
    assert "the newest version of CartPole" in result.out
    config = json.loads(Path("runs/CartPole-v1-pg/config.json").read_text())
    assert (config["env"], config["preset"]) == ("CartPole-v1", "cartpole")
    assert call("train --resume runs/CartPole-v1-pg --env CartPole --steps 128").code == 0
    assert call("play runs/CartPole-v1-pg --env CartPole --episodes 1").code == 0
    assert AgentPlan.make("CartPole", "pg").preset == "cartpole"
    with agentlab.make_envs("ALE/Pong") as envs:
        assert envs.id == "ALE/Pong-v5"


def test_an_environment_registered_by_name_only_keeps_its_id(monkeypatch):
    gymnasium.register("Plain", "gymnasium.envs.classic_control:CartPoleEnv")
    try:
        assert agentlab.envs.newest_version("Plain") == "Plain"
    finally:
        del gymnasium.registry["Plain"]


def test_an_older_run_has_no_arguments(run):
    path = run / "config.json"
    config = json.loads(path.read_text())
    del config["environment"]
    path.write_text(json.dumps(config))
    plan, opened = open_run(run)
    opened.close()
    assert plan.environment.kwargs == {}
