"""Prioritized sampling draws in proportion to the priorities and weighs against it."""

import numpy as np
import pytest
from gymnasium import spaces

from agentlab.errors import AgentlabError
from agentlab.replay import ReplayBuffer
from tests.replay.worlds import ACTIONS, World


def filled(rows=6, alpha=1.0, n_step=1, capacity=20):
    world = World(n=1, stack=1)
    replay = ReplayBuffer(world.observation_space, ACTIONS, capacity, alpha=alpha, n_step=n_step)
    for _ in range(rows):
        replay.add(world.step())
    return replay, world


def shares(replay, draws=4000):
    indices = replay.sample(draws, np.random.default_rng(0)).indices
    return np.bincount(indices, minlength=20) / draws


def test_transitions_are_sampled_in_proportion_to_priority_to_the_alpha():
    replay, _ = filled(rows=4, alpha=0.5)
    replay.update_priorities([0, 1, 2], [1.0, 4.0, 9.0])
    # Square roots: 1, 2, 3 of 6. Strata of 1/4000 leave at most one draw of error at each edge.
    np.testing.assert_allclose(shares(replay)[:3], [1 / 6, 2 / 6, 3 / 6], atol=1 / 2000)


def test_alpha_0_is_uniform():
    replay, _ = filled(rows=5, alpha=0.0)
    replay.update_priorities([0, 1, 2, 3], [1.0, 4.0, 9.0, 100.0])
    np.testing.assert_allclose(shares(replay)[:4], 1 / 4, atol=1 / 2000)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_weights_correct_the_sampling_bias(beta):
    replay, _ = filled(rows=4)
    replay.update_priorities([0, 1, 2], [1.0, 2.0, 5.0])
    batch = replay.sample(80, np.random.default_rng(0), beta=beta)
    # N = 3 and P = 1/8, 2/8, 5/8; the largest weight is that of P = 1/8.
    expected = (3 * np.array([1, 2, 5]) / 8) ** -beta / (3 / 8) ** -beta
    np.testing.assert_allclose(batch.weights, expected[batch.indices], rtol=1e-6)
    assert batch.weights.dtype == np.float32 and batch.weights.max() == 1


def test_uniform_sampling_has_weights_of_1():
    replay, _ = filled(alpha=None)
    assert (replay.sample(9, np.random.default_rng(0), beta=0.4).weights == 1).all()


def test_sampling_is_stratified():
    replay, _ = filled(rows=9)  # 8 equal priorities
    for seed in range(5):
        batch = replay.sample(8, np.random.default_rng(seed))
        assert batch.indices.tolist() == list(range(8))


def test_new_transitions_get_the_highest_priority_so_far():
    replay, world = filled(rows=4)
    replay.update_priorities([0, 1, 2], [1.0, 1.0, 6.0])
    replay.update_priorities([2], [2.0])
    replay.add(world.step())
    np.testing.assert_allclose(shares(replay)[:4], np.array([1, 1, 2, 6]) / 10, atol=1 / 2000)


def test_incomplete_transitions_have_no_priority():
    world = World(n=2, stack=3)
    replay = ReplayBuffer(
        world.observation_space, ACTIONS, 20, 2, frame_stack=3, n_step=2, alpha=1.0
    )
    for _ in range(57):
        replay.add(world.step())
    # Rows 47 to 56 are held; 47 and 48 lack history, 55 and 56 next rows.
    places = sorted({row % 10 for row in range(49, 55)})
    got = np.unique(replay.sample(600, np.random.default_rng(0)).indices)
    assert got.tolist() == [2 * place + env for place in places for env in range(2)]


def test_priorities_of_overwritten_transitions_are_ignored():
    replay, world = filled(rows=20, capacity=20)
    late = replay.sample(1, np.random.default_rng(0)).indices * 0  # slot 0
    replay.add(world.step())  # replaces it; its successor is still missing
    replay.update_priorities(late, [1e6])
    assert shares(replay)[0] == 0
    replay.add(world.step())
    np.testing.assert_allclose(shares(replay)[0], 1 / 19, atol=1 / 2000)


def test_the_last_priority_of_a_repeated_index_counts():
    replay, _ = filled(rows=3)
    replay.update_priorities([0, 1, 0], [9.0, 1.0, 3.0])
    np.testing.assert_allclose(shares(replay)[:2], [3 / 4, 1 / 4], atol=1 / 2000)


@pytest.mark.parametrize("priority", [0.0, -1.0, np.nan, np.inf])
def test_priorities_must_be_positive(priority):
    replay, _ = filled()
    with pytest.raises(AgentlabError, match="finite numbers above 0"):
        replay.update_priorities([0], [priority])


def test_one_environment_more_changes_the_slots_only():
    world = World(n=3, stack=1)
    replay = ReplayBuffer(world.observation_space, spaces.Discrete(5), 30, 3, alpha=1.0)
    for _ in range(4):
        replay.add(world.step())
    replay.update_priorities([4], [8.0])
    indices = replay.sample(1600, np.random.default_rng(0)).indices
    counts = np.bincount(indices, minlength=12)
    np.testing.assert_allclose(counts[:9], [100, 100, 100, 100, 800, 100, 100, 100, 100], atol=2)
