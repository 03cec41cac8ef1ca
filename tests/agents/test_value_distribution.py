"""What is predicted of returns, against numbers computed by hand."""

import numpy as np
import pytest
import tensorflow as tf

from agentlab.agents.value_distribution import (
    Categorical,
    DistributionOptions,
    ExpectedValue,
    Quantile,
    categorical_target,
    quantile_huber,
)
from agentlab.training.losses import huber


def test_huber_is_a_parabola_up_to_one_and_a_line_beyond():
    errors = tf.constant([0.0, 0.5, -1.0, 3.0, -4.0])
    np.testing.assert_allclose(huber(errors), [0, 0.125, 0.5, 2.5, 3.5])


def test_a_moved_distribution_is_shared_out_among_neighboring_atoms():
    support = tf.constant([0.0, 1.0, 2.0, 3.0])
    probabilities = tf.constant([[0.5, 0.0, 0.25, 0.25]])
    # Atoms move to 0.5 + 0.5 * (0, 1, 2, 3) = 0.5, 1.0, 1.5, 2.0. So .5 is halved between 0 and 1,
    # .25 at 1.5 between 1 and 2, and .25 stays whole at 2.
    target = categorical_target(probabilities, tf.constant([0.5]), tf.constant([0.5]), support)
    np.testing.assert_allclose(target, [[0.25, 0.375, 0.375, 0.0]])


def test_a_terminal_distribution_is_the_reward_alone_and_keeps_within_the_atoms():
    support = tf.constant([0.0, 1.0, 2.0])
    probabilities = tf.constant([[0.2, 0.3, 0.5]] * 3)
    returns, discounts = tf.constant([0.75, 5.0, -5.0]), tf.constant([0.0, 0.0, 0.9])
    target = categorical_target(probabilities, returns, discounts, support)
    np.testing.assert_allclose(target, [[0.25, 0.75, 0], [0, 0, 1], [1, 0, 0]], atol=1e-6)


def test_quantiles_pay_more_for_the_side_that_they_are_not_meant_to_leave():
    # Two quantiles at midpoints .25 and .75, both at 0; one target at 2: Huber of 2 is 1.5.
    # Below the target: weights .25 and .75, so .375 + 1.125 = 1.5.
    above = quantile_huber(tf.constant([[0.0, 0.0]]), tf.constant([[2.0]]))
    # Above the target: weights |.25 - 1| and |.75 - 1|, the same sum; so look at one alone.
    np.testing.assert_allclose(above, [1.5])
    uneven = quantile_huber(tf.constant([[0.0, 4.0]]), tf.constant([[2.0]]))
    # .25 * 1.5 from below and |.75 - 1| * 1.5 from above: .375 + .375.
    np.testing.assert_allclose(uneven, [0.75])


def logits(*probabilities):
    return np.log(np.array(probabilities, np.float32))


def test_c51_values_are_the_means_of_the_distributions():
    distribution = Categorical(3, 0.0, 4.0)
    assert distribution.support.tolist() == [0, 2, 4]
    outputs = logits([[0.5, 0.25, 0.25], [0.0001, 0.0001, 0.9998]])
    for values in (distribution.expected_values(outputs), distribution.means(outputs)):
        np.testing.assert_allclose(values, [[1.5, 3.9994]], rtol=1e-4)


def test_c51_losses_are_cross_entropies_and_errors_divergences():
    distribution = Categorical(3, 0.0, 2.0)
    current = logits([0.5, 0.25, 0.25], [0.25, 0.5, 0.25])
    following = logits([0.8, 0.1, 0.1], [0.25, 0.5, 0.25])
    returns, discounts = tf.constant([0.5, 0.0]), tf.constant([0.0, 1.0])
    losses, errors = distribution.loss(current, following, returns, discounts)
    # A return of 0.5 alone: half of it at 0 and half at 1. The second does not move.
    crossed = [-0.5 * np.log(0.5) - 0.5 * np.log(0.25), 0.5 * np.log(4) + 0.5 * np.log(2)]
    np.testing.assert_allclose(losses, crossed, rtol=1e-5)
    # Less the target's entropy: log 2 of two halves; the same again where it is known.
    np.testing.assert_allclose(errors, [crossed[0] - np.log(2), 0], atol=1e-6)


def test_c51_stays_finite_for_large_logits():
    distribution = Categorical(2, 0.0, 1.0)
    outputs = np.array([[[1000.0, 0.0], [0.0, 1000.0]]], np.float32)
    np.testing.assert_allclose(distribution.expected_values(outputs), [[0, 1]])


def test_an_expected_value_is_learned_by_the_bellman_error():
    distribution = ExpectedValue()
    assert distribution.n_outputs == 1
    outputs = np.array([[[3.0], [-1.0]]], np.float32)
    for values in (distribution.expected_values(outputs), distribution.means(outputs)):
        assert np.asarray(values).tolist() == [[3, -1]]
    current, following = tf.constant([[1.0], [2.0]]), tf.constant([[4.0], [8.0]])
    losses, errors = distribution.loss(
        current, following, tf.constant([0.5, 1.5]), tf.constant([0.5, 0.0])
    )
    # 1 - (0.5 + 2) = -1.5, beyond 1: 1.5 - 0.5; and 2 - 1.5 = 0.5: 0.125.
    np.testing.assert_allclose(losses, [1.0, 0.125])
    np.testing.assert_allclose(errors, [1.5, 0.5])


def test_quantiles_are_averaged_and_move_towards_the_bellman_target():
    distribution = Quantile(2)
    outputs = np.array([[[1.0, 2.0], [5.0, -5.0]]], np.float32)
    for values in (distribution.expected_values(outputs), distribution.means(outputs)):
        assert np.asarray(values).tolist() == [[1.5, 0]]
    losses, errors = distribution.loss(
        tf.constant([[0.0, 0.0]]), tf.constant([[2.0, 4.0]]), tf.constant([1.0]), tf.constant([0.5])
    )
    # Targets 2 and 3, Huber 1.5 and 2.5, both above: (.25 + .75) * (1.5 + 2.5) / 2.
    np.testing.assert_allclose(losses, [2.0])
    np.testing.assert_allclose(errors, [2.0])


def test_quantiles_at_sampled_fractions_are_weighted_by_them():
    # One target, 1 + 0.5 * 2 = 2, of which the quantile 0 is below (Huber 1.5) and 4 above (1.5).
    losses, _ = Quantile(2, cosines=4).loss(
        tf.constant([[0.0, 4.0]]),
        tf.constant([[2.0, 2.0]]),
        tf.constant([1.0]),
        tf.constant([0.5]),
        tf.constant([[0.9, 0.2]]),
    )
    np.testing.assert_allclose(losses, [0.9 * 1.5 + (1 - 0.2) * 1.5], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "kind", "outputs"),
    [
        ("expected", ExpectedValue, 1),
        ("c51", Categorical, 7),
        ("quantile", Quantile, 7),
        ("iqn", Quantile, 7),
    ],
)
def test_options_name_a_distribution(name, kind, outputs):
    made = DistributionOptions(distribution=name, n_atoms=7).make_distribution()
    assert (type(made), made.n_outputs) == (kind, outputs)
