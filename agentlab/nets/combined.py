"""A torso for observations of several parts: CNNs for the images, then an MLP for everything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.mlp import MLP

Place = tuple[int, tuple[int, ...]]  # the first input of an image, and its shape


@keras.saving.register_keras_serializable("agentlab")
class Combined(keras.Model):  # type: ignore[misc]
    """A torso that encodes images among its inputs by CNNs, and all features by an MLP.

    Input shape: float32 ``[batch, inputs]``: vectors and flattened images, concatenated.
    Output shape: ``[batch, features]``, float32 unless the dtype policy says otherwise.

    Args:
        images: for each image the index of its first input, and its shape ``[height, width,
            channels]``; in the order of the inputs.
        encoders: a built torso for each image.
        hidden: units of each layer of the MLP; if empty, its inputs are the features.
        activation: name of the Keras activation of the MLP.
        seed: seed of the initial kernels of the MLP.

    >>> from agentlab.nets import make_torso
    >>> cnn = make_torso("small_cnn", (20, 20, 1), scale=1.0)
    >>> torso = Combined([(2, (20, 20, 1))], [cnn], (16,))
    >>> torso.build((None, 2 + 400))
    >>> torso(tf.zeros((8, 402))).shape
    TensorShape([8, 16])
    """

    def __init__(
        self,
        images: Sequence[Place],
        encoders: Sequence[keras.Model],
        hidden: Sequence[int] = (64, 64),
        activation: str = "tanh",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.images = [(int(start), tuple(shape)) for start, shape in images]
        self.encoders = list(encoders)
        self.seed = seed
        self.mlp = MLP(hidden, activation, seed=seed, name="mlp", dtype=self.dtype_policy)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights for inputs ``[batch, inputs]``."""
        vectors = int(input_shape[-1] or 0) - sum(math.prod(shape) for _, shape in self.images)
        self.mlp.build((None, vectors + sum(encoder.features for encoder in self.encoders)))
        self.features = self.mlp.features
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the features of ``inputs``, ``[batch, features]``."""
        flat = tf.reshape(inputs, (tf.shape(inputs)[0], inputs.shape[-1]))  # [batch, inputs]
        dtype = keras.backend.result_type(self.compute_dtype, "float32")
        pieces, end = [], 0
        for (start, shape), encoder in zip(self.images, self.encoders, strict=True):
            pieces.append(flat[:, end:start])  # [batch, inputs between two images]
            end = start + math.prod(shape)
            pieces.append(encoder.call(tf.reshape(flat[:, start:end], (-1, *shape))))
        pieces.append(flat[:, end:])
        return self.mlp.call(tf.concat([tf.cast(piece, dtype) for piece in pieces], 1))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "images": self.images,
            "encoders": [keras.saving.serialize_keras_object(e) for e in self.encoders],
            "hidden": self.mlp.hidden,
            "activation": self.mlp.activation,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Combined:
        """Build a torso from the dictionary of ``get_config``."""
        encoders = [keras.saving.deserialize_keras_object(e) for e in config["encoders"]]
        return cls(**{**config, "encoders": encoders})
