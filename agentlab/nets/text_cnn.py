"""A convolutional network for text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from agentlab.errors import InvalidArgument
from agentlab.nets.image_torso import layer_seed

EmbeddingMode = Literal["trained", "static", "two_channel"]


@keras.saving.register_keras_serializable("agentlab")
class TextCNN(keras.Model):  # type: ignore[misc]
    """Convolutions of several widths over a text, max pooled over time (Kim 2014).

    A window starts at each token and may extend beyond the end of the text, padded with zeros, so
    texts may be shorter than the widest filter. Id 0 is padding: its embedding is zero and no
    window starts there, so padding on either side has no effect on the features. Tokens may be
    words or characters.

    Input shape: token ids ``[batch, length]`` of any number type, below ``vocabulary``.
    Output shape: ``[batch, len(widths) * filters]`` in the compute dtype.

    Args:
        vocabulary: size of the vocabulary, padding included.
        embedding: dimension of the embedding.
        widths: widths of the convolutions, in tokens.
        filters: number of filters of each width.
        dropout: dropout rate of the features.
        embedding_mode: ``"trained"`` trains the embedding (CNN-rand, or CNN-non-static with
            ``vectors``); ``"static"`` keeps ``vectors`` fixed; ``"two_channel"`` concatenates both
            (CNN-multichannel).
        vectors: initial word vectors ``[vocabulary, embedding]``, such as those of word2vec;
            ``None`` initializes a trained embedding at random. They are saved with the weights.
        seed: seed of initial weights and dropout.

    Raises:
        InvalidArgument: for an unknown mode, missing vectors or vectors of another shape.

    >>> TextCNN(vocabulary=1000)(np.ones((2, 30), np.int32)).shape
    TensorShape([2, 384])
    """

    def __init__(
        self,
        vocabulary: int,
        embedding: int = 128,
        widths: Sequence[int] = (3, 4, 5),
        filters: int = 128,
        dropout: float = 0.5,
        embedding_mode: EmbeddingMode = "trained",
        vectors: npt.ArrayLike | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary, self.embedding, self.widths = vocabulary, embedding, tuple(widths)
        self.filters, self.dropout, self.seed = filters, dropout, seed
        self.embedding_mode = embedding_mode
        self.features = len(self.widths) * filters
        modes = get_args(EmbeddingMode)
        if embedding_mode not in modes:
            raise InvalidArgument(
                f"embedding_mode={embedding_mode!r} must be one of {', '.join(modes)}"
            )
        initializer = self._initializer(vectors)
        channels = {"trained": ["trained"], "static": ["static"]}
        self.embeddings = [
            keras.layers.Embedding(
                vocabulary,
                embedding,
                embeddings_initializer=initializer,
                trainable=name == "trained",
                name=f"embedding_{name}",
                dtype=self.dtype_policy,
            )
            for name in channels.get(embedding_mode, ["trained", "static"])
        ]
        self.convolutions = [
            keras.layers.Conv1D(
                filters,
                width,
                activation="relu",
                kernel_initializer=keras.initializers.HeNormal(seed=layer_seed(seed, 1 + i)),
                name=f"conv_{width}",
                dtype=self.dtype_policy,
            )
            for i, width in enumerate(self.widths)
        ]
        last = layer_seed(seed, 1 + len(self.widths))
        self.drop = keras.layers.Dropout(dropout, seed=last, name="drop", dtype=self.dtype_policy)

    def _initializer(self, vectors: npt.ArrayLike | None) -> keras.initializers.Initializer:
        if vectors is None:
            if self.embedding_mode != "trained":
                raise InvalidArgument(
                    f"embedding_mode={self.embedding_mode!r} needs vectors, an array of the shape "
                    f"[{self.vocabulary}, {self.embedding}]"
                )
            # The range with the variance of word2vec vectors (Kim 2014, section 3.2).
            return keras.initializers.RandomUniform(-0.25, 0.25, seed=self.seed)
        given = np.asarray(vectors, np.float32)
        if given.shape != (self.vocabulary, self.embedding):
            raise InvalidArgument(
                f"vectors have the shape {list(given.shape)}; it must be "
                f"[vocabulary, embedding] = [{self.vocabulary}, {self.embedding}]"
            )
        return lambda shape, dtype=None: tf.constant(given, dtype)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights for token ids of ``input_shape``, with the batch dimension."""
        for embedding in self.embeddings:
            embedding.build(input_shape)
        channels = self.embedding * len(self.embeddings)
        for convolution in self.convolutions:
            convolution.build((*input_shape, channels))
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the features of token ids ``[batch, length]``, ``[batch, features]``."""
        ids = tf.cast(inputs, tf.int32)
        mask = tf.cast(ids != 0, self.compute_dtype)[..., None]  # [batch, length, 1]
        embedded = [embedding(ids) for embedding in self.embeddings]
        tokens = tf.concat(embedded, axis=-1) * mask  # [batch, length, channels]
        maxima = []
        for width, convolution in zip(self.widths, self.convolutions, strict=True):
            padded = tf.pad(tokens, [[0, 0], [0, width - 1], [0, 0]])
            responses = convolution(padded)  # [batch, length, filters]
            # Masked windows are 0, which never exceeds the outputs of ReLU.
            maxima.append(tf.reduce_max(responses * mask, axis=1))  # [batch, filters]
        return self.drop(tf.concat(maxima, axis=-1), training=training)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__`` except ``vectors``, which are in the weights."""
        return {
            **super().get_config(),
            "vocabulary": self.vocabulary,
            "embedding": self.embedding,
            "widths": self.widths,
            "filters": self.filters,
            "dropout": self.dropout,
            "embedding_mode": self.embedding_mode,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TextCNN:
        """Build a network from the dictionary of ``get_config``; weights hold the vectors."""
        vectors = None
        if config["embedding_mode"] != "trained":
            vectors = np.zeros((config["vocabulary"], config["embedding"]), np.float32)
        return cls(**config, vectors=vectors)
