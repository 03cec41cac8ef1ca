"""The base class of LeNet, VGG and ResNet, and the layers that they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

Shape = tuple[int | None, ...]


def as_images(inputs: Any, dtype: str) -> Any:
    """Cast images to ``dtype``, and add a channel dimension to grayscale images.

    Args:
        inputs: images ``[batch, height, width, channels]``, or grayscale images ``[batch, height,
            width]``, of any number type.
        dtype: dtype of the result.

    Returns:
        ``[batch, height, width, channels]``.
    """
    images = tf.cast(inputs, dtype)
    return images if len(images.shape) == 4 else images[..., None]


def image_shape(input_shape: Sequence[int | None]) -> Shape:
    """Return the shape that ``as_images`` returns for inputs of ``input_shape``.

    >>> image_shape((None, 28, 28))
    (None, 28, 28, 1)
    """
    shape = tuple(input_shape)
    return shape if len(shape) == 4 else (*shape, 1)


class ImageTorso(keras.Model):  # type: ignore[misc]
    """A torso that applies ``steps``, layers that a subclass makes in ``__init__``, to images.

    Input shape: ``[batch, height, width, channels]``, or ``[batch, height, width]`` for grayscale
    images; any number type, divided by ``scale``.
    Output shape: ``[batch, features]`` in the compute dtype, float32 by default.

    Args:
        scale: divisor of the inputs: 255 for uint8 images, 1 for images from 0 to 1.
        seed: seed of initial weights and dropout, from which the seed of each layer is derived.
    """

    steps: list[keras.layers.Layer]

    def __init__(self, scale: float = 255.0, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.seed = scale, seed

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights for inputs of ``input_shape``, with the batch dimension."""
        shape = image_shape(input_shape)
        for step in self.steps:
            step.build(shape)
            shape = step.compute_output_shape(shape)
            if 0 in shape:
                raise ValueError(
                    f"the image is too small: nothing is left after the layer {step.name!r}"
                )
        self.features = int(shape[-1] or 0)
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the features of ``inputs``, ``[batch, features]``."""
        features = as_images(inputs, self.compute_dtype) / self.scale  # [batch, h, w, channels]
        for step in self.steps:
            features = step(features, training=training)  # [batch, h, w, c], then [batch, n]
        return features

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {**super().get_config(), "scale": self.scale, "seed": self.seed}


def convolution(
    filters: int, kernel_size: int, name: str, seed: int | None, dtype: Any, **arguments: Any
) -> keras.layers.Layer:
    """Make a convolution with same padding and He initialization (He et al. 2015, equation 10).

    Args:
        filters: number of output channels.
        kernel_size: side of the square kernel.
        name: name of the layer.
        seed: seed of the initial kernel.
        dtype: dtype policy.
        arguments: passed to ``keras.layers.Conv2D``.
    """
    kernel = keras.initializers.HeNormal(seed=seed)
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        kernel_initializer=kernel,
        name=name,
        dtype=dtype,
        **arguments,
    )


def convolved(
    filters: int,
    kernel_size: int,
    normalized: bool,
    name: str,
    seed: int | None,
    dtype: Any,
    prefix: str = "",
) -> list[keras.layers.Layer]:
    """Make the layers of a convolution with ReLU, and batch normalization if ``normalized``.

    Args:
        filters: number of output channels.
        kernel_size: side of the square kernel.
        normalized: whether to normalize before the ReLU; the convolution then has no bias.
        name: suffix of the layer names, such as the index of the convolution.
        seed: seed of the initial kernel.
        dtype: dtype policy.
        prefix: prefix of the layer names.
    """
    given = (filters, kernel_size, f"{prefix}conv_{name}", seed, dtype)
    if not normalized:
        return [convolution(*given, activation="relu")]
    return [
        convolution(*given, use_bias=False),
        batch_norm(f"{prefix}norm_{name}", dtype),
        keras.layers.ReLU(name=f"{prefix}relu_{name}", dtype=dtype),
    ]


def dense(units: int, name: str, seed: int | None, dtype: Any) -> keras.layers.Layer:
    """Make a dense layer with ReLU and He initialization."""
    kernel = keras.initializers.HeNormal(seed=seed)
    return keras.layers.Dense(units, "relu", kernel_initializer=kernel, name=name, dtype=dtype)


def batch_norm(name: str, dtype: Any) -> keras.layers.Layer:
    """Make a batch normalization with momentum 0.9, which averages over about ten batches."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name, dtype=dtype)


def layer_seed(seed: int | None, number: int) -> int | None:
    """Return the seed of a layer: the seed of its network plus ``number``, or ``None``."""
    return None if seed is None else seed + number
