"""Siamese nets: two inputs through one torso, so that distances mean likeness."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("agentlab")
class Siamese(keras.Model):  # type: ignore[misc]
    """Twin branches with shared weights (Bromley et al. 1993), a torso and a linear embedding.

    Input: a pair ``(a, b)``, each of the torso's input shape ``[batch, ...]``.
    Output shape: float32 ``[batch]``, the Euclidean distance of the two embeddings.

    Args:
        torso: a built torso, for both branches.
        embedding: dimensions that inputs are embedded in.
        seed: of the embedding's initial kernel (Glorot & Bengio 2010).
    """

    def __init__(
        self, torso: keras.Model, embedding: int = 2, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # inputs are the torso's matter
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
        """Return where ``inputs`` lie, float32 ``[batch, embedding]``."""
        return self.head(self.torso(inputs, training=training))

    def call(self, inputs: tuple[Any, Any], training: bool = False) -> Any:
        """Return the distances of pairs ``(a, b)``, float32 ``[batch]``."""
        # Both branches in one batch: one call, and one set of statistics for batch norms.
        both = self.embed(tf.concat(list(inputs), axis=0), training=training)
        a, b = tf.split(both, 2)
        return euclidean_distances(a, b)

    def get_build_config(self) -> dict[str, Any]:
        """Return the shapes of a pair."""
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
        """Build the net that ``get_config`` described, with initial weights."""
        torso = keras.saving.deserialize_keras_object(config["torso"])
        return cls(**{**config, "torso": torso})


def euclidean_distances(a: Any, b: Any) -> Any:
    """Return the distances ``[batch]`` between the rows of ``a`` and ``b``, both ``[batch, n]``.

    Where two rows are equal the distance has no gradient, and 0 stands for it.
    """
    squared = tf.reduce_sum(tf.square(a - b), axis=-1)
    apart = squared > 0
    # The root's own gradient at 0 is infinite, and times 0 no number.
    return tf.where(apart, tf.sqrt(tf.where(apart, squared, 1)), 0)


def contrastive_loss(distances: Any, same: Any, margin: float = 1.0) -> Any:
    """Return ``Y d^2 / 2 + (1 - Y) max(0, margin - d)^2 / 2`` of each pair.

    Hadsell, Chopra & LeCun 2006, equation 4, whose own ``Y`` is 0 for like pairs and 1 for others.

    Args:
        distances: ``[batch]``.
        same: ``Y`` here: 1 where both of a pair are alike, else 0, ``[batch]``.
        margin: from where on unlike pairs are far enough.
    """
    same = tf.cast(same, distances.dtype)
    attraction = tf.square(distances)
    repulsion = tf.square(tf.maximum(margin - distances, 0))
    return (same * attraction + (1 - same) * repulsion) / 2
