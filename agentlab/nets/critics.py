"""Several Q-functions of continuous actions, evaluated together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.activation_names import check_activation
from agentlab.nets.image_torso import layer_seed


@keras.saving.register_keras_serializable("agentlab")
class Critics(keras.Model):  # type: ignore[misc]
    """Independent Q-functions Q_1(s, a), ..., Q_n(s, a), with one batched matrix product per layer.

    The torso, which extracts features from the observations, is shared; for vector
    observations it has no weights.

    Input shapes: that of the torso, and actions ``[batch, size]``.
    Output shape: ``[critics, batch]``, float32.

    Args:
        torso: a built torso.
        action_size: number of components of an action.
        critics: number of Q-functions.
        hidden: units of each hidden layer.
        activation: name of a Keras activation.
        seed: seed of the initial kernels, which are uniform between plus and minus one divided by
            the square root of the number of inputs (LeCun et al. 1998, as in PyTorch).

    >>> import numpy as np
    >>> from agentlab.nets import make_torso
    >>> twins = Critics(make_torso("mlp", (3,), hidden=()), 1)
    >>> twins.call(np.zeros((8, 3), np.float32), np.zeros((8, 1), np.float32)).shape
    TensorShape([2, 8])
    """

    def __init__(
        self,
        torso: keras.Model,
        action_size: int,
        critics: int = 2,
        hidden: Sequence[int] = (256, 256),
        activation: str = "relu",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_activation(activation)
        self.torso, self.action_size, self.critics = torso, action_size, critics
        self.hidden, self.activation, self.seed = tuple(hidden), activation, seed
        self.activate = keras.activations.get(activation)
        self.kernels: list[Any] = []  # [critics, inputs, units] each
        self.biases: list[Any] = []  # [critics, 1, units] each
        inputs = torso.features + action_size
        for layer, units in enumerate((*self.hidden, 1)):
            self.kernels.append(
                self.add_weight(
                    shape=(critics, inputs, units),
                    initializer=self._initializer(inputs, layer_seed(seed, layer)),
                    name=f"kernel_{layer}",
                )
            )
            self.biases.append(
                self.add_weight(
                    shape=(critics, 1, units), initializer="zeros", name=f"bias_{layer}"
                )
            )
            inputs = units
        self.built = True

    def _initializer(self, inputs: int, seed: int | None) -> keras.initializers.Initializer:
        bound = inputs**-0.5
        return keras.initializers.RandomUniform(-bound, bound, seed=seed)

    def call(self, observations: Any, actions: Any, critics: int | None = None) -> Any:
        """Return the Q-values of actions, ``[critics, batch]``.

        Args:
            observations: ``[batch, ...]``.
            actions: ``[batch, size]``.
            critics: evaluate only this many of them; ``None`` for all.
        """
        outputs = tf.concat([self.torso.call(observations), actions], 1)[None]  # [1, b, inputs]
        for layer, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            outputs = tf.matmul(outputs, kernel[:critics]) + bias[:critics]  # [critics, b, units]
            if layer < len(self.hidden):
                outputs = self.activate(outputs)
        return outputs[..., 0]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "torso": keras.saving.serialize_keras_object(self.torso),
            "action_size": self.action_size,
            "critics": self.critics,
            "hidden": self.hidden,
            "activation": self.activation,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Critics:
        """Build the critics with initial weights from the dictionary of ``get_config``."""
        torso = keras.saving.deserialize_keras_object(config["torso"])
        return cls(**{**config, "torso": torso})
