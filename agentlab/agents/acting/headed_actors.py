"""The forward pass of a ``Headed`` network: the policies of SAC, TD3 and DDPG."""

from __future__ import annotations

from typing import Any

import numpy as np

from agentlab.agents.acting.actor import (
    Array,
    Floats,
    NumpyActor,
    Weights,
    names_of,
    network_weights,
)
from agentlab.agents.acting.numpy_mlp import NumpyMLP
from agentlab.agents.acting.specifications import (
    keras_specification,
    mlp_specification,
    runs_in_numpy,
)
from agentlab.agents.acting.tensorflow_actors import TensorFlowActor
from agentlab.agents.encoding import Encoding


class NumpyHeadedActor(NumpyActor):
    """The forward pass of a ``Headed`` network with an ``MLP`` torso."""

    def load(self, weights: Weights) -> None:
        self._torso = NumpyMLP(self.specification["torso"], weights)
        self._kernel, self._bias = (weights[name] for name in self.specification["head"])

    def __call__(self, inputs: Array) -> Floats:
        """Return outputs, float32 ``[n, units]``."""
        return np.asarray(self._torso(inputs) @ self._kernel + self._bias, np.float32)


class TensorFlowHeadedActor(TensorFlowActor):
    """Acts with a copy of a ``Headed`` network."""

    def __call__(self, inputs: Array) -> Floats:
        """Return outputs, float32 ``[n, units]``."""
        return np.asarray(self._call(inputs).numpy(), np.float32)


HeadedActor = NumpyHeadedActor | TensorFlowHeadedActor


def headed_specification(net: Any) -> dict[str, Any]:
    """Describe a ``Headed`` network with an ``MLP`` torso for ``NumpyHeadedActor``."""
    head = names_of(net, (net.head.kernel, net.head.bias))
    return {"torso": mlp_specification(net, net.torso), "head": head}


def make_headed_actor(net: Any, encoding: Encoding) -> HeadedActor:
    """Return the fastest actor for a ``Headed`` network on encoded observations."""
    if runs_in_numpy(net.torso):
        return NumpyHeadedActor(headed_specification(net), network_weights(net))
    return TensorFlowHeadedActor(keras_specification(net, encoding), network_weights(net))
