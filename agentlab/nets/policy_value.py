"""An actor-critic network: a policy head and a value head on a torso."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("agentlab")
class PolicyValue(keras.Model):  # type: ignore[misc]
    """Returns the parameters of a policy and the state value.

    With a recurrent torso, ``run`` takes a recurrent state.

    Input shape: that of the torso.
    Output: a pair ``(policy, value)``, float32 ``[batch, outputs]`` and ``[batch]``. A Gaussian
    policy has a trainable ``log_std`` of shape ``[outputs]``, which does not depend on the state.
    With ``state_dependent`` it is ``[features, outputs]``, and the torso's features are appended to
    the means: ``policy`` is ``[batch, outputs + features]``.

    Args:
        torso: a built torso.
        outputs: outputs of the policy: logits of discrete actions, or means of continuous ones.
        gaussian: whether the policy is Gaussian.
        value_torso: a separate, built torso for the value; ``None`` or ``torso`` shares features.
        state_dependent: whether a Gaussian policy's noise is a function of the state (gSDE).
        seed: seed of the heads' initial weights (orthogonal; a gain of 0.01 makes the initial
            policy nearly uniform).

    >>> import numpy as np
    >>> from agentlab.nets import make_torso
    >>> policy, value = PolicyValue(make_torso("mlp", (4,)), 2)(np.zeros((8, 4), np.float32))
    >>> policy.shape, value.shape
    (TensorShape([8, 2]), TensorShape([8]))
    """

    def __init__(
        self,
        torso: keras.Model,
        outputs: int,
        gaussian: bool = False,
        value_torso: keras.Model | None = None,
        state_dependent: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.torso, self.outputs, self.gaussian, self.seed = torso, outputs, gaussian, seed
        self.value_torso = torso if value_torso is None else value_torso
        self.state_dependent = state_dependent

        def head(units: int, gain: float, name: str) -> keras.layers.Dense:
            kernel = keras.initializers.Orthogonal(gain, seed=seed)
            return keras.layers.Dense(units, kernel_initializer=kernel, name=name)

        self.policy_head = head(outputs, 0.01, "policy")
        self.value_head = head(1, 1.0, "value")
        self.policy_head.build((None, torso.features))
        self.value_head.build((None, self.value_torso.features))
        self.log_std = None
        if gaussian:
            shape = (torso.features, outputs) if state_dependent else (outputs,)
            self.log_std = self.add_weight(
                shape=shape, initializer="zeros", name="log_std", dtype="float32"
            )
        self.built = True

    def call(self, inputs: Any) -> tuple[Any, Any]:
        """Return the parameters of the policy and the value of each observation."""
        features = self.torso.call(inputs)  # [batch, features]
        shared = self.value_torso is self.torso
        value_features = features if shared else self.value_torso.call(inputs)
        value = tf.squeeze(self.value_head(value_features), -1)  # [batch]
        return self.policy(features), value

    def policy(self, features: Any) -> Any:
        """Return the parameters of the policy for the torso's features."""
        outputs = self.policy_head(features)
        if not self.state_dependent:
            return outputs
        return tf.concat([outputs, tf.cast(features, outputs.dtype)], 1)

    @property
    def torsos(self) -> list[Any]:
        """The torso, and the torso of the value if that is a separate one."""
        return [self.torso] if self.value_torso is self.torso else [self.torso, self.value_torso]

    @property
    def recurrent(self) -> bool:
        """Whether the torsos are recurrent."""
        return hasattr(self.torso, "initial_state")

    def initial_state(self, batch: int) -> list[Any]:
        """Return the recurrent state at the start of an episode: zeros ``[batch, units]`` each."""
        return [part for torso in self.torsos for part in torso.initial_state(batch)]

    def run(self, inputs: Any, recurrent_state: list[Any], resets: Any) -> tuple[Any, Any]:
        """Return the policy parameters and values for all steps of sequences.

        Args:
            inputs: ``[sequences, time, ...]``.
            recurrent_state: the state before the first step, as from ``initial_state``.
            resets: bool ``[sequences, time]``, true where the state is reset before the step.

        Returns:
            Policy parameters ``[sequences * time, outputs]`` and values ``[sequences * time]``,
            sequence by sequence.
        """
        steps = tf.reshape(inputs, (*inputs.shape[:2], -1))  # [sequences, time, inputs]
        features = []
        for torso in self.torsos:
            count = len(torso.initial_state(1))
            outputs, _ = torso.run(steps, recurrent_state[:count], resets)
            features.append(
                tf.reshape(outputs, (-1, torso.features))
            )  # [sequences * time, features]
            recurrent_state = recurrent_state[count:]
        return self.policy(features[0]), tf.squeeze(self.value_head(features[-1]), -1)

    def step(self, inputs: Any, recurrent_state: list[Any]) -> tuple[Any, Any, list[Any]]:
        """Return the policy parameters and values for one step, and the new recurrent state.

        Args:
            inputs: ``[batch, ...]``.
            recurrent_state: the state before the step, as from ``initial_state``.
        """
        flat = tf.reshape(inputs, (tf.shape(inputs)[0], 1, math.prod(inputs.shape[1:])))
        features, new_state = [], []
        for torso in self.torsos:
            count = len(torso.initial_state(1))
            outputs, state = torso.run(flat, recurrent_state[:count])
            features.append(outputs[:, 0])  # [batch, features]
            new_state += state
            recurrent_state = recurrent_state[count:]
        policy, value = self.policy(features[0]), self.value_head(features[-1])
        return policy, tf.squeeze(value, -1), new_state

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
            "state_dependent": self.state_dependent,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PolicyValue:
        """Build a network with initial weights from the dictionary of ``get_config``."""
        for name in ("torso", "value_torso"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)
