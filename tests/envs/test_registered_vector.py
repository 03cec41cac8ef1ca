"""The vectorized form of CartPole gives the episodes of the ordinary one, bit for bit."""

from dataclasses import fields

import gymnasium
import numpy as np
import pytest

from agentlab.envs import LocalVector, RegisteredVector, make_envs
from agentlab.errors import AgentlabError

N = 5


def make_pair():
    spec = gymnasium.spec("CartPole-v1")
    make = lambda: gymnasium.make("CartPole-v1", disable_env_checker=True)  # noqa: E731
    return RegisteredVector(spec, N), LocalVector([make] * N, "CartPole-v1")


def choose(observations, rng):
    """Balance the poles of the first two environments, and act at random in the others."""
    weights = np.array([0.5, 1.0, 10.0, 2.0], np.float32)
    actions = (observations @ weights > 0).astype(np.int64)
    actions[2:] = rng.integers(0, 2, N - 2)
    return actions


def assert_equal_steps(one, other):
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        assert np.array_equal(a, b) and getattr(a, "dtype", None) == getattr(b, "dtype", None), (
            field.name
        )


def assert_equal_states(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert np.array_equal(one[name], other[name]), name
        assert one[name].dtype == other[name].dtype, name


def test_episodes_and_checkpoints_equal_those_of_single_environments():
    fast, plain = make_pair()
    observations = fast.reset(seed=3)
    assert np.array_equal(observations, plain.reset(seed=3))
    rng, truncated, terminated = np.random.default_rng(0), 0, 0
    for t in range(1100):
        actions = choose(observations, rng)
        step = fast.step(actions)
        assert_equal_steps(step, plain.step(actions))
        observations = step.next_observations
        truncated, terminated = truncated + step.truncated.sum(), terminated + step.terminated.sum()
        if t % 211 == 0:
            assert_equal_states(fast.state(), plain.state())
    assert truncated >= 2 and terminated > 50  # both ends of an episode were met


@pytest.mark.parametrize("saved_by_fast", [True, False])
def test_a_checkpoint_is_resumed_by_either_form(saved_by_fast):
    fast, plain = make_pair()
    source, target = (fast, plain) if saved_by_fast else (plain, fast)
    rng, observations = np.random.default_rng(1), source.reset(seed=5)
    for _ in range(137):
        observations = source.step(choose(observations, rng)).next_observations
    target.reset(seed=99)
    assert not target.restore(source.state()).any()
    assert np.array_equal(target.observations, observations)
    for _ in range(400):
        actions = choose(observations, rng)
        step = source.step(actions)
        assert_equal_steps(step, target.step(actions))
        observations = step.next_observations
    cut = np.array([True, False, False, True, False])
    assert np.array_equal(source.cut(cut), target.cut(cut))
    assert_equal_states(source.state(), target.state())


def test_an_episode_that_is_not_reproduced_is_begun_anew():
    fast, _ = make_pair()
    fast.reset(seed=0)
    for _ in range(5):
        fast.step(np.zeros(N, np.int64))
    state = fast.state()
    state["observations"][1] += 1
    assert fast.restore(state).tolist() == [False, True, False, False, False]


def test_only_the_plain_environment_is_stepped_by_its_vectorized_form():
    for n, options in [
        (2, {}),  # faster one after the other
        (8, {"wrappers": ["gymnasium.wrappers:FlattenObservation"]}),
        (8, {"sutton_barto_reward": True}),
        (8, {"render": True}),
    ]:
        with make_envs("CartPole-v1", n, **options) as envs:
            assert type(envs) is LocalVector, options
    for id in ("CartPole-v0", "CartPole-v1"):
        with make_envs(id, 8) as envs:
            assert type(envs) is RegisteredVector, id


def test_an_invalid_action_names_the_environment():
    fast, _ = make_pair()
    fast.reset(seed=0)
    with pytest.raises(AgentlabError, match="CartPole-v1.*step"):
        fast.step(np.full(N, 7))
