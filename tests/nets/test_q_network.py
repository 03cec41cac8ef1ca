import keras
import numpy as np
import pytest
import tensorflow as tf

from agentlab.nets import make_torso
from agentlab.nets.noisy import NoisyDense
from agentlab.nets.q_network import QNetwork

SEED = tf.constant([3, 4], tf.int32)


def q_network(**arguments):
    return QNetwork(make_torso("mlp", (5,), hidden=(8,), seed=1), 3, seed=2, **arguments)


def test_parameters_are_those_of_the_papers():
    torso = 5 * 8 + 8
    assert q_network().count_params() == torso + 8 * 3 + 3
    assert q_network(n_atoms=51).count_params() == torso + 8 * 3 * 51 + 3 * 51
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


def test_an_implicit_quantile_is_the_head_of_features_times_embedded_fractions():
    net = q_network(n_atoms=4, cosines=6)
    assert net.count_params() == (5 * 8 + 8) + (8 * 3 + 3) + (6 * 8 + 8)
    observations = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
    found, features = net.call(observations, SEED), net.torso.call(observations).numpy()
    fractions = net.fractions(2, SEED).numpy()
    assert fractions.shape == (2, 4) and len(set(fractions.ravel().tolist())) == 8
    kernel, bias = (weight.numpy() for weight in net.embedding.weights)
    for row in range(2):
        for i in range(4):
            cosines = np.cos(np.pi * np.arange(6) * fractions[row, i])
            product = features[row] * np.maximum(cosines @ kernel + bias, 0)
            expected = net.advantage[0](product[None].astype(np.float32))[0]  # an output per action
            np.testing.assert_allclose(found[row, :, i], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(net.fractions(1, None), [[0.125, 0.375, 0.625, 0.875]])


@pytest.mark.parametrize(
    "arguments",
    [{}, {"dueling": True, "hidden": 16, "noisy": True}, {"dueling": True, "cosines": 3}],
)
def test_a_net_survives_a_round_trip_through_a_keras_file(arguments, tmp_path):
    net = q_network(n_atoms=5, **arguments)
    observations = np.ones((2, 5), np.float32)
    net.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    assert np.array_equal(net.call(observations), again.call(observations))


def test_noise_follows_its_seed_and_its_mean_is_the_quiet_layer():
    layer = NoisyDense(3, seed=0)
    layer.build((None, 4))
    inputs = np.ones((2, 4), np.float32)
    assert np.array_equal(layer(inputs, seed=SEED), layer(inputs, seed=SEED))
    drawn = [layer(inputs, seed=SEED + [0, i]).numpy() for i in range(2000)]
    assert np.std(drawn, axis=0).min() > 0.1
    np.testing.assert_allclose(np.mean(drawn, axis=0), layer(inputs), atol=0.05)
