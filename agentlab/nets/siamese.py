"""Siamese networks, which learn an embedding in which distances measure similarity."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("agentlab")
class Siamese(keras.Model):  # type: ignore[misc]
    """Two branches with shared weights (Bromley et al. 1993): a torso and a linear embedding.

    Input: a pair ``(a, b)``, each of the torso's input shape ``[batch, ...]``.
    Output shape: float32 ``[batch]``, the Euclidean distances of the two embeddings.

    Args:
        torso: a built torso, shared by both branches.
        embedding: dimension of the embedding.
        seed: seed of the initial kernel of the embedding (Glorot & Bengio 2010).

    >>> from agentlab.nets import make_torso
    >>> siamese = Siamese(make_torso("mlp", (4,)), embedding=2)
    >>> siamese((tf.zeros((8, 4)), tf.ones((8, 4)))).shape
    TensorShape([8])
    """

    def __init__(
        self, torso: keras.Model, embedding: int = 2, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # the torso casts its inputs
        self.torso, self.embedding, self.seed = torso, embedding, seed
        self.head = keras.layers.Dense(
            embedding,
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
            name="embedding",
            dtype=keras.backend.result_type(torso.compute_dtype, "float32"),
        )
        self.head.build((None, torso.features))
        self.built = True

    def embed(self, inputs: Any, training: bool = False) -> Any:
        """Return the embeddings of ``inputs``, float32 ``[batch, embedding]``."""
        return self.head(self.torso(inputs, training=training))

    def call(self, inputs: tuple[Any, Any], training: bool = False) -> Any:
        """Return the distances of pairs ``(a, b)``, float32 ``[batch]``."""
        # One batch of both branches: a single call, and shared statistics for batch normalization.
        both = self.embed(tf.concat(list(inputs), axis=0), training=training)  # [2 batch, n]
        a, b = tf.split(both, 2)  # [batch, n]
        return euclidean_distances(a, b)

    def get_build_config(self) -> dict[str, Any]:
        """Return the input shapes of a pair."""
        shape = self.torso.get_build_config()["input_shape"]
        return {"input_shape": (shape, shape)}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "torso": keras.saving.serialize_keras_object(self.torso),
            "embedding": self.embedding,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Siamese:
        """Build a network with initial weights from the dictionary of ``get_config``."""
        torso = keras.saving.deserialize_keras_object(config["torso"])
        return cls(**{**config, "torso": torso})


def euclidean_distances(a: Any, b: Any) -> Any:
    """Return the distances ``[batch]`` between the rows of ``a`` and ``b``, both ``[batch, n]``.

    The gradient is 0 where two rows are equal.

    >>> euclidean_distances(tf.constant([[3.0, 0.0]]), tf.constant([[0.0, 4.0]])).numpy()
    array([5.], dtype=float32)
    """
    squared = tf.reduce_sum(tf.square(a - b), axis=-1)  # [batch]
    distinct = squared > 0
    # The gradient of the square root at 0 is infinite, and NaN times 0.
    return tf.where(distinct, tf.sqrt(tf.where(distinct, squared, 1)), 0)


def contrastive_loss(distances: Any, same: Any, margin: float = 1.0) -> Any:
    """Return ``Y d^2 / 2 + (1 - Y) max(0, margin - d)^2 / 2`` of each pair.

    Hadsell, Chopra & LeCun 2006, equation 4; in the paper, ``Y`` is 0 for similar pairs instead.

    Args:
        distances: distances ``d``, float ``[batch]``.
        same: ``Y``: 1 for similar pairs, 0 for others, ``[batch]``.
        margin: distance beyond which dissimilar pairs have no loss.

    Returns:
        The loss of each pair, ``[batch]``.

    >>> contrastive_loss(tf.constant([2.0, 0.5]), tf.constant([1, 0])).numpy()
    array([2.   , 0.125], dtype=float32)
    """
    same = tf.cast(same, distances.dtype)
    similar = tf.square(distances)
    dissimilar = tf.square(tf.maximum(margin - distances, 0))
    return (same * similar + (1 - same) * dissimilar) / 2
