"""The multilayer perceptron."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.errors import AgentlabError
from agentlab.nets.sparse import SparseRows, sparse_matmul


@keras.saving.register_keras_serializable("agentlab")
class MLP(keras.Model):  # type: ignore[misc]
    """Fully connected layers: a torso whose features are the last hidden layer.

    Input shape: ``[batch, ...]`` of any number type, flattened; or ``SparseRows``, for which the
    first layer costs only what the non-zeros cost.
    Output shape: float32 ``[batch, features]``.

    Args:
        hidden: units of each layer; none at all leaves the flat inputs as features.
        activation: a Keras activation by name.
        scale: what inputs are divided by: 255 for bytes of images.
        gain: scale of the orthogonal initial kernels (Saxe et al. 2014); the square root of 2
            keeps the variance through ReLU layers (He et al. 2015).
        seed: of the initial kernels.
        signed: whether ``SparseRows`` given may hold minus ones.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (64, 64),
        activation: str = "tanh",
        scale: float = 1.0,
        gain: float = math.sqrt(2),
        seed: int | None = None,
        signed: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        try:
            keras.activations.get(activation)
        except ValueError:
            raise AgentlabError(
                f"activation={activation!r} is unknown; use a Keras activation such as tanh or relu"
            ) from None
        self.hidden, self.activation = tuple(hidden), activation
        self.scale, self.gain, self.seed = scale, gain, seed
        self.signed = signed
        self.denses = [
            keras.layers.Dense(
                units,
                activation,
                kernel_initializer=keras.initializers.Orthogonal(
                    gain, seed=None if seed is None else seed + i
                ),
                dtype=self.dtype_policy,  # also where it is loaded under another policy
                name=f"dense_{i}",
            )
            for i, units in enumerate(self.hidden)
        ]

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the kernels for inputs of ``input_shape`` (the batch first)."""
        width = math.prod(int(size or 0) for size in input_shape[1:])
        for dense in self.denses:
            dense.build((None, width))
            width = dense.units
        self.features = width
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the features of ``inputs``, float32 ``[batch, features]``."""
        if isinstance(inputs, SparseRows):
            first, *rest = self.denses
            features = sparse_matmul(inputs, first.kernel, self.signed) + first.bias
            features = first.activation(features)
        else:
            rest = self.denses
            flat = tf.reshape(inputs, (tf.shape(inputs)[0], -1))
            # Float32 also where the rest is in 16 bits; float64 where that is asked for.
            dtype = keras.backend.result_type(self.compute_dtype, "float32")
            features = tf.cast(flat, dtype) / self.scale
        for dense in rest:
            features = dense(features)
        return features

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "activation": self.activation,
            "scale": self.scale,
            "gain": self.gain,
            "seed": self.seed,
            "signed": self.signed,
        }
