"""A head on a torso: features to the numbers that are asked for."""

from __future__ import annotations

from typing import Any

import keras

from agentlab.nets.stack import derived


@keras.saving.register_keras_serializable("agentlab")
class Headed(keras.Model):  # type: ignore[misc]
    """``torso`` features, dropout, and one dense layer: logits of classes, or numbers.

    Input shape: the torso's.
    Output shape: ``[batch, units]``, or ``[batch, time, units]`` on a torso that keeps the time;
    float32 also where the torso computes in 16 bits (float64 where it does).

    Args:
        torso: a built torso.
        units: outputs.
        dropout: fraction of the features that are dropped in training.
        seed: of the head's initial kernel (Glorot & Bengio 2010) and of dropout.
    """

    def __init__(
        self,
        torso: keras.Model,
        units: int,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # inputs are the torso's matter
        self.torso, self.units, self.dropout, self.seed = torso, units, dropout, seed
        self.drop = None
        if dropout:
            self.drop = keras.layers.Dropout(
                dropout, seed=derived(seed, 1), name="drop", dtype=torso.dtype_policy
            )
        self.head = keras.layers.Dense(
            units,
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
            name="head",
            dtype=keras.backend.result_type(torso.compute_dtype, "float32"),
        )
        self.head.build((None, torso.features))
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the outputs for ``inputs``."""
        features = self.torso(inputs, training=training)
        if self.drop is not None:
            features = self.drop(features, training=training)
        return self.head(features)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "torso": keras.saving.serialize_keras_object(self.torso),
            "units": self.units,
            "dropout": self.dropout,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Headed:
        """Build the net that ``get_config`` described, with initial weights."""
        torso = keras.saving.deserialize_keras_object(config["torso"])
        return cls(**{**config, "torso": torso})
