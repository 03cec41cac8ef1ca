"""A policy head and a value head on a torso."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("agentlab")
class PolicyValue(keras.Model):  # type: ignore[misc]
    """``torso`` features to the parameters of a policy and, with ``value_torso``, to a value.

    On recurrent torsos ``run`` starts from a given recurrent state.

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

    @property
    def torsos(self) -> list[Any]:
        """The torso, and the value's where it has one of its own."""
        return [self.torso] if self.value_torso is self.torso else [self.torso, self.value_torso]

    @property
    def recurrent(self) -> bool:
        """Whether the torsos remember what they saw before."""
        return hasattr(self.torso, "initial_state")

    def initial_state(self, batch: int) -> list[Any]:
        """Return the recurrent state at an episode's start: zeros ``[batch, units]`` each."""
        return [part for torso in self.torsos for part in torso.initial_state(batch)]

    def run(self, inputs: Any, recurrent_state: list[Any], resets: Any) -> tuple[Any, Any]:
        """Return what ``call`` does for every step of sequences, by recurrent torsos.

        Args:
            inputs: ``[sequences, time, ...]``.
            recurrent_state: from before the first step, as ``initial_state`` gives it.
            resets: bool ``[sequences, time]``, true where it is forgotten before the step.

        Returns:
            ``[sequences * time, outputs]`` and ``[sequences * time]``, sequence by sequence.
        """
        steps, features = tf.reshape(inputs, (*inputs.shape[:2], -1)), []
        for torso in self.torsos:
            count = len(torso.initial_state(1))
            outputs, _ = torso.run(steps, recurrent_state[:count], resets)
            features.append(tf.reshape(outputs, (-1, torso.features)))
            recurrent_state = recurrent_state[count:]
        return self.policy_head(features[0]), tf.squeeze(self.value_head(features[-1]), -1)

    def step(self, inputs: Any, recurrent_state: list[Any]) -> tuple[Any, Any, list[Any]]:
        """Return what ``call`` does for one step from a recurrent state, and the new state.

        Args:
            inputs: ``[batch, ...]``.
            recurrent_state: as ``initial_state`` returns it.
        """
        flat = tf.reshape(inputs, (tf.shape(inputs)[0], 1, math.prod(inputs.shape[1:])))
        features, new_state = [], []
        for torso in self.torsos:
            count = len(torso.initial_state(1))
            outputs, state = torso.run(flat, recurrent_state[:count])
            features.append(outputs[:, 0])
            new_state += state
            recurrent_state = recurrent_state[count:]
        policy, value = self.policy_head(features[0]), self.value_head(features[-1])
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
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PolicyValue:
        """Build the net that ``get_config`` described, with initial weights."""
        for name in ("torso", "value_torso"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)
