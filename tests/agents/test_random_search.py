import numpy as np
import pytest

import agentlab
from agentlab.testing.envs import Clock, Sign


def searched(score="return", env=Sign, n=3, **options):
    envs = agentlab.make_envs(env, n)
    options = {"candidates": 6, "episodes_per_candidate": 4, "score": score, **options}
    agent = agentlab.make_agent("random_search", envs, 1, **options)
    agentlab.train(agent, envs, 100_000, quiet=True)
    return agent, envs


def test_every_candidate_plays_its_games_and_the_best_is_kept():
    agent, envs = searched()
    assert agent.finished
    assert [len(scores) for scores in agent.scores] == [4] * 6
    means = [np.mean(scores) for scores in agent.scores]
    assert means[agent.best] == max(means) > min(means)
    # Sign is solved by any policy whose outputs differ in the right direction.
    assert agentlab.evaluate(agent, envs, 12).mean == pytest.approx(max(means), abs=1)


def test_length_can_be_the_score():
    agent, _ = searched("length", lambda: Clock(7))
    assert set(sum(agent.scores, [])) == {7}
