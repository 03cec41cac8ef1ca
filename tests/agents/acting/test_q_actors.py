import numpy as np
import tensorflow as tf

from agentlab.agents.acting.copies import clone
from agentlab.agents.acting.q_actors import TensorFlowQActor, make_q_actor, noisy_weights
from agentlab.nets import make_torso
from agentlab.nets.noisy import NoisyDense
from agentlab.nets.q_network import QNetwork


def q_network(**arguments):
    return QNetwork(make_torso("mlp", (5,), hidden=(8,), seed=1), 3, seed=2, **arguments)


def test_a_clone_has_the_same_weights_and_a_life_of_its_own():
    net = q_network()
    copy = clone(net)
    observations = np.ones((2, 5), np.float32)
    assert np.array_equal(net.call(observations), copy.call(observations))
    net.variables[0].assign(net.variables[0] + 1)
    assert not np.array_equal(net.call(observations), copy.call(observations))


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
