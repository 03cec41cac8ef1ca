"""The Transformer: a sequence-to-sequence network based on attention."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from agentlab.errors import InvalidArgument
from agentlab.nets.decoding import State
from agentlab.nets.image_torso import layer_seed
from agentlab.nets.transformer_layer import TransformerLayer

MAX_POSITION_VALUES = 1 << 24  # length times width of the positional encoding


def sinusoids(length: int, width: int) -> npt.NDArray[np.float32]:
    """Return the sinusoidal positional encoding: Vaswani et al. 2017, section 3.5.

    Args:
        length: number of positions.
        width: dimension of the encoding.

    Returns:
        Float32 ``[length, width]``: sines in the first half and cosines in the second, with
        wavelengths from ``2 pi`` to ``10000 * 2 pi``.

    Raises:
        InvalidArgument: if the encoding would have more than 16 million numbers.

    >>> sinusoids(2, 4).round(2)
    array([[0.  , 0.  , 1.  , 1.  ],
           [0.84, 0.01, 0.54, 1.  ]], dtype=float32)
    """
    if length * width > MAX_POSITION_VALUES:
        raise InvalidArgument(
            f"length={length} times width={width} must be at most {MAX_POSITION_VALUES:,}"
        )
    angles = np.arange(length)[:, None] / 10_000 ** (np.arange(0, width, 2) / width)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


@keras.saving.register_keras_serializable("agentlab")
class Transformer(keras.Model):  # type: ignore[misc]
    """An encoder and a decoder of attention layers: Vaswani et al. 2017, with pre-norm.

    Id 0 is padding, at the end of sequences.

    Input: a pair of ``source_ids``, int32 ``[batch, source_time]``, and ``target_ids``, int32
    ``[batch, target_time]``, the tokens of the target beginning with the start token.
    Output: logits of the token after each target token, float32 ``[batch, target_time,
    target_vocabulary]``.

    Args:
        source_vocabulary: size of the source vocabulary, padding included.
        target_vocabulary: size of the target vocabulary, padding included.
        width: dimension of the model, even and a multiple of ``heads``.
        layers: number of layers of the encoder, and of the decoder.
        heads: number of attention heads.
        feed_forward: units of the hidden dense layer of each layer.
        dropout: dropout rate.
        shared: whether source and target share an embedding, and so their vocabulary.
        tied: whether the kernel of the logits is the target embedding (Press & Wolf 2017).
        limit: maximum length of sequences, in tokens.
        seed: seed of initial weights and dropout.

    Raises:
        InvalidArgument: for an invalid ``width``, or shared vocabularies of different sizes.

    >>> transformer = Transformer(50, 60, width=8, layers=1, heads=2, feed_forward=16)
    >>> transformer((tf.ones((2, 7), tf.int32), tf.ones((2, 5), tf.int32))).shape
    TensorShape([2, 5, 60])
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
            raise InvalidArgument(f"width={width} must be even and a multiple of heads={heads}")
        if shared and source_vocabulary != target_vocabulary:
            raise InvalidArgument(
                f"source_vocabulary={source_vocabulary} and target_vocabulary={target_vocabulary} "
                "must be equal with shared=True"
            )
        self.source_vocabulary, self.target_vocabulary = source_vocabulary, target_vocabulary
        self.width, self.depth, self.heads, self.feed_forward = width, layers, heads, feed_forward
        self.rate, self.shared, self.tied = dropout, shared, tied
        self.limit, self.seed = limit, seed
        policy = self.dtype_policy

        def stack(name: str, shift: int) -> list[TransformerLayer]:
            return [
                TransformerLayer(
                    width,
                    heads,
                    feed_forward,
                    memory=name == "decoder",
                    dropout=dropout,
                    seed=layer_seed(seed, shift + 100 * i),
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
        self.dropout = keras.layers.Dropout(dropout, seed=layer_seed(seed, 0), dtype=policy)
        self.positions = sinusoids(limit, width)

    def build(self, input_shape: Any) -> None:
        """Create the weights, which do not depend on ``input_shape``, a pair of shapes."""

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
            InvalidArgument: for a sequence longer than ``limit``.
        """
        source_ids, target_ids = inputs
        return self._decode(target_ids, self.encode(source_ids, training), training)[0]

    def attention(self, inputs: tuple[Any, Any]) -> Any:
        """Return the attention weights of the last layer of each target token on the source.

        Returns:
            float32 ``[batch, target_time, source_time]``, averaged over heads.
        """
        source_ids, target_ids = inputs
        return self._decode(target_ids, self.encode(source_ids))[2]

    def encode(self, source_ids: Any, training: bool = False) -> State:
        """Encode sources, int32 ``[batch, source_time]``.

        Returns:
            The state of the decoder: the source mask, and keys and values for each layer of the
            decoder, as its memory; and an empty cache of keys and values of target tokens.
        """
        mask = (source_ids != 0)[:, None, None, :]  # [batch, 1, 1, source_time]
        x = self._embed(
            self.source_embedding, source_ids, 0, training
        )  # [batch, source_time, width]
        for layer in self.encoder:
            x, _, _ = layer(x, mask, training=training)
        x = self.encoder_norm(x)
        memory = [layer.cross.keys(x) for layer in self.decoder]
        keys = memory[0][0]  # [batch, heads, source_time, depth]
        empty = tf.zeros((tf.shape(keys)[0], keys.shape[1], 0, keys.shape[3]), keys.dtype)
        return State(memory=(mask, memory), cache=[(empty, empty) for _ in self.decoder])

    def step(self, token_ids: Any, state: State) -> tuple[Any, State, Any]:
        """Process the newest tokens; see ``agentlab.nets.decoding.SequenceNet``."""
        logits, state, weights = self._decode(token_ids[:, None], state)
        return logits[:, 0], state, weights[:, 0]

    def _decode(self, ids: Any, state: State, training: bool = False) -> tuple[Any, State, Any]:
        """Process further tokens ``[batch, time]``; return logits, state and attention weights."""
        (memory_mask, memory), cache = state
        past, time = tf.shape(cache[0][0])[2], tf.shape(ids)[1]
        mask = past + tf.range(time)[:, None] >= tf.range(past + time)  # [time, past + time]
        x = self._embed(self.target_embedding, ids, past, training)  # [batch, time, width]
        new_cache = []
        for layer, layer_cache, layer_memory in zip(self.decoder, cache, memory, strict=True):
            x, layer_cache, weights = layer(
                x, mask, layer_cache, layer_memory, memory_mask, training=training
            )
            new_cache.append(layer_cache)
        x = self.decoder_norm(x)
        kernel = tf.cast(self.output_embedding, x.dtype)  # [target_vocabulary, width]
        logits = tf.matmul(tf.reshape(x, (-1, self.width)), kernel, transpose_b=True)
        logits = tf.cast(logits, tf.float32) + tf.cast(self.output_bias, tf.float32)
        logits = tf.reshape(logits, (tf.shape(ids)[0], time, self.target_vocabulary))
        weights = tf.cast(tf.reduce_mean(weights, axis=1), tf.float32)  # [batch, time, source_time]
        return logits, State(state.memory, new_cache), weights

    def _embed(self, table: Any, ids: Any, past: Any, training: bool) -> Any:
        """Embed tokens at positions from ``past`` on; return ``[batch, time, width]``."""
        if ids.shape[1] is not None and ids.shape[1] > self.limit:
            raise InvalidArgument(f"a sequence of {ids.shape[1]} tokens exceeds limit={self.limit}")
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
