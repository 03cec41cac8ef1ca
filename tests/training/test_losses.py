import numpy as np
import pytest
import tensorflow as tf

from agentlab.training.losses import cross_entropy

LOGITS = np.log([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]]).astype(np.float32)
TARGETS = np.array([[0, 1]], np.int32)


def test_the_loss_is_minus_the_log_of_the_targets_probability():
    lost = cross_entropy(tf.constant(LOGITS), TARGETS)
    np.testing.assert_allclose(lost, -np.log([[0.5, 0.1]]), rtol=1e-6)


def test_smoothing_gives_a_share_to_the_mean_over_all_classes():
    lost = cross_entropy(tf.constant(LOGITS), TARGETS, smoothing=0.2)
    expected = -0.8 * np.log([[0.5, 0.1]]) - 0.2 * LOGITS.mean(axis=-1)
    np.testing.assert_allclose(lost, expected, rtol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_and_gradient_are_those_of_tensorflow(smoothing):
    rng = np.random.default_rng(0)
    logits = tf.constant(4 * rng.normal(size=(3, 4, 7)), tf.float32)
    targets = tf.constant(rng.integers(0, 7, (3, 4)), tf.int32)
    weights = tf.constant(rng.random((3, 4)), tf.float32)

    def theirs(logits):
        goal = (1 - smoothing) * tf.one_hot(targets, 7) + smoothing / 7
        return tf.nn.softmax_cross_entropy_with_logits(goal, logits)

    def both(loss):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            lost = loss(logits)
            total = tf.reduce_sum(weights * lost)
        return lost, tape.gradient(total, logits)

    mine = both(lambda logits: cross_entropy(logits, targets, smoothing))
    for one, other in zip(mine, both(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
