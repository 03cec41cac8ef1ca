"""Actors that run a copy of the network in TensorFlow, for networks too large for NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.agents.acting.actor import Actor, Array, Floats, Weights, network_weights
from agentlab.lazy import LazyModule, tf
from agentlab.registry import Registry

copies: Any = LazyModule("agentlab.agents.acting.copies")
NETWORKS = Registry(
    "class",
    {
        "QNetwork": "agentlab.nets.q_network:QNetwork",
        "PolicyValue": "agentlab.nets.policy_value:PolicyValue",
        "Headed": "agentlab.nets.headed:Headed",
        "SDEHeaded": "agentlab.nets.sde_headed:SDEHeaded",
    },
)


class TensorFlowActor(Actor):
    """A compiled copy of a network, for inputs of one shape; see ``keras_specification``."""

    def __init__(self, specification: Mapping[str, Any], weights: Mapping[str, Array]) -> None:
        cls = NETWORKS.load(specification["class"])
        self.net = cls.from_config(dict(specification["config"]))
        shape, dtype = specification["inputs"]
        self.inputs = tf.TensorSpec((None, *shape), dtype)
        super().__init__(specification, weights)
        self.compile()

    def compile(self) -> None:
        """Compile the forward pass."""
        self._call = tf.function(lambda inputs: self.net.call(inputs), [self.inputs])

    def set_weights(self, weights: Mapping[str, Array]) -> None:
        for variable, value in zip(self.net.variables, weights.values(), strict=True):
            variable.assign(value)

    def weights(self) -> Weights:
        return network_weights(self.net)

    def update(self, net: Any) -> None:
        copies.copy_weights(net, self.net)  # without converting to NumPy

    def __getstate__(self) -> dict[str, Any]:
        return {"specification": self.specification, "weights": self.weights()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["specification"], state["weights"])  # type: ignore[misc]


class TensorFlowQActor(TensorFlowActor):
    """Acts with a copy of a ``QNetwork``."""

    def compile(self) -> None:
        super().compile()
        seed = tf.TensorSpec((2,), tf.int32)
        self._noisy = tf.function(self.net.call, [self.inputs, seed])

    def __call__(self, inputs: Array, rng: np.random.Generator | None = None) -> Floats:
        """Return outputs ``[n, actions, n_outputs]``; ``rng`` generates the noise, if any."""
        if self.net.noisy and rng is not None:
            outputs = self._noisy(inputs, rng.integers(2**31, size=2, dtype=np.int32))
        else:
            outputs = self._call(inputs)
        return np.asarray(outputs.numpy(), np.float32)


class TensorFlowPolicyActor(TensorFlowActor):
    """Acts with a copy of a feed-forward ``PolicyValue``."""

    recurrent_inputs: Mapping[str, Any] = MappingProxyType({})

    @property
    def log_std(self) -> Floats | None:
        """Log standard deviations of a Gaussian policy; see ``NumpyPolicyActor``."""
        return None if self.net.log_std is None else np.asarray(self.net.log_std.numpy())

    def __call__(self, inputs: Array) -> tuple[Floats, Floats]:
        """Return policy parameters ``[n, outputs]`` and values ``[n]``."""
        policy, values = self._call(inputs)
        return policy.numpy(), values.numpy()

    def values(self, inputs: Array, envs: npt.NDArray[Any] | None = None) -> Floats:
        """Return the values of next observations in ``envs`` (default: all)."""
        return self(inputs)[1]

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:
        """Do nothing, since there is no recurrent state."""
