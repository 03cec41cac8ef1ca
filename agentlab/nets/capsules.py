"""Capsule layers: vectors whose lengths are probabilities (Sabour, Frosst & Hinton 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

EPSILON = 1e-7


def squash(vectors: Any, epsilon: float = EPSILON) -> Any:
    """Shrink vectors to a length below 1, keeping their direction (equation 1 of the paper).

    Args:
        vectors: ``[..., dimension]``.
        epsilon: added to squared lengths, so that the gradient is finite at 0.

    Returns:
        ``[..., dimension]``; a vector of length ``r`` has the length ``r^2 / (1 + r^2)``.

    >>> tf.norm(squash(tf.constant([[3.0, 0.0], [0.0, 1.0]])), axis=-1).numpy()
    array([0.9, 0.5], dtype=float32)
    """
    squared = tf.reduce_sum(tf.square(vectors), axis=-1, keepdims=True)  # [..., 1]
    return vectors * (squared / (1 + squared) / tf.sqrt(squared + epsilon))


def lengths(vectors: Any, epsilon: float = EPSILON) -> Any:
    """Return the lengths ``[...]`` of vectors ``[..., dimension]``, with finite gradients at 0."""
    return tf.sqrt(tf.reduce_sum(tf.square(vectors), axis=-1) + epsilon)


def mask_capsules(capsules: Any, classes: Any) -> Any:
    """Set the capsules of all but one class to zero, and flatten the rest.

    Args:
        capsules: ``[batch, classes, dimension]``.
        classes: the class to keep, int ``[batch]``: the label, or the prediction.

    Returns:
        ``[batch, classes * dimension]``.

    >>> mask_capsules(tf.constant([[[1.0, 2.0], [3.0, 4.0]]]), [1]).numpy()
    array([[0., 0., 3., 4.]], dtype=float32)
    """
    _, count, dimension = capsules.shape
    kept = tf.one_hot(tf.cast(classes, tf.int32), count, dtype=capsules.dtype)  # [batch, classes]
    return tf.reshape(capsules * kept[..., None], (-1, count * dimension))


def wide(layer: Any) -> str:
    """Return the dtype of a layer's outputs: float64 for float64 layers, else float32."""
    return str(keras.backend.result_type(layer.compute_dtype, "float32"))


@keras.saving.register_keras_serializable("agentlab")
class PrimaryCapsules(keras.layers.Layer):  # type: ignore[misc]
    """A convolution whose outputs are grouped into vectors and squashed.

    Input shape: ``[batch, height, width, channels]``.
    Output shape: float32 ``[batch, capsules, dimension]``, with ``channels`` capsules at each
    position of the convolution's output.

    Args:
        channels: capsules at each position.
        dimension: dimension of a capsule.
        kernel_size: side of the square kernel.
        strides: stride of the convolution.
        seed: seed of the initial kernel (Glorot & Bengio 2010).

    >>> PrimaryCapsules(32, 8)(tf.zeros((2, 20, 20, 256))).shape
    TensorShape([2, 1152, 8])
    """

    def __init__(
        self,
        channels: int = 32,
        dimension: int = 8,
        kernel_size: int = 9,
        strides: int = 2,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels, self.dimension, self.seed = channels, dimension, seed
        self.kernel_size, self.strides = kernel_size, strides
        self.convolution = keras.layers.Conv2D(
            channels * dimension,
            kernel_size,
            strides,
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
            name="convolution",
            dtype=self.dtype_policy,
        )

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights for inputs of ``input_shape``, with the batch dimension."""
        self.convolution.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return ``(None, capsules, dimension)``."""
        _, height, width, _ = self.convolution.compute_output_shape(input_shape)
        return None, height * width * self.channels, self.dimension

    def call(self, inputs: Any) -> Any:
        """Return the capsules of ``inputs``."""
        features = tf.cast(self.convolution(inputs), wide(self))  # [batch, h, w, channels * d]
        _, height, width, _ = features.shape
        count = height * width * self.channels
        return squash(tf.reshape(features, (-1, count, self.dimension)))  # [batch, capsules, d]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "channels": self.channels,
            "dimension": self.dimension,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("agentlab")
class RoutingCapsules(keras.layers.Layer):  # type: ignore[misc]
    """Fully connected capsules with routing by agreement (procedure 1 of the paper).

    Each example has its own routing logits, which start at 0, so that its outputs do not depend on
    the other examples in the batch. As in most implementations, gradients flow through the last
    iteration only: the earlier ones determine the coupling coefficients.

    Input shape: ``[batch, capsules, d]``.
    Output shape: float32 ``[batch, count, dimension]``.

    Args:
        count: number of output capsules.
        dimension: dimension of an output capsule.
        iterations: number of routing iterations.
        seed: seed of the initial transformation matrices.

    >>> RoutingCapsules(10, 16)(tf.zeros((2, 1152, 8))).shape
    TensorShape([2, 10, 16])
    """

    def __init__(
        self,
        count: int = 10,
        dimension: int = 16,
        iterations: int = 3,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.count, self.dimension = count, dimension
        self.iterations, self.seed = iterations, seed

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights for inputs of ``input_shape``, with the batch dimension."""
        _, inputs, size = (int(length or 0) for length in input_shape)
        # Each matrix maps one capsule to one prediction vector, which defines fan-in and fan-out.
        limit = (6 / (size + self.dimension)) ** 0.5
        self.transformations = self.add_weight(
            name="transformations",
            shape=(self.count, inputs * size, self.dimension),
            initializer=keras.initializers.RandomUniform(-limit, limit, seed=self.seed),
        )
        self.built = True

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return ``(None, count, dimension)``."""
        return None, self.count, self.dimension

    def call(self, inputs: Any) -> Any:
        """Return the output capsules."""
        # The prediction vectors, [batch, capsules, count, dimension], are never materialized: their
        # weighted sums and agreements are computed by matrix products, which is much faster.
        dtype, full = self.compute_dtype, wide(self)
        capsules, weights = tf.cast(inputs, dtype), tf.cast(self.transformations, dtype)
        _, number, size = capsules.shape
        fixed, fixed_weights = tf.stop_gradient(capsules), tf.stop_gradient(weights)
        shape = self.count, tf.shape(inputs)[0], number
        logits = tf.zeros(shape, full)  # [count, batch, capsules]

        def outputs(capsules: Any, weights: Any) -> Any:
            couplings = tf.cast(_softmax(logits), dtype)[..., None]
            weighted = tf.reshape(couplings * capsules, (self.count, -1, number * size))
            return squash(tf.cast(weighted @ weights, full))  # [count, batch, dimension]

        for _ in range(self.iterations - 1):
            found = tf.cast(outputs(fixed, fixed_weights), dtype)
            seen = tf.matmul(found, fixed_weights, transpose_b=True)  # [count, batch, capsules * d]
            seen = tf.reshape(seen, (self.count, -1, number, size))
            logits += tf.cast(tf.reduce_sum(seen * fixed, axis=-1), full)
        return tf.transpose(outputs(capsules, weights), (1, 0, 2))  # [batch, count, dimension]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "count": self.count,
            "dimension": self.dimension,
            "iterations": self.iterations,
            "seed": self.seed,
        }


def _softmax(logits: Any) -> Any:
    """Return the softmax over the first axis."""
    powers = tf.exp(logits - tf.reduce_max(logits, axis=0))
    return powers / tf.reduce_sum(powers, axis=0)
