"""A dense head on a torso."""

from __future__ import annotations

from typing import Any

import keras

from agentlab.nets.image_torso import layer_seed


@keras.saving.register_keras_serializable("agentlab")
class Headed(keras.Model):  # type: ignore[misc]
    """A torso, dropout, and a dense layer without activation: logits, or real numbers.

    Input shape: that of the torso.
    Output shape: ``[batch, units]``, or ``[batch, time, units]`` for a torso that returns
    sequences; float32 even if the torso computes in 16 bits, float64 if it computes in that.

    Args:
        torso: a built torso.
        units: number of outputs.
        dropout: dropout rate of the features.
        seed: seed of the head's initial kernel (Glorot & Bengio 2010) and of dropout.

    >>> import numpy as np
    >>> from agentlab.nets import make_torso
    >>> Headed(make_torso("mlp", (4,)), 3)(np.zeros((8, 4), np.float32)).shape
    TensorShape([8, 3])
    """

    def __init__(
        self,
        torso: keras.Model,
        units: int,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # the torso casts its inputs
        self.torso, self.units, self.dropout, self.seed = torso, units, dropout, seed
        self.drop = None
        if dropout:
            self.drop = keras.layers.Dropout(
                dropout, seed=layer_seed(seed, 1), name="drop", dtype=torso.dtype_policy
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
        """Return the outputs for ``inputs``, ``[batch, units]``."""
        features = self.torso(inputs, training=training)  # [batch, features]
        if self.drop is not None:
            features = self.drop(features, training=training)
        return self.head(features)  # [batch, units]

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
        """Build a network with initial weights from the dictionary of ``get_config``."""
        torso = keras.saving.deserialize_keras_object(config["torso"])
        return cls(**{**config, "torso": torso})
