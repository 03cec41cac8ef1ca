"""The Transformer: sequences to sequences by attention alone."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from agentlab.errors import AgentlabError
from agentlab.nets.attention import MultiHeadAttention
from agentlab.nets.decoding import State

MAX_NUMBERS = 1 << 24  # in the code of all positions


def sinusoids(length: int, width: int) -> npt.NDArray[np.float32]:
    """Return the code of each position: Vaswani et al. 2017, section 3.5.

    Returns:
        float32 ``[length, width]``: sines in the first half, cosines in the second, of wave
        lengths from ``2 pi`` to ``10000 * 2 pi``.
    """
    if length * width > MAX_NUMBERS:
        raise AgentlabError(f"length={length} times width={width} must be at most {MAX_NUMBERS:,}")
    angles = np.arange(length)[:, None] / 10_000 ** (np.arange(0, width, 2) / width)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


@keras.saving.register_keras_serializable("agentlab")
class TransformerLayer(keras.layers.Layer):  # type: ignore[misc]
    """Attention to itself, to a memory if there is one, and two dense layers with ReLU.

    Each of them adds to its normalized inputs' originals, ``x + dropout(f(norm(x)))`` (pre-norm:
    Xiong et al. 2020), which learns without a long warmup_steps.

    Args:
        width: of inputs and outputs.
        heads: of each attention.
        feed_forward: units between the two dense layers.
        memory: whether it attends to a memory.
        dropout: share that training drops of attention weights, hidden units and what is added.
        seed: of the initial kernels and of dropout.
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

        def own(shift: int) -> int | None:
            return None if seed is None else seed + shift

        def attention(shift: int, name: str) -> MultiHeadAttention:
            return MultiHeadAttention(heads, width, dropout, own(shift), name=name, dtype=policy)

        def dense(units: int, activation: str | None, shift: int, name: str) -> keras.layers.Dense:
            kernel = keras.initializers.GlorotUniform(own(shift))
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
        self.dropout = keras.layers.Dropout(dropout, seed=own(40), dtype=policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights for inputs and memory of ``input_shape``, ``[batch, time, width]``."""
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
            mask: bool that broadcasts to ``[batch, heads, time, past + time]``.
            past: keys and values ``[batch, heads, past, depth]`` of earlier inputs, or ``None``.
            memory: keys and values of the memory, what ``cross.keys`` made; or ``None``.
            memory_mask: bool that broadcasts to ``[batch, heads, time, memory]``.
            training: whether units are dropped.

        Returns:
            ``[batch, time, width]``; a pair of ``[batch, heads, past + time, depth]``; the
            weights on the memory, or else on the inputs, ``[batch, heads, time, ...]``.
        """
        x = self.norms[0](inputs)
        seen = self.attention.keys(x)
        if past is not None:
            seen = tuple(tf.concat(pair, axis=2) for pair in zip(past, seen, strict=True))
        attended, weights = self.attention(x, *seen, mask, training=training)
        outputs = inputs + self.dropout(attended, training=training)
        if self.cross is not None:
            x = self.norms[2](outputs)
            attended, weights = self.cross(x, *memory, memory_mask, training=training)
            outputs += self.dropout(attended, training=training)
        hidden = self.dropout(self.hidden(self.norms[1](outputs)), training=training)
        return outputs + self.dropout(self.out(hidden), training=training), seen, weights

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


@keras.saving.register_keras_serializable("agentlab")
class Transformer(keras.Model):  # type: ignore[misc]
    """An encoder and a decoder of attention layers: Vaswani et al. 2017, with pre-norm.

    Id 0 is padding, to the right of each sequence.

    Input: a pair ``source_ids`` int32 ``[batch, source_time]`` and ``target_ids`` int32 ``[batch,
    target_time]``, the target's tokens from the start token on.
    Output: float32 logits ``[batch, target_time, target_vocabulary]`` of the token after each.

    Args:
        source_vocabulary: ids of the source, padding included.
        target_vocabulary: ids of the target.
        width: units of each layer's inputs and outputs; even, and a multiple of ``heads``.
        layers: of the encoder, and of the decoder.
        heads: of each attention.
        feed_forward: units between the two dense layers of each layer.
        dropout: share that training drops.
        shared: one embedding for both vocabularies, which are then the same.
        tied: the logits' kernel is the target embedding (Press & Wolf 2017).
        limit: most tokens of a sequence.
        seed: of the initial weights and of dropout.

    Raises:
        AgentlabError: where ``width`` does not fit, or vocabularies differ that are shared.
    """

    def __init__(
        self,
        source_vocabulary: int,
        target_vocabulary: int,
        width: int = 256,
        layers: int = 3,
        heads: int = 4,
        feed_forward: int = 1024,
        dropout: float = 0.1,
        shared: bool = False,
        tied: bool = True,
        limit: int = 256,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if width % heads or width % 2:
            raise AgentlabError(f"width={width} must be even and a multiple of heads={heads}")
        if shared and source_vocabulary != target_vocabulary:
            raise AgentlabError(
                f"source_vocabulary={source_vocabulary} and target_vocabulary={target_vocabulary} "
                "must be equal where shared=True"
            )
        self.source_vocabulary, self.target_vocabulary = source_vocabulary, target_vocabulary
        self.width, self.depth, self.heads, self.feed_forward = width, layers, heads, feed_forward
        self.rate, self.shared, self.tied = dropout, shared, tied
        self.limit, self.seed = limit, seed
        policy = self.dtype_policy

        def own(shift: int) -> int | None:
            return None if seed is None else seed + shift

        def stack(name: str, shift: int) -> list[TransformerLayer]:
            return [
                TransformerLayer(
                    width,
                    heads,
                    feed_forward,
                    memory=name == "decoder",
                    dropout=dropout,
                    seed=own(shift + 100 * i),
                    name=f"{name}_{i}",
                    dtype=policy,
                )
                for i in range(layers)
            ]

        self.encoder, self.decoder = stack("encoder", 100), stack("decoder", 10_000)
        self.encoder_norm, self.decoder_norm = (
            keras.layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm", dtype=policy)
            for name in ("encoder", "decoder")
        )
        self.dropout = keras.layers.Dropout(dropout, seed=own(0), dtype=policy)
        self.positions = sinusoids(limit, width)

    def build(self, input_shape: Any) -> None:
        """Make the weights; nothing of ``input_shape``, a pair of shapes, matters to them."""

        def table(vocabulary: int, shift: int, name: str) -> Any:
            seed = None if self.seed is None else self.seed + shift
            normal = keras.initializers.RandomNormal(stddev=self.width**-0.5, seed=seed)
            return self.add_weight(shape=(vocabulary, self.width), initializer=normal, name=name)

        self.target_embedding = table(self.target_vocabulary, 1, "target_embedding")
        self.source_embedding = self.target_embedding
        if not self.shared:
            self.source_embedding = table(self.source_vocabulary, 2, "source_embedding")
        self.output_embedding = self.target_embedding
        if not self.tied:
            self.output_embedding = table(self.target_vocabulary, 3, "output_embedding")
        self.output_bias = self.add_weight(
            shape=(self.target_vocabulary,), initializer="zeros", name="output_bias"
        )
        for layer in (*self.encoder, *self.decoder, self.encoder_norm, self.decoder_norm):
            layer.build((None, None, self.width))
        self.built = True

    def call(self, inputs: tuple[Any, Any], training: bool = False) -> Any:
        """Return float32 logits ``[batch, target_time, target_vocabulary]``.

        Raises:
            AgentlabError: where a sequence is longer than ``limit``.
        """
        source_ids, target_ids = inputs
        return self._decode(target_ids, self.encode(source_ids, training), training)[0]

    def attention(self, inputs: tuple[Any, Any]) -> Any:
        """Return how the last layer attends from each target token to the source.

        Returns:
            float32 ``[batch, target_time, source_time]``, the mean over heads.
        """
        source_ids, target_ids = inputs
        return self._decode(target_ids, self.encode(source_ids))[2]

    def encode(self, source_ids: Any, training: bool = False) -> State:
        """Take in sources, int32 ``[batch, source_time]``.

        Returns:
            The memory: its mask, and keys and values for each layer of the decoder; and keys and
            values of no target tokens yet.
        """
        mask = (source_ids != 0)[:, None, None, :]
        x = self._embed(self.source_embedding, source_ids, 0, training)
        for layer in self.encoder:
            x, _, _ = layer(x, mask, training=training)
        x = self.encoder_norm(x)
        memory = [layer.cross.keys(x) for layer in self.decoder]
        nothing = tf.zeros_like(memory[0][0][:, :, :0])
        return State(memory=(mask, memory), cache=[(nothing, nothing) for _ in self.decoder])

    def step(self, token_ids: Any, state: State) -> tuple[Any, State, Any]:
        """Take in the newest tokens; see ``agentlab.nets.decoding.SequenceNet``."""
        logits, state, weights = self._decode(token_ids[:, None], state)
        return logits[:, 0], state, weights[:, 0]

    def _decode(self, ids: Any, state: State, training: bool = False) -> tuple[Any, State, Any]:
        """Take in any number of further tokens, ``[batch, time]``, each seeing those before it."""
        (memory_mask, memory), cache = state
        past, time = tf.shape(cache[0][0])[2], tf.shape(ids)[1]
        mask = past + tf.range(time)[:, None] >= tf.range(past + time)
        x = self._embed(self.target_embedding, ids, past, training)
        seen = []
        for layer, before, kept in zip(self.decoder, cache, memory, strict=True):
            x, now, weights = layer(x, mask, before, kept, memory_mask, training=training)
            seen.append(now)
        x = self.decoder_norm(x)
        kernel = tf.cast(self.output_embedding, x.dtype)
        logits = tf.matmul(tf.reshape(x, (-1, self.width)), kernel, transpose_b=True)
        logits = tf.cast(logits, tf.float32) + tf.cast(self.output_bias, tf.float32)
        logits = tf.reshape(logits, (tf.shape(ids)[0], time, self.target_vocabulary))
        weights = tf.cast(tf.reduce_mean(weights, axis=1), tf.float32)
        return logits, State(state.memory, seen), weights

    def _embed(self, table: Any, ids: Any, past: Any, training: bool) -> Any:
        """Return tokens and their positions, from ``past`` on, as ``[batch, time, width]``."""
        if ids.shape[1] is not None and ids.shape[1] > self.limit:
            raise AgentlabError(f"a sequence of {ids.shape[1]} tokens is over limit={self.limit}")
        x = tf.cast(tf.gather(table, ids), self.compute_dtype) * math.sqrt(self.width)
        positions = tf.constant(self.positions, self.compute_dtype)
        return self.dropout(x + positions[past : past + tf.shape(ids)[1]], training=training)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "source_vocabulary": self.source_vocabulary,
            "target_vocabulary": self.target_vocabulary,
            "width": self.width,
            "layers": self.depth,
            "heads": self.heads,
            "feed_forward": self.feed_forward,
            "dropout": self.rate,
            "shared": self.shared,
            "tied": self.tied,
            "limit": self.limit,
            "seed": self.seed,
        }
