import json
import pickle

import numpy as np
import pytest
from gymnasium import spaces

import agentlab
from agentlab.agents import agent_class
from agentlab.agents.agent import Agent, space_from_json, space_to_json
from agentlab.envs import Frames
from agentlab.errors import AgentlabError
from agentlab.testing.envs import Sign

SPACES = [
    spaces.Box(0, 255, (3, 2), np.uint8),
    spaces.Box(np.float32([-np.inf, 0]), np.float32([np.inf, 2]), dtype=np.float32),
    spaces.Discrete(3, start=-1),
    spaces.MultiDiscrete([2, 5]),
    spaces.MultiBinary(4),
]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_spaces_survive_json(space):
    assert space_from_json(json.loads(json.dumps(space_to_json(space)))) == space


def test_a_space_of_stacked_frames_keeps_its_stack():
    space = Frames(-1, 1, (8, 8, 6), np.int8, frame_stack=3)
    again = space_from_json(json.loads(json.dumps(space_to_json(space))))
    assert (again, again.frame_stack, again.dtype) == (space, 3, np.int8)


def test_a_space_that_cannot_be_saved_is_refused():
    with pytest.raises(AgentlabError, match="cannot be saved"):
        space_to_json(spaces.Text(3))


def saved(tmp_path):
    agent = agentlab.make_agent("random_search", agentlab.make_envs(Sign, 2), candidates=2)
    agent.save(tmp_path / "agent")
    return tmp_path / "agent"


def test_loading_an_agent_never_runs_code_from_its_files(tmp_path):
    folder, mark = saved(tmp_path), tmp_path / "ran"

    class Malice:
        def __reduce__(self):
            return (open, (str(mark), "w"))

    poison = np.empty(1, object)
    poison[0] = Malice()
    np.savez(folder / "weights.npz", weights=poison)
    with pytest.raises(AgentlabError, match="holds no readable agent"):
        agentlab.load_agent(folder)
    (folder / "weights.npz").write_bytes(pickle.dumps(Malice()))
    with pytest.raises(AgentlabError, match="holds no readable agent"):
        agentlab.load_agent(folder)
    (folder / "agent.json").write_bytes(pickle.dumps(Malice()))
    with pytest.raises(AgentlabError, match="is damaged"):
        agentlab.load_agent(folder)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Malice()))  # the poison itself works
    assert mark.exists()


def test_a_file_cannot_name_code_to_import(tmp_path, monkeypatch):
    folder = saved(tmp_path)
    described = json.loads((folder / "agent.json").read_text())
    (folder / "agent.json").write_text(json.dumps({**described, "algo": "planted:Agent"}))
    (tmp_path / "planted.py").write_text("raise SystemExit('ran')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AgentlabError, match="name it yourself, algo='planted:Agent'"):
        agentlab.load_agent(folder)


@pytest.mark.parametrize("cut", ["agent.json", "weights.npz"])
def test_a_truncated_file_is_refused_in_one_sentence(tmp_path, cut):
    folder = saved(tmp_path)
    whole = (folder / cut).read_bytes()
    (folder / cut).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AgentlabError) as caught:
        agentlab.load_agent(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_agent_of_another_algorithm_is_refused(tmp_path):
    folder = saved(tmp_path)
    with pytest.raises(AgentlabError, match="of the algorithm 'random_search', not of 'random'"):
        agentlab.load_agent(folder, "random")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("pgg", "did you mean 'pg'"),
        ("nothing_like_it", "there are dqn, pg"),
        (
            "no_such_module:Agent",
            "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("json:Nothing", "cannot be loaded"),
        ("json:JSONDecoder", "not a subclass of agentlab.Agent"),
    ],
)
def test_an_unknown_algorithm_is_refused_in_words(name, says):
    with pytest.raises(AgentlabError, match=says):
        agent_class(name)


def test_only_act_must_be_written():
    class Zero(Agent):
        def act(self, observations, explore=True):
            return np.zeros(len(observations), np.int64)

    envs = agentlab.make_envs(Sign, 2)
    agent = agentlab.make_agent(Zero, envs)
    assert agentlab.train(agent, envs, 100, quiet=True).episodes == 10
