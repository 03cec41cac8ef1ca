import numpy as np
import pytest

from agentlab.agents.rollout import Rollout, advantages


def column(*values):
    return np.array(values, np.float32)[:, None]


def test_without_values_advantages_are_discounted_returns():
    zeros = column(0, 0, 0)
    result = advantages(column(1, 2, 4), zeros, zeros, zeros == 1, gamma=0.5, gae_lambda=1)
    # 1 + .5 (2 + .5 * 4), 2 + .5 * 4, 4
    assert result[:, 0].tolist() == [3, 4, 4]


def test_nothing_flows_back_over_a_cut():
    zeros = column(0, 0, 0)
    cut = column(0, 1, 0) == 1
    result = advantages(column(1, 2, 4), zeros, zeros, cut, gamma=0.5, gae_lambda=1)
    assert result[:, 0].tolist() == [2, 2, 4]


def test_generalized_advantages_by_hand():
    values, next_values = column(1, 2, 3), column(2, 3, 4)
    result = advantages(column(1, 1, 1), values, next_values, column(0, 0, 0) == 1, 0.5, 0.5)
    # deltas: 1 + 1 - 1 = 1;  1 + 1.5 - 2 = .5;  1 + 2 - 3 = 0;  weights (.5 * .5) ** k
    assert result[:, 0].tolist() == [1 + 0.25 * 0.5, 0.5, 0]


def test_environments_do_not_mix():
    rng = np.random.default_rng(0)
    rewards, values, following = (rng.random((6, 3)).astype(np.float32) for _ in range(3))
    cut = rng.random((6, 3)) < 0.3
    together = advantages(rewards, values, following, cut, 0.9, 0.8)
    for i in range(3):
        alone = advantages(*(x[:, [i]] for x in (rewards, values, following, cut)), 0.9, 0.8)
        np.testing.assert_array_equal(together[:, [i]], alone)


def fill(cut, final_values):
    rollout = Rollout(3)
    for t in range(3):
        assert not rollout.full
        row = np.full(1, t, np.float32)
        rollout.add(
            inputs=row, actions=row, log_probs=row, values=row + 10, rewards=row,
            final_values=np.array([final_values[t]], np.float32), cut=np.array([cut[t]]),
        )  # fmt: skip
    assert rollout.full
    return rollout


@pytest.mark.parametrize(
    ("cut", "final_values", "expected"),
    [
        ([False, False, False], [0, 0, 0], [11, 12, 99]),  # the next state's value
        ([False, True, False], [0, 0, 0], [11, 0, 99]),  # terminated: nothing follows
        ([False, True, False], [0, 7, 0], [11, 7, 99]),  # truncated: the final state's value
        ([False, False, True], [0, 0, 5], [11, 12, 5]),  # cut at the rollout's very end
    ],
)
def test_the_value_that_follows_is_the_one_of_what_really_followed(cut, final_values, expected):
    rollout = fill(cut, final_values)
    assert rollout.next_values(np.array([99], np.float32))[:, 0].tolist() == expected


def test_flat_and_stacked_keep_the_order_of_time():
    rollout = fill([False] * 3, [0] * 3)
    assert rollout.flat("inputs").tolist() == [0, 1, 2]
    assert rollout.stacked("inputs").tolist() == [[0], [1], [2]]
