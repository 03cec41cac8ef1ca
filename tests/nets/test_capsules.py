import keras
import numpy as np
import pytest
import tensorflow as tf

from agentlab.nets.capsnet import CapsNet
from agentlab.nets.capsules import PrimaryCapsules, RoutingCapsules, mask_capsules, squash
from agentlab.testing.gradient_check import check_gradients

RNG = np.random.default_rng(0)


def small(**arguments):
    options = {"filters": 4, "kernel_size": 3, "channels": 2, "decoder": (8,), "scale": 1.0}
    net = CapsNet(3, **{**options, "primary_dimension": 4, "dimension": 5, "seed": 1, **arguments})
    net.build((None, 8, 8, 1))
    return net


def images(n=4):
    return RNG.random((n, 8, 8, 1), dtype=np.float32)


def test_capsnet_has_the_golden_parameter_count_of_the_paper():
    net = CapsNet()
    net.build((None, 28, 28, 1))
    first, primary = 9 * 9 * 256 + 256, 9 * 9 * 256 * 256 + 256
    digits = 1152 * 10 * 8 * 16  # 6 * 6 * 32 capsules of 8 numbers, 10 of 16
    decoder = (160 * 512 + 512) + (512 * 1024 + 1024) + (1024 * 784 + 784)
    assert net.count_params() == first + primary + digits + decoder == 8_215_568


def test_squash_keeps_the_direction_and_gives_the_length_of_equation_1():
    squashed = np.asarray(squash(tf.constant([[3.0, 4.0]])))
    # 25 / 26 * (3, 4) / 5
    np.testing.assert_allclose(squashed, [[15 / 26, 20 / 26]], rtol=1e-6)


def test_squash_and_its_gradient_are_finite_at_zero():
    vector = tf.Variable([[0.0, 0.0]])
    with tf.GradientTape() as tape:
        lost = tf.reduce_sum(squash(vector))
    gradient = tape.gradient(lost, vector)
    assert np.isfinite(gradient).all() and float(lost) == 0


@pytest.mark.parametrize("iterations", [1, 3])
def test_routing_is_procedure_1_of_the_paper_for_each_example(iterations):
    layer = RoutingCapsules(3, 5, iterations, seed=0)
    inputs = RNG.normal(size=(4, 7, 2)).astype(np.float32)
    found = layer(inputs)
    weights = np.asarray(layer.transformations).reshape(3, 7, 2, 5)
    votes = np.einsum("bid,jide->bije", inputs, weights)
    logits = np.zeros((4, 7, 3))
    for _ in range(iterations):
        couplings = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        sums = (couplings[..., None] * votes).sum(1)
        squared = np.square(sums).sum(-1, keepdims=True)
        outputs = squared / (1 + squared) * sums / np.sqrt(squared)
        logits += (votes * outputs[:, None]).sum(-1)
    np.testing.assert_allclose(found, outputs, rtol=1e-4, atol=1e-5)


def test_a_prediction_does_not_depend_on_the_rest_of_the_batch():
    net, x = small(), images(5)
    together = np.asarray(net(x))
    for i in range(5):
        np.testing.assert_allclose(np.asarray(net(x[i : i + 1]))[0], together[i], rtol=1e-5)
    mates = np.concatenate([x[:1], 1 - x[1:]])
    np.testing.assert_allclose(np.asarray(net(mates))[0], together[0], rtol=1e-5)


def test_lengths_are_those_of_the_class_capsules_and_below_one():
    net, x = small(), images()
    capsules = np.asarray(net.capsules(x))
    assert capsules.shape == (4, 3, 5)
    np.testing.assert_allclose(net(x), np.linalg.norm(capsules, axis=-1), atol=1e-3)
    assert np.asarray(net(x)).max() < 1


def test_only_the_capsule_of_the_given_class_is_decoded():
    net = small()
    capsules = RNG.normal(size=(2, 3, 5)).astype(np.float32)
    masked = np.asarray(mask_capsules(tf.constant(capsules), [2, 0]))
    np.testing.assert_array_equal(masked[0, 10:], capsules[0, 2])
    assert not masked[0, :10].any() and not masked[1, 5:].any()
    others = capsules.copy()
    others[0, :2], others[1, 1:] = 7, 7
    first, second = (net.reconstruct(tf.constant(c), [2, 0]) for c in (capsules, others))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (2, 8, 8, 1)


def test_primary_capsules_are_groups_of_channels_at_each_place():
    layer = PrimaryCapsules(3, 4, kernel_size=1, strides=1, seed=0)
    found = layer(images(2))
    assert found.shape == (2, 8 * 8 * 3, 4)
    values = np.asarray(layer.convolution(images(2)))
    assert values.shape == (2, 8, 8, 12)


def test_a_net_survives_a_round_trip_through_a_keras_file(tmp_path):
    net, x = small(), images()
    net.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    assert np.array_equal(again(x), net(x))
    capsules = net.capsules(x)
    assert np.array_equal(again.reconstruct(capsules, [0] * 4), net.reconstruct(capsules, [0] * 4))


def test_gradients_are_right_with_one_iteration():
    # Of more iterations, gradients flow through the last one only.
    report = check_gradients(RoutingCapsules(2, 3, 1, seed=0), RNG.normal(size=(2, 4, 3)))
    assert report.passed, report


def test_images_too_small_for_two_convolutions_are_refused():
    net = CapsNet(3, filters=4)
    with pytest.raises(ValueError, match="must be at least 17 pixels wide and high"):
        net.build((None, 16, 28, 1))
