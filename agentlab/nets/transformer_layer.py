"""A layer of a Transformer's encoder or decoder."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.attention import MultiHeadAttention
from agentlab.nets.image_torso import layer_seed


@keras.saving.register_keras_serializable("agentlab")
class TransformerLayer(keras.layers.Layer):  # type: ignore[misc]
    """Self-attention, optional cross-attention, and two dense layers with ReLU.

    Each sublayer is residual with layer normalization of its inputs, ``x + dropout(f(norm(x)))``
    (pre-norm, Xiong et al. 2020), which trains without a long warm-up.

    Args:
        width: dimension of inputs and outputs.
        heads: number of attention heads.
        feed_forward: units of the hidden dense layer.
        memory: whether to attend to a memory, as the layers of a decoder do.
        dropout: dropout rate of attention weights, hidden units and residuals.
        seed: seed of the initial kernels and of dropout.

    >>> layer = TransformerLayer(width=8, heads=2, feed_forward=16)
    >>> causal = tf.range(5)[:, None] >= tf.range(5)
    >>> outputs, _, weights = layer(tf.zeros((1, 5, 8)), causal)
    >>> outputs.shape, weights.shape
    (TensorShape([1, 5, 8]), TensorShape([1, 2, 5, 5]))
    """

    def __init__(
        self,
        width: int,
        heads: int,
        feed_forward: int,
        memory: bool = False,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.width, self.heads, self.feed_forward = width, heads, feed_forward
        self.memory, self.rate, self.seed = memory, dropout, seed
        policy = self.dtype_policy

        def attention(shift: int, name: str) -> MultiHeadAttention:
            own = layer_seed(seed, shift)
            return MultiHeadAttention(heads, width, dropout, own, name=name, dtype=policy)

        def dense(units: int, activation: str | None, shift: int, name: str) -> keras.layers.Dense:
            kernel = keras.initializers.GlorotUniform(layer_seed(seed, shift))
            return keras.layers.Dense(
                units, activation, kernel_initializer=kernel, name=name, dtype=policy
            )

        self.attention = attention(10, "attention")
        self.cross: Any = attention(20, "cross") if memory else None
        self.hidden = dense(feed_forward, "relu", 30, "hidden")
        self.out = dense(width, None, 31, "out")
        self.norms = [
            keras.layers.LayerNormalization(epsilon=1e-6, name=f"norm_{i}", dtype=policy)
            for i in range(3 if memory else 2)
        ]
        self.dropout = keras.layers.Dropout(dropout, seed=layer_seed(seed, 40), dtype=policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs and memory of ``input_shape``, ``[batch, time, width]``."""
        for layer in filter(None, (self.attention, self.cross)):
            layer.build(input_shape, input_shape)
        self.hidden.build(input_shape)
        self.out.build((*input_shape[:-1], self.feed_forward))
        for norm in self.norms:
            norm.build(input_shape)
        self.built = True

    def call(
        self,
        inputs: Any,
        mask: Any,
        past: Any = None,
        memory: Any = None,
        memory_mask: Any = None,
        training: bool = False,
    ) -> tuple[Any, Any, Any]:
        """Return the outputs, the keys and values of all inputs so far, and attention weights.

        Args:
            inputs: ``[batch, time, width]``.
            mask: bool, broadcastable to ``[batch, heads, time, past + time]``.
            past: keys and values ``[batch, heads, past, depth]`` of earlier inputs, or ``None``.
            memory: keys and values of the memory, from ``cross.keys``, or ``None``.
            memory_mask: bool, broadcastable to ``[batch, heads, time, memory]``.
            training: whether to apply dropout.

        Returns:
            Outputs ``[batch, time, width]``; keys and values, each ``[batch, heads, past + time,
            depth]``; and the attention weights on the memory, or on the inputs if there is none,
            ``[batch, heads, time, ...]``.
        """
        x = self.norms[0](inputs)  # [batch, time, width]
        keys_values = self.attention.keys(x)
        if past is not None:
            keys_values = tuple(
                tf.concat(pair, axis=2) for pair in zip(past, keys_values, strict=True)
            )
        attended, weights = self.attention(x, *keys_values, mask, training=training)
        outputs = inputs + self.dropout(attended, training=training)  # [batch, time, width]
        if self.cross is not None:
            x = self.norms[2](outputs)
            attended, weights = self.cross(x, *memory, memory_mask, training=training)
            outputs += self.dropout(attended, training=training)
        hidden = self.hidden(self.norms[1](outputs))  # [batch, time, feed_forward]
        hidden = self.dropout(hidden, training=training)
        return outputs + self.dropout(self.out(hidden), training=training), keys_values, weights

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "width": self.width,
            "heads": self.heads,
            "feed_forward": self.feed_forward,
            "memory": self.memory,
            "dropout": self.rate,
            "seed": self.seed,
        }
