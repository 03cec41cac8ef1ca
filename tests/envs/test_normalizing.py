import gymnasium
import numpy as np
import pytest
from gymnasium import wrappers

import agentlab
from agentlab.envs.normalizing import without_normalizing_wrappers
from agentlab.errors import AgentlabError


def cart_pole():
    return gymnasium.make("CartPole-v1", max_episode_steps=20)


def chain(env):
    names = []
    while isinstance(env, gymnasium.Wrapper):
        names.append(type(env).__name__)
        env = env.env
    return names


def test_normalizing_wrappers_are_taken_out_of_the_chain():
    made = wrappers.NormalizeReward(wrappers.NormalizeObservation(cart_pole()))
    env, removed = without_normalizing_wrappers(wrappers.TimeLimit(made, 5), "mine")
    assert removed == {"observations", "returns"}
    assert chain(env) == ["TimeLimit", *chain(cart_pole())]
    assert abs(env.reset(seed=0)[0]).max() < 0.05  # the raw observations of CartPole
    assert env.step(0)[1] == 1
    env, removed = without_normalizing_wrappers(cart_pole(), "mine")
    assert (removed, chain(env)) == (set(), chain(cart_pole()))


class MyNormalize(wrappers.NormalizeObservation):
    pass


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda env: wrappers.FrameStackObservation(wrappers.NormalizeObservation(env), 2),
            "wrapped in NormalizeObservation, .* inside FrameStackObservation: .* "
            "normalize_observations=True",
        ),
        (
            lambda env: wrappers.TransformReward(wrappers.NormalizeReward(env), lambda r: r),
            "wrapped in NormalizeReward, .* inside TransformReward: .* normalize_returns=True",
        ),
        (MyNormalize, "wrapped in MyNormalize, .* is not Gymnasium's: .*--normalize-observations"),
    ],
)
def test_a_normalizing_wrapper_that_cannot_be_replaced_is_refused(make, says):
    with pytest.raises(AgentlabError, match=says):
        agentlab.make_envs(lambda: make(cart_pole()))


def test_the_agent_normalizes_instead_of_the_wrapper(tmp_path, capsys):
    wrapped = lambda: wrappers.NormalizeReward(  # noqa: E731
        wrappers.NormalizeObservation(cart_pole())
    )
    with agentlab.make_envs(wrapped, 2) as envs:
        said = capsys.readouterr().err
        assert "NormalizeObservation is replaced by the agent's own normalizer" in said
        agent = agentlab.make_agent("pg", envs, hidden=(8,), rollout_length=100)
        agentlab.train(agent, envs, 64, quiet=True)
        assert agent.encoding.normalizer.on and agent.encoding.normalizer.statistics.count == 66
        assert agent.return_normalizer.on
        agent.save(tmp_path / "saved")
        loaded = agentlab.load(tmp_path / "saved")
        np.testing.assert_equal(loaded.return_normalizer.state(), agent.return_normalizer.state())
        observations = envs.reset(seed=1)
        given = [each.act(observations, explore=False).tolist() for each in (agent, loaded)]
        assert given[0] == given[1]
        assert np.array_equal(
            loaded.encoding.normalizer.statistics.mean, agent.encoding.normalizer.statistics.mean
        )
        with pytest.raises(AgentlabError, match="algo='random_search' has no --normalize-obs"):
            agentlab.make_agent("random_search", envs)
