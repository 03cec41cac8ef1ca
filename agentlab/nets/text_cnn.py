"""The convolutional net for texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from agentlab.errors import AgentlabError
from agentlab.nets.stack import derived

EmbeddingMode = Literal["trained", "static", "two_channel"]


@keras.saving.register_keras_serializable("agentlab")
class TextCNN(keras.Model):  # type: ignore[misc]
    """Convolutions of several widths over a text, each filter's maximum over time (Kim 2014).

    A window begins at every word and may reach beyond the end of the text, where all is zero, so
    that texts shorter than the widest filter work too. Id 0 is padding: it embeds as zeros and no
    window begins there, so that padding on either side changes nothing. The maximum is taken for
    each width by itself. Characters are but another vocabulary.

    Input shape: ids ``[batch, length]`` of any number type, 0 for padding, below ``vocabulary``.
    Output shape: ``[batch, len(widths) * filters]``, of the compute dtype.

    Args:
        vocabulary: how many ids there are, padding included.
        embedding: numbers that stand for a word.
        widths: of the convolutions, in words.
        filters: of each width.
        dropout: fraction of the features that are dropped in training.
        embedding_mode: ``"trained"``: learned with the rest (CNN-rand, or CNN-non-static where
            ``vectors`` are given); ``"static"``: ``vectors``, never changed; ``"two_channel"``:
            both side by side, each filter with weights for either (CNN-multichannel).
        vectors: initial word vectors ``[vocabulary, embedding]``, such as those of word2vec;
            ``None`` draws them, where they are trained. They are saved with the weights.
        seed: of initial weights and dropout.

    Raises:
        AgentlabError: for an unknown mode, missing vectors or vectors of another shape.
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
            raise AgentlabError(f"embedding_mode={embedding_mode!r} is none of {', '.join(modes)}")
        start = self._initial(vectors)
        kept = {"trained": ["trained"], "static": ["static"]}
        self.embeddings = [
            keras.layers.Embedding(
                vocabulary,
                embedding,
                embeddings_initializer=start,
                trainable=name == "trained",
                name=f"embedding_{name}",
                dtype=self.dtype_policy,
            )
            for name in kept.get(embedding_mode, ["trained", "static"])
        ]
        self.convolutions = [
            keras.layers.Conv1D(
                filters,
                width,
                activation="relu",
                kernel_initializer=keras.initializers.HeNormal(seed=derived(seed, 1 + i)),
                name=f"conv_{width}",
                dtype=self.dtype_policy,
            )
            for i, width in enumerate(self.widths)
        ]
        last = derived(seed, 1 + len(self.widths))
        self.drop = keras.layers.Dropout(dropout, seed=last, name="drop", dtype=self.dtype_policy)

    def _initial(self, vectors: npt.ArrayLike | None) -> keras.initializers.Initializer:
        if vectors is None:
            if self.embedding_mode != "trained":
                raise AgentlabError(
                    f"embedding_mode={self.embedding_mode!r} needs vectors, an array of the shape "
                    f"[{self.vocabulary}, {self.embedding}]"
                )
            # As wide as word2vec's vectors, whose variance Kim's section 3.2 copies.
            return keras.initializers.RandomUniform(-0.25, 0.25, seed=self.seed)
        given = np.asarray(vectors, np.float32)
        if given.shape != (self.vocabulary, self.embedding):
            raise AgentlabError(
                f"vectors have the shape {list(given.shape)}, not "
                f"[vocabulary, embedding] = [{self.vocabulary}, {self.embedding}]"
            )
        return lambda shape, dtype=None: tf.constant(given, dtype)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights for ids of ``input_shape`` (the batch first)."""
        for embedding in self.embeddings:
            embedding.build(input_shape)
        channels = self.embedding * len(self.embeddings)
        for convolution in self.convolutions:
            convolution.build((*input_shape, channels))
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the features of texts, ``[batch, features]``."""
        ids = tf.cast(inputs, tf.int32)
        real = tf.cast(ids != 0, self.compute_dtype)[..., None]
        words = tf.concat([embedding(ids) for embedding in self.embeddings], axis=-1) * real
        maxima = []
        for width, convolution in zip(self.widths, self.convolutions, strict=True):
            windows = tf.pad(words, [[0, 0], [0, width - 1], [0, 0]])
            # After ReLU nothing is below 0, so that 0 leaves a window out.
            maxima.append(tf.reduce_max(convolution(windows) * real, axis=1))
        return self.drop(tf.concat(maxima, axis=-1), training=training)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``, but for ``vectors``, which the weights hold."""
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
        """Build the net that ``get_config`` described; its vectors come with its weights."""
        vectors = None
        if config["embedding_mode"] != "trained":
            vectors = np.zeros((config["vocabulary"], config["embedding"]), np.float32)
        return cls(**config, vectors=vectors)
