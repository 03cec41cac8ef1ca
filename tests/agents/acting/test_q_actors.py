import json
import pickle

import numpy as np
import pytest
from gymnasium import spaces

from agentlab.agents.acting.actor import network_weights
from agentlab.agents.acting.copies import clone, make_target_update
from agentlab.agents.acting.q_actors import NumpyQActor, noisy_weights
from agentlab.agents.acting.specifications import keras_specification, make_q_actor
from agentlab.agents.acting.tensorflow_actors import TensorFlowQActor
from agentlab.agents.encoding import Encoding
from agentlab.errors import AgentlabError
from agentlab.nets import make_torso
from agentlab.nets.noisy import NoisyDense
from agentlab.nets.q_network import QNetwork

ENCODING = Encoding(spaces.Box(-1, 1, (5,)))
OBSERVATIONS = np.linspace(-1, 1, 10, dtype=np.float32).reshape(2, 5)


def q_network(**arguments):
    return QNetwork(make_torso("mlp", (5,), hidden=(8,), seed=1), 3, seed=2, **arguments)


def compiled(net):
    return TensorFlowQActor(keras_specification(net, ENCODING), network_weights(net))


def test_a_clone_has_the_same_weights_and_a_life_of_its_own():
    net = q_network()
    copy = clone(net)
    observations = np.ones((2, 5), np.float32)
    assert np.array_equal(net.call(observations), copy.call(observations))
    net.variables[0].assign(net.variables[0] + 1)
    assert not np.array_equal(net.call(observations), copy.call(observations))


def test_a_target_takes_over_a_share_of_every_weight_and_all_with_tau_1():
    net = q_network()
    target = clone(net)
    old = target.get_weights()
    net.set_weights([w + 4 for w in old])
    update = make_target_update(target, net)
    update(np.float32(0.25))
    for now, before in zip(target.get_weights(), old, strict=True):
        np.testing.assert_allclose(now, before + 1, rtol=1e-5)
    update(np.float32(1))
    for now, new in zip(target.get_weights(), net.get_weights(), strict=True):
        np.testing.assert_array_equal(now, new)


def test_noise_drawn_by_numpy_has_the_deviations_of_the_layer():
    layer = NoisyDense(3, sigma=0.5, seed=0)
    layer.build((None, 4))
    weights = [weight.numpy() for weight in layer.weights]
    rng = np.random.default_rng(0)
    kernels, biases = zip(*(noisy_weights(weights, rng) for _ in range(5000)), strict=True)
    # f(x)^2 = |x|, whose mean is sqrt(2 / pi); for a kernel that of two of them multiplied.
    once = np.sqrt(np.sqrt(2 / np.pi))
    np.testing.assert_allclose(np.std(biases, axis=0), 0.25 * once, rtol=0.06)
    np.testing.assert_allclose(np.std(kernels, axis=0), 0.25 * once**2, rtol=0.1)


def test_a_compiled_actor_acts_by_the_weights_of_its_last_update():
    net = q_network(noisy=True)
    actor = compiled(net)
    observations = np.ones((2, 5), np.float32)
    before = actor(observations, None)
    np.testing.assert_allclose(before, net.call(observations), rtol=1e-6)
    net.variables[0].assign(net.variables[0] + 1)
    assert np.array_equal(actor(observations, None), before)
    actor.update(net)
    np.testing.assert_allclose(actor(observations, None), net.call(observations), rtol=1e-6)
    noisy = actor(observations, np.random.default_rng(0))
    assert not np.allclose(noisy, actor(observations, None))


def test_small_nets_act_in_numpy():
    assert type(make_q_actor(q_network(), ENCODING)) is NumpyQActor


FORMS = [
    {},
    {"dueling": True, "hidden": 4},
    {"noisy": True, "n_atoms": 3},
    {"cosines": 6, "n_atoms": 5, "hidden": 4, "dueling": True},
]


@pytest.mark.parametrize("make", [lambda net: make_q_actor(net, ENCODING), compiled])
@pytest.mark.parametrize("arguments", FORMS, ids=str)
def test_an_actor_is_rebuilt_from_plain_data_and_survives_pickling(make, arguments):
    net = q_network(**arguments)
    actor = make(net)
    expected = actor(OBSERVATIONS)
    np.testing.assert_allclose(expected, net.call(OBSERVATIONS), rtol=1e-5, atol=1e-6)
    rebuilt = type(actor)(json.loads(json.dumps(actor.specification)), actor.weights())
    for copied in (rebuilt, pickle.loads(pickle.dumps(actor))):
        assert type(copied) is type(actor)
        np.testing.assert_array_equal(copied(OBSERVATIONS), expected)
        one, same = (a(OBSERVATIONS, np.random.default_rng(3)) for a in (actor, copied))
        np.testing.assert_array_equal(one, same)
        copied.set_weights({key: value * 0 for key, value in actor.weights().items()})
        assert (copied(OBSERVATIONS) == 0).all()
        np.testing.assert_array_equal(actor(OBSERVATIONS), expected)  # unmoved


@pytest.mark.parametrize("make", [lambda net: make_q_actor(net, ENCODING), compiled])
def test_a_net_takes_back_the_weights_that_an_actor_acts_by(make):
    net = q_network(noisy=True)
    actor, old = make(net), net.get_weights()
    net.set_weights([w + 1 for w in old])
    actor.copy_to(net)
    for now, before in zip(net.get_weights(), old, strict=True):
        np.testing.assert_array_equal(now, before)


def test_a_specification_cannot_name_a_class_of_its_own():
    net = q_network()
    specification = {**keras_specification(net, ENCODING), "class": "subprocess:Popen"}
    with pytest.raises(AgentlabError, match="class='subprocess:Popen' is unknown"):
        TensorFlowQActor(specification, network_weights(net))
