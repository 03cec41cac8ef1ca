"""Attention layers: weighted means of a memory, such as the outputs of an encoder.

A layer is used in two steps, so that a decoder projects its memory once and not for each token:
``keys`` projects the memory, and ``call`` attends to it with queries.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf


def masked_softmax(scores: Any, mask: Any) -> Any:
    """Softmax over the last axis, restricted to the positions where ``mask`` is true.

    Args:
        scores: floats ``[..., memory]``.
        mask: bool, broadcastable to the shape of ``scores``.

    Returns:
        Weights of the shape and dtype of ``scores``, exactly 0 where ``mask`` is false; all 0 where
        it is false everywhere.

    >>> masked_softmax(tf.constant([1.0, 1.0, 9.0]), tf.constant([True, True, False])).numpy()
    array([0.5, 0.5, 0. ], dtype=float32)
    """
    weights = tf.nn.softmax(tf.where(mask, scores, scores.dtype.min))
    return tf.where(mask, weights, tf.zeros((), weights.dtype))


@keras.saving.register_keras_serializable("agentlab")
class LuongAttention(keras.layers.Layer):  # type: ignore[misc]
    """``score = g query' W value``: the general form of Luong et al. 2015, equation 8.

    Args:
        scaled: whether the scale ``g``, initially 1, is trainable; otherwise it is 1.
        seed: seed of the initial ``W`` (Glorot uniform).
    """

    def __init__(self, scaled: bool = True, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scaled, self.seed = scaled, seed

    def build(self, query_shape: tuple[int | None, ...], values_shape: tuple[Any, ...]) -> None:
        """Create the weights for queries and values of these shapes, ``[batch, time, width]``."""
        self.kernel = self.add_weight(
            shape=(values_shape[-1], query_shape[-1]),
            initializer=keras.initializers.GlorotUniform(self.seed),
            name="kernel",
        )
        if self.scaled:
            self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
        self.built = True

    def keys(self, values: Any) -> Any:
        """Project the memory ``[batch, memory, width]`` to keys ``[batch, memory, queries]``."""
        return tf.tensordot(values, tf.cast(self.kernel, values.dtype), 1)

    def call(self, query: Any, keys: Any, values: Any, mask: Any) -> tuple[Any, Any]:
        """Attend to the memory with each query.

        Args:
            query: ``[batch, time, queries]``.
            keys: the result of ``keys`` for ``values``.
            values: the memory, ``[batch, memory, width]``.
            mask: bool ``[batch, memory]``, false on padding.

        Returns:
            Contexts ``[batch, time, width]`` and weights ``[batch, time, memory]``.
        """
        scores = tf.matmul(query, keys, transpose_b=True)  # [batch, time, memory]
        if self.scaled:
            scores *= tf.cast(self.scale, scores.dtype)
        weights = masked_softmax(scores, mask[:, None, :])  # [batch, time, memory]
        return tf.matmul(weights, values), weights  # [batch, time, width]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {**super().get_config(), "scaled": self.scaled, "seed": self.seed}


@keras.saving.register_keras_serializable("agentlab")
class BahdanauAttention(keras.layers.Layer):  # type: ignore[misc]
    """``score = v' tanh(W query + U value + b)``: Bahdanau et al. 2015, appendix A.1.2.

    Args:
        units: length of ``v``.
        seed: seed of the initial weights (Glorot uniform).
    """

    def __init__(self, units: int, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.seed = units, seed

    def build(self, query_shape: tuple[int | None, ...], values_shape: tuple[Any, ...]) -> None:
        """Create the weights for queries and values of these shapes, ``[batch, time, width]``."""

        def glorot(shift: int) -> Any:
            seed = None if self.seed is None else self.seed + shift
            return keras.initializers.GlorotUniform(seed)

        width, units = values_shape[-1], self.units
        self.query_kernel = self.add_weight(
            shape=(query_shape[-1], units), initializer=glorot(0), name="query_kernel"
        )
        self.kernel = self.add_weight(shape=(width, units), initializer=glorot(1), name="kernel")
        self.bias = self.add_weight(shape=(units,), initializer="zeros", name="bias")
        self.score = self.add_weight(shape=(units, 1), initializer=glorot(2), name="score")
        self.built = True

    def keys(self, values: Any) -> Any:
        """Project the memory ``[batch, memory, width]`` to keys ``[batch, memory, units]``."""
        kernel, bias = (tf.cast(weight, values.dtype) for weight in (self.kernel, self.bias))
        return tf.tensordot(values, kernel, 1) + bias

    def call(self, query: Any, keys: Any, values: Any, mask: Any) -> tuple[Any, Any]:
        """Attend to the memory with each query; arguments and results as of ``LuongAttention``."""
        kernel, score = (tf.cast(weight, query.dtype) for weight in (self.query_kernel, self.score))
        projected = tf.tensordot(query, kernel, 1)  # [batch, time, units]
        hidden = projected[:, :, None, :] + keys[:, None, :, :]  # [batch, time, memory, units]
        scores = tf.squeeze(tf.tensordot(tf.tanh(hidden), score, 1), -1)  # [batch, time, memory]
        weights = masked_softmax(scores, mask[:, None, :])  # [batch, time, memory]
        return tf.matmul(weights, values), weights  # [batch, time, width]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {**super().get_config(), "units": self.units, "seed": self.seed}


@keras.saving.register_keras_serializable("agentlab")
class MultiHeadAttention(keras.layers.Layer):  # type: ignore[misc]
    """Multi-head scaled dot-product attention: Vaswani et al. 2017, section 3.2.

    Args:
        heads: number of heads.
        width: units of queries, keys, values and outputs over all heads, a multiple of ``heads``.
        dropout: dropout rate of the attention weights.
        seed: seed of the initial kernels (Glorot uniform) and of dropout.

    >>> attention = MultiHeadAttention(heads=2, width=8)
    >>> attention.build((None, None, 8), (None, None, 8))
    >>> memory = tf.zeros((1, 5, 8))
    >>> outputs, weights = attention(tf.zeros((1, 3, 8)), *attention.keys(memory), mask=True)
    >>> outputs.shape, weights.shape
    (TensorShape([1, 3, 8]), TensorShape([1, 2, 3, 5]))
    """

    def __init__(
        self,
        heads: int,
        width: int,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.heads, self.width, self.rate, self.seed = heads, width, dropout, seed

        def dense(units: int, shift: int, name: str) -> keras.layers.Dense:
            initializer = keras.initializers.GlorotUniform(None if seed is None else seed + shift)
            return keras.layers.Dense(
                units, kernel_initializer=initializer, name=name, dtype=self.dtype_policy
            )

        self.query = dense(width, 0, "query")
        self.key_value = dense(2 * width, 1, "key_value")
        self.output_projection = dense(width, 2, "output")
        self.dropout = keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, query_shape: tuple[int | None, ...], values_shape: tuple[Any, ...]) -> None:
        """Create the weights for queries and values of these shapes, ``[batch, time, width]``."""
        self.query.build(query_shape)
        self.key_value.build(values_shape)
        self.output_projection.build((None, None, self.width))
        self.built = True

    def keys(self, values: Any) -> tuple[Any, Any]:
        """Project ``[batch, memory, ...]`` to keys and values ``[batch, heads, memory, depth]``."""
        keys, projected = tf.split(self.key_value(values), 2, axis=-1)
        return self._split(keys), self._split(projected)

    def call(
        self, query: Any, keys: Any, values: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any]:
        """Attend to the memory with each query.

        Args:
            query: ``[batch, time, ...]``.
            keys: the first result of ``keys``.
            values: the second result of ``keys``.
            mask: bool, broadcastable to ``[batch, heads, time, memory]``, false where a query must
                not attend.
            training: whether to apply dropout.

        Returns:
            Outputs ``[batch, time, width]`` and weights ``[batch, heads, time, memory]``.
        """
        depth = self.width // self.heads
        queries = self._split(self.query(query) / math.sqrt(depth))  # [batch, heads, time, depth]
        scores = tf.matmul(queries, keys, transpose_b=True)  # [batch, heads, time, memory]
        weights = masked_softmax(scores, mask)
        heads = tf.matmul(self.dropout(weights, training=training), values)
        heads = tf.transpose(heads, (0, 2, 1, 3))  # [batch, time, heads, depth]
        merged = tf.reshape(heads, (tf.shape(query)[0], tf.shape(query)[1], self.width))
        return self.output_projection(merged), weights  # [batch, time, width]

    def _split(self, x: Any) -> Any:
        """Split ``[batch, time, width]`` into heads, ``[batch, heads, time, depth]``."""
        shape = (tf.shape(x)[0], tf.shape(x)[1], self.heads, self.width // self.heads)
        return tf.transpose(tf.reshape(x, shape), (0, 2, 1, 3))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        own = {"heads": self.heads, "width": self.width, "dropout": self.rate, "seed": self.seed}
        return {**super().get_config(), **own}
