"""Several Q-functions of continuous actions, evaluated together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.activation_names import check_activation
from agentlab.nets.batch_renorm import BatchRenorm
from agentlab.nets.image_torso import layer_seed


@keras.saving.register_keras_serializable("agentlab")
class Critics(keras.Model):  # type: ignore[misc]
    """Independent Q-functions Q_1(s, a), ..., Q_n(s, a), with one batched matrix product per layer.

    The torso, which extracts features from the observations, is shared; for vector
    observations it has no weights.

    Input shapes: that of the torso, and actions ``[batch, size]``.
    Output shape: ``[critics, batch]``, or with several outputs ``[critics, batch, outputs]``,
    float32.

    Args:
        torso: a built torso.
        action_size: number of components of an action.
        critics: number of Q-functions.
        hidden: units of each hidden layer.
        activation: name of a Keras activation.
        seed: seed of the initial kernels, which are uniform between plus and minus one divided by
            the square root of the number of inputs (LeCun et al. 1998, as in PyTorch).
        outputs: number of outputs of each Q-function.
        dropout: dropout rate of each hidden layer (Hiraoka et al. 2022, DroQ).
        layer_norm: layer normalization before each hidden activation (Ba et al. 2016).
        batch_renorm: batch renormalization of the inputs and after each hidden activation (Bhatt et
            al. 2024, CrossQ).

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
        outputs: int = 1,
        dropout: float = 0.0,
        layer_norm: bool = False,
        batch_renorm: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_activation(activation)
        self.torso, self.action_size, self.critics = torso, action_size, critics
        self.outputs, self.dropout = outputs, dropout
        self.layer_norm, self.batch_renorm = layer_norm, batch_renorm
        self.hidden, self.activation, self.seed = tuple(hidden), activation, seed
        self.activate = keras.activations.get(activation)
        self.kernels: list[Any] = []  # [critics, inputs, units] each
        self.biases: list[Any] = []  # [critics, 1, units] each
        self.scales: list[Any] = []  # of the layer normalization, [critics, 1, units] each
        self.offsets: list[Any] = []
        inputs = torso.features + action_size
        widths = (inputs, *self.hidden) if batch_renorm else ()
        self.renorms = [
            BatchRenorm(critics, units, name=f"renorm_{i}") for i, units in enumerate(widths)
        ]
        for layer, units in enumerate((*self.hidden, outputs)):
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
            if layer_norm and layer < len(self.hidden):
                for name, values in (("scale", self.scales), ("offset", self.offsets)):
                    initial = "ones" if name == "scale" else "zeros"
                    shape = (critics, 1, units)
                    values.append(
                        self.add_weight(shape=shape, initializer=initial, name=f"{name}_{layer}")
                    )
            inputs = units
        self.built = True

    def _initializer(self, inputs: int, seed: int | None) -> keras.initializers.Initializer:
        bound = inputs**-0.5
        return keras.initializers.RandomUniform(-bound, bound, seed=seed)

    def call(
        self,
        observations: Any,
        actions: Any,
        critics: int | None = None,
        seed: Any = None,
        training: bool = False,
    ) -> Any:
        """Return the Q-values of actions, ``[critics, batch]``, or ``[critics, batch, outputs]``.

        Args:
            observations: ``[batch, ...]``.
            actions: ``[batch, size]``.
            critics: evaluate only this many of them; ``None`` for all.
            seed: seeds dropout, int32 ``[2]``; ``None`` for no dropout.
            training: normalize by the batch statistics, and update the running statistics of
                ``batch_renorm``; otherwise, normalize by the running statistics.
        """
        features = tf.cast(self.torso.call(observations), actions.dtype)  # [b, features]
        features = tf.concat([features, actions], 1)[None]  # [1, b, inputs]
        if self.batch_renorm:
            features = self.renorms[0].call(features, training, critics)
        for layer in range(len(self.hidden)):
            features = self._product(layer, features, critics)  # [critics, b, units]
            if self.dropout and seed is not None:
                features = self._drop(features, seed + [layer, 0])
            if self.layer_norm:
                features = self._normalize(layer, features, critics)
            features = self.activate(features)
            if self.batch_renorm:
                features = self.renorms[layer + 1].call(features, training, critics)
        outputs = self._product(len(self.hidden), features, critics)
        return outputs[..., 0] if self.outputs == 1 else outputs

    def joint(self, current: Any, following: Any, seed: Any) -> Any:
        """Return the Q-values of two batches, normalized by the statistics of both together.

        Critics with ``batch_renorm`` then need no target networks (Bhatt et al. 2024, section 3.2).

        Args:
            current: observations and actions.
            following: observations and actions of the next steps.
            seed: seeds dropout, int32 ``[2]``; ``None`` for no dropout.
        """
        observations, actions = tf.nest.map_structure(
            lambda *parts: tf.concat(parts, 0), current, following
        )
        return tf.split(self.call(observations, actions, seed=seed, training=True), 2, axis=1)

    @property
    def statistics(self) -> list[Any]:
        """The running statistics of ``batch_renorm``, updated by calls with ``training``."""
        return [variable for renorm in self.renorms for variable in renorm.non_trainable_variables]

    def _product(self, layer: int, inputs: Any, critics: int | None) -> Any:
        return tf.matmul(inputs, self.kernels[layer][:critics]) + self.biases[layer][:critics]

    def _drop(self, features: Any, seed: Any) -> Any:
        kept = tf.random.stateless_uniform(tf.shape(features), seed) >= self.dropout
        return tf.where(kept, features / (1 - self.dropout), 0.0)

    def _normalize(self, layer: int, features: Any, critics: int | None) -> Any:
        mean, variance = tf.nn.moments(features, [2], keepdims=True)
        normalized = (features - mean) * tf.math.rsqrt(variance + 1e-5)
        return normalized * self.scales[layer][:critics] + self.offsets[layer][:critics]

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
            "outputs": self.outputs,
            "dropout": self.dropout,
            "layer_norm": self.layer_norm,
            "batch_renorm": self.batch_renorm,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Critics:
        """Build the critics with initial weights from the dictionary of ``get_config``."""
        torso = keras.saving.deserialize_keras_object(config["torso"])
        return cls(**{**config, "torso": torso})
