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
from agentlab.lazy import LazyModule, tf

sde: Any = LazyModule("agentlab.nets.sde_headed")


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


class NumpySDEActor(NumpyActor):
    """The forward pass of an ``SDEHeaded`` network with an ``MLP`` torso.

    Attributes:
        features: the torso's features of the last inputs, ``[n, features]``.
        deviations: standard deviations of the noise matrix, ``[features, units]``.
    """

    features: Floats

    def load(self, weights: Weights) -> None:
        self._torso = NumpyMLP(self.specification["torso"], weights)
        self._kernel, self._bias = (weights[name] for name in self.specification["head"])
        self.deviations: Floats = np.exp(weights[self.specification["log_std"]])
        self._variances = np.square(self.deviations)

    def __call__(self, inputs: Array) -> Floats:
        """Return means and logarithms of standard deviations, float32 ``[n, 2 * units]``."""
        self.features = self._torso(inputs)
        low, high = self.specification["mean_range"]
        means = np.clip(self.features @ self._kernel + self._bias, low, high)
        variances = np.square(self.features) @ self._variances
        return np.concatenate([means, 0.5 * np.log(variances + 1e-6)], 1, dtype=np.float32)


class TensorFlowSDEActor(TensorFlowActor):
    """Acts with a copy of an ``SDEHeaded`` network; for its attributes see ``NumpySDEActor``."""

    features: Floats

    def compile(self) -> None:
        self._call = tf.function(self.net.with_features, [self.inputs])

    @property
    def deviations(self) -> Floats:
        """Standard deviations of the noise matrix, ``[features, units]``."""
        return np.asarray(np.exp(self.net.log_std.numpy()))

    def __call__(self, inputs: Array) -> Floats:
        """Return means and logarithms of standard deviations, float32 ``[n, 2 * units]``."""
        outputs, features = self._call(inputs)
        self.features = features.numpy()
        return np.asarray(outputs.numpy(), np.float32)


HeadedActor = NumpyHeadedActor | TensorFlowHeadedActor | NumpySDEActor | TensorFlowSDEActor


def headed_specification(net: Any) -> dict[str, Any]:
    """Describe a ``Headed`` network with an ``MLP`` torso for ``NumpyHeadedActor``."""
    head = names_of(net, (net.head.kernel, net.head.bias))
    return {"torso": mlp_specification(net, net.torso), "head": head}


def sde_specification(net: Any) -> dict[str, Any]:
    """Describe an ``SDEHeaded`` network with an ``MLP`` torso for ``NumpySDEActor``."""
    (log_std,) = names_of(net, [net.log_std])
    return {**headed_specification(net), "log_std": log_std, "mean_range": list(sde.MEAN_RANGE)}


def make_headed_actor(net: Any, encoding: Encoding) -> HeadedActor:
    """Return the fastest actor for a ``Headed`` or ``SDEHeaded`` on encoded observations."""
    if isinstance(net, sde.SDEHeaded):
        if runs_in_numpy(net.torso):
            return NumpySDEActor(sde_specification(net), network_weights(net))
        return TensorFlowSDEActor(keras_specification(net, encoding), network_weights(net))
    if runs_in_numpy(net.torso):
        return NumpyHeadedActor(headed_specification(net), network_weights(net))
    return TensorFlowHeadedActor(keras_specification(net, encoding), network_weights(net))
