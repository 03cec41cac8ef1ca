"""Specifications of actors, a network's architecture as plain data, and the choice of actor."""

from __future__ import annotations

from typing import Any

from agentlab.agents.acting.actor import names_of, network_weights
from agentlab.agents.acting.numpy_mlp import ACTIVATIONS
from agentlab.agents.acting.policy_actors import NumpyPolicyActor, RecurrentPolicyActor
from agentlab.agents.acting.q_actors import NumpyQActor
from agentlab.agents.acting.tensorflow_actors import TensorFlowPolicyActor, TensorFlowQActor
from agentlab.agents.encoding import Encoding
from agentlab.lazy import LazyModule

mlp: Any = LazyModule("agentlab.nets.mlp")
QActor = NumpyQActor | TensorFlowQActor
PolicyActor = NumpyPolicyActor | TensorFlowPolicyActor


def runs_in_numpy(torso: Any) -> bool:
    """Return whether ``NumpyMLP`` can compute ``torso``."""
    return isinstance(torso, mlp.MLP) and torso.activation in ACTIVATIONS


def mlp_specification(net: Any, torso: Any) -> dict[str, Any]:
    """Describe the ``MLP`` torso of ``net`` for ``NumpyMLP``."""
    return {
        "activation": torso.activation,
        "scale": torso.scale,
        "layers": [names_of(net, (dense.kernel, dense.bias)) for dense in torso.denses],
        "norms": [names_of(net, (norm.gamma, norm.beta)) for norm in torso.norms],
    }


def rnn_specification(net: Any, torso: Any) -> dict[str, Any]:
    """Describe the unidirectional ``RNN`` torso of ``net`` for ``NumpyRNN``."""
    layers, states = [], torso.initial_state(1)
    for (layer,) in torso.recurrents:
        own, states = states[: layer.states], states[layer.states :]
        names = names_of(net, (layer.kernel, layer.recurrent_kernel, layer.bias))
        layers.append(
            {
                "cell": layer.cell,
                "widths": [int(part.shape[1]) for part in own],
                **dict(zip(("kernel", "recurrent_kernel", "bias"), names, strict=True)),
                "extra": None if layer.extra is None else names_of(net, [layer.extra])[0],
            }
        )
    return {"scale": torso.scale, "layers": layers}


def q_specification(net: Any) -> dict[str, Any]:
    """Describe a ``QNetwork`` on an ``MLP`` torso for ``NumpyQActor``."""
    streams = (net.advantage, net.value)
    return {
        "torso": mlp_specification(net, net.torso),
        "streams": [[names_of(net, layer.weights) for layer in stream] for stream in streams],
        "actions": net.actions,
        "n_outputs": net.n_atoms,
        "activation": net.activation,
        "noisy": net.noisy,
        "fractions": names_of(net, net.embedding.weights) if net.cosines else [],
    }


def policy_specification(net: Any) -> dict[str, Any]:
    """Describe a ``PolicyValue`` on ``MLP`` or ``RNN`` torsos for its NumPy actors."""
    describe = rnn_specification if net.recurrent else mlp_specification
    return {
        "torsos": [describe(net, torso) for torso in net.torsos],
        "policy_head": names_of(net, net.policy_head.weights),
        "value_head": names_of(net, net.value_head.weights),
        "log_std": None if net.log_std is None else names_of(net, [net.log_std])[0],
    }


def keras_specification(net: Any, encoding: Encoding) -> dict[str, Any]:
    """Describe any network for a TensorFlow actor."""
    inputs = [list(encoding.shape), encoding.dtype.name]
    return {"class": type(net).__name__, "config": net.get_config(), "inputs": inputs}


def make_q_actor(net: Any, encoding: Encoding) -> QActor:
    """Return the fastest actor for a ``QNetwork`` on encoded observations."""
    if runs_in_numpy(net.torso):
        return NumpyQActor(q_specification(net), network_weights(net))
    return TensorFlowQActor(keras_specification(net, encoding), network_weights(net))


def make_policy_actor(net: Any, encoding: Encoding) -> PolicyActor:
    """Return the fastest actor for a ``PolicyValue`` on encoded observations."""
    if net.recurrent:
        return RecurrentPolicyActor(policy_specification(net), network_weights(net))
    if runs_in_numpy(net.torso):
        return NumpyPolicyActor(policy_specification(net), network_weights(net))
    return TensorFlowPolicyActor(keras_specification(net, encoding), network_weights(net))
