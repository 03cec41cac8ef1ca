import json
import pickle

import numpy as np
import pytest
from gymnasium import spaces

from agentlab.agents.acting.policy_actors import NumpyPolicyActor, RecurrentPolicyActor
from agentlab.agents.acting.specifications import make_policy_actor
from agentlab.agents.acting.tensorflow_actors import TensorFlowPolicyActor
from agentlab.agents.encoding import Encoding
from agentlab.nets import make_torso
from agentlab.nets.policy_value import PolicyValue
from agentlab.nets.sparse import sparse_rows
from tests.agents.test_encoding import SPACES


def some_inputs(space, encoding, n=4):
    space.seed(0)
    return encoding(np.stack([space.sample() for _ in range(n)]))


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("shared", [True, False])
def test_the_numpy_actor_computes_what_the_net_does(kind, activation, shared):
    encoding = Encoding(SPACES[kind])

    def torso(seed):
        signed = encoding.dtype == np.int8
        return make_torso(
            "mlp", encoding.shape, activation=activation, scale=encoding.scale, signed=signed,
            seed=seed, hidden=(32, 16),
        )  # fmt: skip

    net = PolicyValue(torso(0), 3, value_torso=None if shared else torso(1), seed=0)
    actor = make_policy_actor(net, encoding)
    assert isinstance(actor, NumpyPolicyActor)
    inputs = some_inputs(SPACES[kind], encoding)
    for mine, original in zip(actor(inputs), net(inputs), strict=True):
        np.testing.assert_allclose(mine, original, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(actor.values(inputs), actor(inputs)[1])
    if encoding.sparse:
        for mine, original in zip(net.call(sparse_rows(inputs)), net(inputs), strict=True):
            np.testing.assert_allclose(mine, original, rtol=1e-4, atol=1e-5)


IMAGES = spaces.Box(0, 255, (36, 36, 1), np.uint8)
NETS = (("mlp", NumpyPolicyActor), ("small_cnn", TensorFlowPolicyActor))


def policy_net(name, encoding, **arguments):
    return PolicyValue(make_torso(name, encoding.shape, scale=255.0, seed=0), 3, **arguments)


@pytest.mark.parametrize(("name", "kind"), NETS)
def test_an_actor_keeps_its_weights_until_it_is_updated(name, kind):
    encoding = Encoding(IMAGES)
    inputs = some_inputs(IMAGES, encoding)
    net = policy_net(name, encoding, seed=0)
    actor = make_policy_actor(net, encoding)
    assert isinstance(actor, kind)
    before = actor(inputs)[0]
    net.set_weights([w + 0.1 for w in net.get_weights()])
    np.testing.assert_array_equal(actor(inputs)[0], before)
    actor.update(net)
    np.testing.assert_allclose(actor(inputs)[0], net(inputs)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "kind"), NETS)
def test_a_net_takes_back_the_weights_that_an_actor_acts_by(name, kind):
    encoding = Encoding(IMAGES)
    net = policy_net(name, encoding, gaussian=True, seed=0)
    actor = make_policy_actor(net, encoding)
    old = net.get_weights()
    net.set_weights([w + 0.1 for w in old])
    actor.copy_to(net)
    for mine, before in zip(net.get_weights(), old, strict=True):
        np.testing.assert_array_equal(mine, before)


@pytest.mark.parametrize(("name", "kind"), NETS)
def test_an_actor_is_rebuilt_from_plain_data_and_survives_pickling(name, kind):
    encoding = Encoding(IMAGES)
    inputs = some_inputs(IMAGES, encoding)
    net = policy_net(name, encoding, gaussian=True, seed=0)
    actor = make_policy_actor(net, encoding)
    expected = actor(inputs)
    rebuilt = kind(json.loads(json.dumps(actor.specification)), actor.weights())
    for copied in (rebuilt, pickle.loads(pickle.dumps(actor))):
        assert type(copied) is kind
        for mine, original in zip(copied(inputs), expected, strict=True):
            np.testing.assert_array_equal(mine, original)
        np.testing.assert_array_equal(copied.log_std, net.log_std)
        copied.set_weights({key: value * 0 for key, value in actor.weights().items()})
        assert (copied(inputs)[0] == 0).all()
        np.testing.assert_array_equal(actor(inputs)[0], expected[0])  # unmoved


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "peephole", "gru"])
def test_a_recurrent_actor_survives_pickling_with_its_memory(cell):
    space = spaces.Box(-1, 1, (3,))
    torso = make_torso(cell, (None, 3), units=(6, 5), seed=0)
    net = PolicyValue(torso, 2, seed=0)
    actor = make_policy_actor(net, Encoding(space))
    assert isinstance(actor, RecurrentPolicyActor)
    steps = np.random.default_rng(0).standard_normal((4, 2, 3)).astype(np.float32)
    actor(steps[0])
    actor.reset(np.array([True, False]))
    copied = pickle.loads(pickle.dumps(actor))
    for inputs in steps[1:]:
        for mine, original in zip(copied(inputs), actor(inputs), strict=True):
            np.testing.assert_array_equal(mine, original)
    rebuilt = RecurrentPolicyActor(json.loads(json.dumps(actor.specification)), actor.weights())
    sequence = steps.swapaxes(0, 1)
    state = net.initial_state(2)
    starts = np.zeros((2, 4), bool)
    expected, _ = net.run(sequence, state, starts)
    seen = np.stack([rebuilt(inputs)[0] for inputs in steps], axis=1)
    np.testing.assert_allclose(seen.reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)
