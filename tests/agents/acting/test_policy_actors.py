import numpy as np
import pytest
from gymnasium import spaces

from agentlab.agents.acting.policy_actors import NumpyActor, TensorFlowActor, make_actor
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
    actor = make_actor(net, encoding.spec(None, sparse=False))
    assert isinstance(actor, NumpyActor)
    inputs = some_inputs(SPACES[kind], encoding)
    for mine, original in zip(actor(inputs), net(inputs), strict=True):
        np.testing.assert_allclose(mine, original, rtol=1e-4, atol=1e-5)
    if encoding.sparse:
        for mine, original in zip(net.call(sparse_rows(inputs)), net(inputs), strict=True):
            np.testing.assert_allclose(mine, original, rtol=1e-4, atol=1e-5)


def test_an_actor_keeps_its_weights_until_it_is_updated():
    space = spaces.Box(0, 255, (36, 36, 1), np.uint8)
    encoding = Encoding(space)
    inputs = some_inputs(space, encoding)
    for name, kind in (("mlp", NumpyActor), ("small_cnn", TensorFlowActor)):
        net = PolicyValue(make_torso(name, encoding.shape, scale=255.0, seed=0), 3, seed=0)
        actor = make_actor(net, encoding.spec(None, sparse=False))
        assert isinstance(actor, kind)
        before = actor(inputs)[0]
        net.set_weights([w + 0.1 for w in net.get_weights()])
        np.testing.assert_array_equal(actor(inputs)[0], before)
        actor.update()
        np.testing.assert_allclose(actor(inputs)[0], net(inputs)[0], rtol=1e-4, atol=1e-5)
