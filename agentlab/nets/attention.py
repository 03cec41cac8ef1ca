"""Attention: weighted means of a memory, with weights that depend on a query.

Every kind is used in two steps, so that a decoder prepares its memory once and not for every
token: ``keys`` projects the memory, ``call`` compares queries with the keys.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf


def masked_softmax(scores: Any, mask: Any) -> Any:
    """Softmax over the last axis of the places that ``mask`` allows; exactly 0 on the others.

    Args:
        scores: floats ``[..., memory]``.
        mask: bool of a shape that broadcasts to that of ``scores``. Where it allows no place at
            all, all weights are 0.

    Returns:
        Weights of the shape and dtype of ``scores``.
    """
    weights = tf.nn.softmax(tf.where(mask, scores, scores.dtype.min))
    return tf.where(mask, weights, tf.zeros((), weights.dtype))


@keras.saving.register_keras_serializable("agentlab")
class LuongAttention(keras.layers.Layer):  # type: ignore[misc]
    """``score = g query' W value``: the general form of Luong et al. 2015, equation 8.

    Args:
        scaled: learn the scale ``g`` (from 1 on); else ``g`` is 1.
        seed: of the initial ``W`` (Glorot).
    """

    def __init__(self, scaled: bool = True, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scaled, self.seed = scaled, seed

    def build(self, query_shape: tuple[int | None, ...], values_shape: tuple[Any, ...]) -> None:
        """Make the weights for queries and values of these shapes, ``[batch, time, width]``."""
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
        """Attend with many queries at a time.

        Args:
            query: ``[batch, time, queries]``.
            keys: what ``keys`` made of ``values``.
            values: the memory, ``[batch, memory, width]``.
            mask: bool ``[batch, memory]``, false on padding.

        Returns:
            Contexts ``[batch, time, width]`` and weights ``[batch, time, memory]``.
        """
        scores = tf.matmul(query, keys, transpose_b=True)
        if self.scaled:
            scores *= tf.cast(self.scale, scores.dtype)
        weights = masked_softmax(scores, mask[:, None, :])
        return tf.matmul(weights, values), weights

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {**super().get_config(), "scaled": self.scaled, "seed": self.seed}


@keras.saving.register_keras_serializable("agentlab")
class BahdanauAttention(keras.layers.Layer):  # type: ignore[misc]
    """``score = v' tanh(W query + U value + b)``: Bahdanau et al. 2015, appendix A.1.2.

    Args:
        units: length of ``v``.
        seed: of the initial weights (Glorot).
    """

    def __init__(self, units: int, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.seed = units, seed

    def build(self, query_shape: tuple[int | None, ...], values_shape: tuple[Any, ...]) -> None:
        """Make the weights for queries and values of these shapes, ``[batch, time, width]``."""

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
        """Attend with many queries at a time; arguments and results as of ``LuongAttention``."""
        kernel, score = (tf.cast(weight, query.dtype) for weight in (self.query_kernel, self.score))
        hidden = tf.tanh(tf.tensordot(query, kernel, 1)[:, :, None, :] + keys[:, None, :, :])
        scores = tf.squeeze(tf.tensordot(hidden, score, 1), -1)
        weights = masked_softmax(scores, mask[:, None, :])
        return tf.matmul(weights, values), weights

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {**super().get_config(), "units": self.units, "seed": self.seed}


@keras.saving.register_keras_serializable("agentlab")
class MultiHeadAttention(keras.layers.Layer):  # type: ignore[misc]
    """Scaled dot products in several subspaces at a time: Vaswani et al. 2017, section 3.2.

    Args:
        heads: how many subspaces.
        width: units of queries, keys, values and outputs over all heads; a multiple of ``heads``.
        dropout: fraction of the weights that training drops.
        seed: of the initial kernels (Glorot) and of dropout.
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
        """Make the weights for queries and values of these shapes, ``[batch, time, width]``."""
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
        """Attend with many queries at a time.

        Args:
            query: ``[batch, time, ...]``.
            keys: the first of what ``keys`` returned.
            values: the second.
            mask: bool that broadcasts to ``[batch, heads, time, memory]``, false where a query may
                not look.
            training: whether weights are dropped.

        Returns:
            Outputs ``[batch, time, width]`` and weights ``[batch, heads, time, memory]``.
        """
        scaled = self._split(self.query(query) / math.sqrt(self.width // self.heads))
        weights = masked_softmax(tf.matmul(scaled, keys, transpose_b=True), mask)
        heads = tf.matmul(self.dropout(weights, training=training), values)
        heads = tf.transpose(heads, (0, 2, 1, 3))
        merged = tf.reshape(heads, (tf.shape(query)[0], tf.shape(query)[1], self.width))
        return self.output_projection(merged), weights

    def _split(self, x: Any) -> Any:
        """Return ``[batch, time, width]`` as ``[batch, heads, time, depth]``."""
        shape = (tf.shape(x)[0], tf.shape(x)[1], self.heads, self.width // self.heads)
        return tf.transpose(tf.reshape(x, shape), (0, 2, 1, 3))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        own = {"heads": self.heads, "width": self.width, "dropout": self.rate, "seed": self.seed}
        return {**super().get_config(), **own}
