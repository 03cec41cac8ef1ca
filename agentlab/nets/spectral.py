"""Spectral normalization of dense layers and convolutions (Miyato et al. 2018)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("agentlab")
class SpectralNorm(keras.layers.Layer):  # type: ignore[misc]
    """A ``Dense`` or ``Conv2D`` layer whose kernel is divided by its largest singular value.

    The singular value is estimated by one power iteration in each training call (algorithm 1); the
    gradient flows through it.

    Input and output shapes: those of ``layer``.

    Args:
        layer: the layer, which must have a kernel.

    >>> SpectralNorm(keras.layers.Dense(3))(tf.zeros((2, 4))).shape
    TensorShape([2, 3])
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(**{"name": layer.name, **kwargs})
        self.layer = layer

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights for inputs of ``input_shape``, with the batch dimension."""
        self.layer.build(input_shape)
        columns = int(self.layer.kernel.shape[-1])
        # A constant vector instead of a random one needs no seed; no right singular vector of a
        # random kernel is orthogonal to it.
        self.vector = self.add_weight(
            name="vector",
            shape=(columns,),
            initializer=keras.initializers.Constant(1 / math.sqrt(columns)),
            trainable=False,
        )
        self.built = True

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Any:
        """Return the output shape of the layer."""
        return self.layer.compute_output_shape(input_shape)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the layer's outputs, computed with the normalized kernel."""
        layer = self.layer
        full = tf.cast(layer.kernel, tf.float32)
        kernel = full / self._largest(tf.reshape(full, (-1, full.shape[-1])), training)
        kernel = tf.cast(kernel, layer.compute_dtype)
        inputs = tf.cast(inputs, layer.compute_dtype)
        if isinstance(layer, keras.layers.Dense):
            outputs = tf.matmul(inputs, kernel)
        else:
            padding = layer.padding.upper()
            outputs = tf.nn.conv2d(inputs, kernel, layer.strides, padding)
        if layer.use_bias:
            outputs += tf.cast(layer.bias, outputs.dtype)
        return layer.activation(outputs)

    def _largest(self, matrix: Any, training: bool) -> Any:
        """Return an estimate of the largest singular value of ``matrix``."""
        fixed = tf.stop_gradient(matrix)
        right = tf.cast(tf.convert_to_tensor(self.vector), tf.float32)
        left = tf.math.l2_normalize(tf.linalg.matvec(fixed, right))
        if training:
            right = tf.math.l2_normalize(tf.linalg.matvec(fixed, left, transpose_a=True))
            self.vector.assign(right)
        return tf.tensordot(left, tf.linalg.matvec(matrix, right), 1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "layer": keras.saving.serialize_keras_object(self.layer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SpectralNorm:
        """Build the layer from the dictionary of ``get_config``."""
        return cls(**{**config, "layer": keras.saving.deserialize_keras_object(config["layer"])})


def normalized(layer: Any, spectral_norm: bool) -> Any:
    """Return ``layer``, with spectral normalization if ``spectral_norm``."""
    return SpectralNorm(layer, dtype=layer.dtype_policy) if spectral_norm else layer
