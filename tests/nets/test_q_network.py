import keras
import numpy as np
import pytest
import tensorflow as tf

from agentlab.nets import make_torso
from agentlab.nets.copies import clone
from agentlab.nets.noisy import NoisyDense, noisy_weights
from agentlab.nets.optimizers import compiled_apply, make_optimizer
from agentlab.nets.q_network import QNetwork, TensorFlowQActor, make_q_actor

SEED = tf.constant([3, 4], tf.int32)


def q_network(**arguments):
    return QNetwork(make_torso("mlp", (5,), hidden=(8,), seed=1), 3, seed=2, **arguments)


def test_parameters_are_those_of_the_papers():
    torso = 5 * 8 + 8
    assert q_network().count_params() == torso + 8 * 3 + 3
    assert q_network(atoms=51).count_params() == torso + 8 * 3 * 51 + 3 * 51
    # Two streams of a hidden layer of 16, each followed by its outputs.
    streams = 2 * (8 * 16 + 16) + (16 * 3 + 3) + (16 + 1)
    assert q_network(dueling=True, hidden=16).count_params() == torso + streams
    noisy = q_network(dueling=True, hidden=16, noisy=True)
    assert noisy.count_params() == torso + 2 * streams  # a mean and a deviation for each


def test_advantages_of_a_dueling_net_do_not_move_its_mean():
    net = q_network(dueling=True, hidden=16)
    observations = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    features = net.torso.call(observations)
    for layer in net.value:
        features = layer(features)
    mean = tf.reduce_mean(net.call(observations), axis=1)
    np.testing.assert_allclose(mean, features, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("arguments", [{}, {"dueling": True, "hidden": 16, "noisy": True}])
def test_a_net_survives_a_round_trip_through_a_keras_file(arguments, tmp_path):
    net = q_network(atoms=5, **arguments)
    observations = np.ones((2, 5), np.float32)
    net.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    assert np.array_equal(net.call(observations), again.call(observations))


def test_a_clone_has_the_same_weights_and_a_life_of_its_own():
    net = q_network()
    copy = clone(net)
    observations = np.ones((2, 5), np.float32)
    assert np.array_equal(net.call(observations), copy.call(observations))
    net.variables[0].assign(net.variables[0] + 1)
    assert not np.array_equal(net.call(observations), copy.call(observations))


def test_noise_follows_its_seed_and_its_mean_is_the_quiet_layer():
    layer = NoisyDense(3, seed=0)
    layer.build((None, 4))
    inputs = np.ones((2, 4), np.float32)
    assert np.array_equal(layer(inputs, seed=SEED), layer(inputs, seed=SEED))
    drawn = [layer(inputs, seed=SEED + [0, i]).numpy() for i in range(2000)]
    assert np.std(drawn, axis=0).min() > 0.1
    np.testing.assert_allclose(np.mean(drawn, axis=0), layer(inputs), atol=0.05)


def test_noise_drawn_by_numpy_has_the_deviations_of_the_layer():
    layer = NoisyDense(3, sigma=0.5, seed=0)
    layer.build((None, 4))
    weights = tuple(weight.numpy() for weight in layer.weights)
    rng = np.random.default_rng(0)
    kernels, biases = zip(*(noisy_weights(weights, rng) for _ in range(5000)), strict=True)
    # f(x)^2 = |x|, whose mean is sqrt(2 / pi); for a kernel that of two of them multiplied.
    once = np.sqrt(np.sqrt(2 / np.pi))
    np.testing.assert_allclose(np.std(biases, axis=0), 0.25 * once, rtol=0.06)
    np.testing.assert_allclose(np.std(kernels, axis=0), 0.25 * once**2, rtol=0.1)


def test_a_compiled_actor_acts_by_the_weights_of_its_last_update():
    net = q_network(noisy=True)
    actor = TensorFlowQActor(net, tf.TensorSpec((None, 5)))
    observations = np.ones((2, 5), np.float32)
    before = actor(observations, None)
    np.testing.assert_allclose(before, net.call(observations), rtol=1e-6)
    net.variables[0].assign(net.variables[0] + 1)
    assert np.array_equal(actor(observations, None), before)
    actor.update()
    np.testing.assert_allclose(actor(observations, None), net.call(observations), rtol=1e-6)
    noisy = actor(observations, np.random.default_rng(0))
    assert not np.allclose(noisy, actor(observations, None))


def test_small_nets_act_in_numpy():
    assert type(make_q_actor(q_network(), None)).__name__ == "NumpyQActor"


def updated(xla, max_norm, optimizer="adam"):
    rng = np.random.default_rng(0)
    layer = keras.layers.Dense(3)
    layer.build((None, 5))
    layer.kernel.assign(np.ones((5, 3)))
    made = make_optimizer(optimizer, 0.01)
    made.build(layer.trainable_variables)
    apply = compiled_apply(made, layer.trainable_variables, max_norm, xla)
    for _ in range(20):
        gradients = [tf.constant(rng.normal(size=v.shape), tf.float32) for v in layer.weights]
        norm = apply(gradients)
    expected = np.sqrt(sum(np.square(gradient).sum() for gradient in gradients))
    assert float(norm) == pytest.approx(expected, rel=1e-5)
    return [variable.numpy() for variable in (*layer.weights, *made.variables)]


@pytest.mark.parametrize("max_norm", [None, 0.5])
def test_the_kernel_of_tensorflow_makes_the_steps_of_keras_adam(max_norm):
    for fused, plain in zip(updated(False, max_norm), updated(True, max_norm), strict=True):
        np.testing.assert_allclose(fused, plain, rtol=1e-4, atol=1e-6)


def test_a_gradient_longer_than_the_bound_is_shortened_to_it():
    layer = keras.layers.Dense(1, use_bias=False)
    layer.build((None, 2))
    layer.kernel.assign([[0.0], [0.0]])
    sgd = make_optimizer("sgd", 1.0)
    sgd.build(layer.trainable_variables)
    apply = compiled_apply(sgd, layer.trainable_variables, 1.0)
    assert float(apply([tf.constant([[3.0], [4.0]])])) == pytest.approx(5.0)
    np.testing.assert_allclose(layer.kernel, [[-0.6], [-0.8]], rtol=1e-6)
