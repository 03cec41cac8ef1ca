"""The multilayer perceptron."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.activation_names import check_activation
from agentlab.nets.sparse import SparseRows, sparse_matmul

EPSILON = 1e-5  # of layer normalization, as in the paper's code and PyTorch


@keras.saving.register_keras_serializable("agentlab")
class MLP(keras.Model):  # type: ignore[misc]
    """A torso of fully connected layers, whose features are the outputs of the last one.

    Input shape: ``[batch, ...]`` of any number type, flattened; or ``SparseRows``, for which the
    cost of the first layer is proportional to the number of nonzeros.
    Output shape: ``[batch, features]``, float32 unless the dtype policy says otherwise.

    Args:
        hidden: units of each layer; if empty, the features are the flattened inputs.
        activation: name of a Keras activation.
        scale: divisor of the inputs: 255 for uint8 images.
        gain: gain of the orthogonal initial kernels (Saxe et al. 2014); the square root of 2
            preserves the variance through ReLU layers (He et al. 2015).
        seed: seed of the initial kernels.
        signed: whether ``SparseRows`` may contain -1.
        layer_norm: layer normalization before each activation (Ba et al. 2016).

    Raises:
        InvalidArgument: for an unknown activation.

    >>> mlp = MLP((32, 16), "relu")
    >>> mlp(tf.zeros((8, 4))).shape
    TensorShape([8, 16])
    """

    def __init__(
        self,
        hidden: Sequence[int] = (64, 64),
        activation: str = "tanh",
        scale: float = 1.0,
        gain: float = math.sqrt(2),
        seed: int | None = None,
        signed: bool = False,
        layer_norm: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_activation(activation)
        self.hidden, self.activation = tuple(hidden), activation
        self.scale, self.gain, self.seed = scale, gain, seed
        self.signed, self.layer_norm = signed, layer_norm
        self.activate = keras.activations.get(activation)
        self.denses = [
            keras.layers.Dense(
                units,
                None if layer_norm else activation,
                kernel_initializer=keras.initializers.Orthogonal(
                    gain, seed=None if seed is None else seed + i
                ),
                dtype=self.dtype_policy,  # even if loaded under another global policy
                name=f"dense_{i}",
            )
            for i, units in enumerate(self.hidden)
        ]
        self.norms = [
            keras.layers.LayerNormalization(
                epsilon=EPSILON, dtype=self.dtype_policy, name=f"norm_{i}"
            )
            for i in range(len(self.hidden) * layer_norm)
        ]

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights for inputs of ``input_shape``, with the batch dimension."""
        width = math.prod(int(size or 0) for size in input_shape[1:])
        for dense in self.denses:
            dense.build((None, width))
            width = dense.units
        for dense, norm in zip(self.denses, self.norms, strict=False):
            norm.build((None, dense.units))
        self.features = width
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the features of ``inputs``, ``[batch, features]``."""
        done = 0
        if isinstance(inputs, SparseRows):
            first, done = self.denses[0], 1
            features = (
                sparse_matmul(inputs, first.kernel, self.signed) + first.bias
            )  # [batch, units]
            features = self._normalized(0, first.activation(features))
        else:
            flat = tf.reshape(inputs, (tf.shape(inputs)[0], -1))  # [batch, inputs]
            # float32 even if the layers compute in 16 bits; float64 if they compute in that.
            dtype = keras.backend.result_type(self.compute_dtype, "float32")
            features = tf.cast(flat, dtype) / self.scale
        for i, dense in enumerate(self.denses[done:], done):
            features = self._normalized(i, dense(features))  # [batch, units]
        return features

    def _normalized(self, layer: int, features: Any) -> Any:
        """Apply a layer's normalization and then its activation."""
        return self.activate(self.norms[layer](features)) if self.norms else features

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
            "layer_norm": self.layer_norm,
        }
