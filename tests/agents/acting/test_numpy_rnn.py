import numpy as np
import pytest

from agentlab.agents.acting.actor import network_weights
from agentlab.agents.acting.numpy_rnn import NumpyRNN
from agentlab.agents.acting.specifications import rnn_specification
from agentlab.nets import make_torso


def numpy_of(torso):
    return NumpyRNN(rnn_specification(torso, torso), network_weights(torso))


@pytest.mark.parametrize("net", ["simple_rnn", "lstm", "peephole", "gru"])
def test_steps_by_numpy_are_those_of_the_torso(net):
    torso = make_torso(net, (None, 3), units=(6, 5), scale=2.0, seed=0)
    rng = np.random.default_rng(0)
    for weight in torso.weights:  # biases and peepholes start at 0, which would hide them
        weight.assign(rng.standard_normal(weight.shape, np.float32))
    inputs = rng.standard_normal((4, 7, 3), np.float32)
    state = [part.numpy() for part in torso.initial_state(4)]
    expected, last = torso.run(inputs, state)
    step = numpy_of(torso)
    assert step.states == len(state) == (4 if net in ("lstm", "peephole") else 2)
    for t in range(7):
        features, state = step(inputs[:, t], state)
        np.testing.assert_allclose(features, expected[:, t], rtol=1e-4, atol=1e-5)
    for part, end in zip(state, last, strict=True):
        np.testing.assert_allclose(part, end, rtol=1e-4, atol=1e-5)


def test_large_numbers_saturate_without_a_warning(recwarn):
    torso = make_torso("lstm", (None, 1), units=(2,), seed=0)
    state = [part.numpy() for part in torso.initial_state(1)]
    features, _ = numpy_of(torso)(np.full((1, 1), -1e6, np.float32), state)
    assert np.isfinite(features).all() and not recwarn.list
