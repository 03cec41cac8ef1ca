"""A policy head and a value head on a torso, and quick copies of the whole for acting."""

from __future__ import annotations

from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from agentlab.nets.copies import clone, copy_weights
from agentlab.nets.mlp import NumpyMLP, runs_in_numpy

Floats = npt.NDArray[np.float32]


@keras.saving.register_keras_serializable("agentlab")
class PolicyValue(keras.Model):  # type: ignore[misc]
    """``torso`` features to the parameters of a policy and, with ``value_torso``, to a value.

    Output: ``(policy, value)``, float32 ``[batch, outputs]`` and ``[batch]``. For a Gaussian
    policy ``log_std`` holds one trainable logarithm an action, the same in every state.

    Args:
        torso: a built torso.
        outputs: policy outputs: logits of discrete actions, or means of continuous ones.
        gaussian: whether the policy is Gaussian.
        value_torso: a built torso of the value's own, or ``torso`` itself to share features.
        seed: of the initial heads (orthogonal; the policy's gain .01 makes it start near uniform).
    """

    def __init__(
        self,
        torso: keras.Model,
        outputs: int,
        gaussian: bool = False,
        value_torso: keras.Model | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.torso, self.outputs, self.gaussian, self.seed = torso, outputs, gaussian, seed
        self.value_torso = torso if value_torso is None else value_torso

        def head(units: int, gain: float, name: str) -> keras.layers.Dense:
            kernel = keras.initializers.Orthogonal(gain, seed=seed)
            return keras.layers.Dense(units, kernel_initializer=kernel, name=name)

        self.policy_head = head(outputs, 0.01, "policy")
        self.value_head = head(1, 1.0, "value")
        self.policy_head.build((None, torso.features))
        self.value_head.build((None, self.value_torso.features))
        self.log_std = None
        if gaussian:
            self.log_std = self.add_weight(
                shape=(outputs,), initializer="zeros", name="log_std", dtype="float32"
            )
        self.built = True

    def call(self, inputs: Any) -> tuple[Any, Any]:
        """Return the policy's parameters and the value of each observation."""
        features = self.torso.call(inputs)
        own = features if self.value_torso is self.torso else self.value_torso.call(inputs)
        return self.policy_head(features), tf.squeeze(self.value_head(own), -1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        shared = self.value_torso is self.torso
        return {
            **super().get_config(),
            "torso": keras.saving.serialize_keras_object(self.torso),
            "value_torso": keras.saving.serialize_keras_object(
                None if shared else self.value_torso
            ),
            "outputs": self.outputs,
            "gaussian": self.gaussian,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PolicyValue:
        """Build the net that ``get_config`` described, with initial weights."""
        for name in ("torso", "value_torso"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)


class Actor(Protocol):
    """A copy of a ``PolicyValue`` that acts while the original learns.

    Attributes:
        log_std: of a Gaussian policy, float32 ``[outputs]``, else ``None``.
    """

    log_std: Floats | None

    def __call__(self, inputs: npt.NDArray[Any]) -> tuple[Floats, Floats]:
        """Return policy parameters ``[n, outputs]`` and values ``[n]``."""

    def update(self) -> None:
        """Take over the original's weights."""


class NumpyActor:
    """Acts by NumPy, ten times faster on a small net than a call of TensorFlow.

    Args:
        net: a ``PolicyValue`` on ``MLP`` torsos.
    """

    def __init__(self, net: PolicyValue) -> None:
        self._net = net
        self.update()

    def update(self) -> None:
        net = self._net
        self._torso = NumpyMLP(net.torso)
        shared = net.value_torso is net.torso
        self._value_torso = self._torso if shared else NumpyMLP(net.value_torso)
        self._policy_head = [w.numpy() for w in net.policy_head.weights]
        self._value_head = [w.numpy() for w in net.value_head.weights]
        self.log_std = None if net.log_std is None else net.log_std.numpy()

    def __call__(self, inputs: npt.NDArray[Any]) -> tuple[Floats, Floats]:
        features = self._torso(inputs)
        own = features if self._value_torso is self._torso else self._value_torso(inputs)
        kernel, bias = self._policy_head
        value_kernel, value_bias = self._value_head
        return features @ kernel + bias, (own @ value_kernel + value_bias)[:, 0]


class TensorFlowActor:
    """Acts by a compiled call on a copy of the net, for nets too large for NumPy.

    Args:
        net: any ``PolicyValue``.
        spec: TensorFlow's type of a batch of its inputs, of any size.
    """

    def __init__(self, net: PolicyValue, spec: Any) -> None:
        self._net = net
        self._copy = clone(net)
        self._call = tf.function(self._copy.call, input_signature=[spec])
        self.update()

    def update(self) -> None:
        copy_weights(self._net, self._copy)
        self.log_std = None if self._net.log_std is None else self._net.log_std.numpy()

    def __call__(self, inputs: npt.NDArray[Any]) -> tuple[Floats, Floats]:
        policy, values = self._call(inputs)
        return policy.numpy(), values.numpy()


def make_actor(net: PolicyValue, spec: Any) -> Actor:
    """Choose the quickest actor for ``net``.

    Args:
        net: any ``PolicyValue``.
        spec: TensorFlow's type of a batch of its inputs, of any size.
    """
    if runs_in_numpy(net.torso):
        return NumpyActor(net)
    return TensorFlowActor(net, spec)
