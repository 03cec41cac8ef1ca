import itertools
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
from agentlab.testing.envs import Clock, Sign
from tests.forged import forge

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
    np.savez(folder / "arrays.npz", weights=poison)
    forge(folder)
    with pytest.raises(AgentlabError, match="holds no readable agent"):
        agentlab.load(folder)
    (folder / "arrays.npz").write_bytes(pickle.dumps(Malice()))
    forge(folder)
    with pytest.raises(AgentlabError, match="holds no readable agent"):
        agentlab.load(folder)
    (folder / "learner.json").write_bytes(pickle.dumps(Malice()))
    with pytest.raises(AgentlabError, match="is damaged"):
        agentlab.load(folder)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Malice()))  # the poison itself works
    assert mark.exists()


@pytest.mark.parametrize("cut", ["learner.json", "arrays.npz"])
def test_a_truncated_file_is_refused_in_one_sentence(tmp_path, cut):
    folder = saved(tmp_path)
    whole = (folder / cut).read_bytes()
    (folder / cut).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AgentlabError) as caught:
        agentlab.load(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_agent_of_another_algorithm_is_refused(tmp_path):
    folder = saved(tmp_path)
    with pytest.raises(AgentlabError, match="holds the agent 'random_search', not 'random'"):
        agent_class("random").load(folder)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("pgg", "did you mean 'pg'"),
        ("nothing_like_it", "choose from a2c, ddpg, dqn, pg, ppo"),
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


class Named(Clock):
    """Its actions are 7 and 8."""

    action_space = spaces.Discrete(2, start=7)

    def step(self, action):
        return super().step(action - 7)


@pytest.mark.parametrize(
    ("algo", "options"),
    [
        ("pg", {"hidden": (4,), "rollout_length": 4, "n_minibatches": 1}),
        ("dqn", {"hidden": (4,), "learning_starts": 8, "batch_size": 4, "buffer_size": 100}),
        pytest.param(
            "rainbow",
            {"hidden": (4,), "learning_starts": 8, "batch_size": 4, "buffer_size": 100},
            marks=pytest.mark.slow,
        ),
        ("q_linear", {"features": 5, "learning_starts": 8, "buffer_size": 100}),
        ("random_search", {"candidates": 3}),
        ("random", {}),
    ],
)
def test_an_evaluation_copy_acts_alike_and_leaves_no_trace(algo, options):
    envs = agentlab.make_envs(Named, 4)
    agent = agentlab.make_agent(algo, envs, 3, **options)
    agentlab.train(agent, envs, 40, quiet=True)
    copied = agent.evaluation_copy(2, seed=9)
    assert (copied.num_envs, copied.seed, copied.config) == (2, 9, agent.config)
    observations = np.linspace(0, 3, 40, dtype=np.float32)[:, None]
    chosen = agent.act(observations, False) if algo != "random" else None
    generator, state = agent.rng.bit_generator.state, agent.policy_state()
    if algo != "random":
        np.testing.assert_array_equal(copied.act(observations, False), chosen)
    # Neither playing nor learning of the copy is seen in the agent.
    agentlab.train(copied, agentlab.make_envs(Named, 2), 40, quiet=True)
    assert agent.rng.bit_generator.state == generator
    now = agent.policy_state()
    assert now.keys() == state.keys()
    assert all(np.array_equal(now[name], state[name]) for name in state)
    if algo in ("random", "random_search"):
        return
    # The agent learns on, and the copy is brought up to date.
    agentlab.train(agent, envs, 400, quiet=True)
    before = copied.policy_state()
    copied.restore_policy(agent.policy_state())
    assert any(not np.array_equal(before[name], copied.policy_state()[name]) for name in before)
    np.testing.assert_array_equal(copied.act(observations, False), agent.act(observations, False))


def test_a_policy_state_is_a_copy():
    envs = agentlab.make_envs(Sign, 2)
    agent = agentlab.make_agent("q_linear", envs, features=5, learning_starts=8, buffer_size=100)
    state = agent.policy_state()
    agent.weights += 1
    assert (state["weights"] == 0).all()
    agent.restore_policy(state)
    assert (agent.weights == 0).all()


def test_a_restored_policy_reaches_the_net_too():
    envs = agentlab.make_envs(Sign, 2)
    one, other = (agentlab.make_agent("pg", envs, seed, hidden=(4,)) for seed in (0, 1))
    other.restore_policy(one.policy_state())
    for mine, theirs in zip(other.net.get_weights(), one.net.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_predict_takes_one_observation_and_gives_what_step_takes():
    envs = agentlab.make_envs(Named, 2)
    agent = agentlab.make_agent("pg", envs, hidden=(4,))
    for observation, explore in itertools.product(([0.0], np.zeros(1)), (False, True)):
        action = agent.predict(observation, explore=explore)
        assert type(action) is int and action in (7, 8)
    best = agent.act(np.float32([[2.0]]), explore=False)[0]
    assert agent.predict([2.0]) == best
    drawn = {agent.predict([2.0], explore=True) for _ in range(60)}
    assert drawn == {7, 8}
    continuous = agentlab.make_envs(lambda: Sign(continuous=True), 2)
    action = agentlab.make_agent("pg", continuous, hidden=(4,)).predict([1.0])
    assert action.shape == (1,) and action.dtype == np.float32


class Keras(Agent):
    """An agent of one's own whose layers Keras names by itself."""

    def build(self):
        import keras

        self.net = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)])

    def components(self):
        return {"net": self.net}

    def act(self, observations, explore=True):
        return np.asarray(self.net(observations)).argmax(1)


def test_an_agent_of_ones_own_is_saved_loaded_and_copied_without_more_code(tmp_path):
    agent = agentlab.make_agent(Keras, agentlab.make_envs(Sign, 2))
    agent.save(tmp_path / "agent")
    observations = np.linspace(-1, 1, 9, dtype=np.float32)[:, None]
    loaded = agentlab.load(tmp_path / "agent", Keras, num_envs=5)
    for other in (loaded, agent.evaluation_copy(3, 1)):
        for mine, theirs in zip(other.net.get_weights(), agent.net.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
        np.testing.assert_array_equal(other.act(observations), agent.act(observations))
    assert {name.split("/")[0] for name in agent.histograms()} == {"weights"}


@pytest.mark.parametrize(
    ("observations", "actions", "says"),
    [
        (spaces.Text(3), spaces.Discrete(2), "algo='narrow' needs Box or Discrete observations, "
         "but the environment has Text"),
        (spaces.Discrete(2), spaces.Box(-1, 1), "algo='narrow' needs Discrete actions, but"),
    ],
)  # fmt: skip
def test_spaces_that_an_agent_does_not_take_are_refused_before_it_is_built(
    observations, actions, says
):
    class Narrow(Agent):
        name = "narrow"
        observation_spaces = (spaces.Box, spaces.Discrete)
        action_spaces = (spaces.Discrete,)

        def build(self):
            raise AssertionError("built")

        def act(self, observations, explore=True):
            return observations

    with pytest.raises(AgentlabError, match=says):
        Narrow(observations, actions, 1)


@pytest.mark.parametrize("observation", ["x", None, [1.0, 2.0], np.zeros((84, 84))])
def test_predict_refuses_anything_but_observations(observation):
    with agentlab.make_envs("CartPole-v1") as envs:
        agent = agentlab.make_agent("random", envs)
    with pytest.raises(AgentlabError, match=r"an observation .*must be one of Box"):
        agent.predict(observation)
