"""Layers one after another on images: what LeNet, VGG and ResNet have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

Shape = tuple[int | None, ...]


def as_images(inputs: Any, dtype: str) -> Any:
    """Return images as numbers of ``dtype``, with their channels last.

    Args:
        inputs: ``[batch, height, width, channels]``, or gray images ``[batch, height, width]``.
        dtype: of what is returned, ``[batch, height, width, channels]``.
    """
    images = tf.cast(inputs, dtype)
    return images if len(images.shape) == 4 else images[..., None]


def image_shape(input_shape: Sequence[int | None]) -> Shape:
    """Return the shape that ``as_images`` makes of a batch of ``input_shape``."""
    shape = tuple(input_shape)
    return shape if len(shape) == 4 else (*shape, 1)


class Stack(keras.Model):  # type: ignore[misc]
    """A torso that runs images through ``steps``, layers that a subclass makes in ``__init__``.

    Input shape: ``[batch, height, width, channels]``, or ``[batch, height, width]`` for gray
    images; any number type, divided by ``scale``.
    Output shape: ``[batch, features]``, of the compute dtype (float32 if nothing else is asked).

    Args:
        scale: what inputs are divided by, 255 for bytes and 1 for zeros and ones.
        seed: of initial weights and dropout; each layer's own follows from it.
    """

    steps: list[keras.layers.Layer]

    def __init__(self, scale: float = 255.0, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.seed = scale, seed

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights for inputs of ``input_shape`` (the batch first)."""
        shape = image_shape(input_shape)
        for step in self.steps:
            step.build(shape)
            shape = step.compute_output_shape(shape)
            if 0 in shape:
                raise ValueError(f"nothing is left of the image after the layer {step.name!r}")
        self.features = int(shape[-1] or 0)
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the features of ``inputs``, ``[batch, features]``."""
        features = as_images(inputs, self.compute_dtype) / self.scale
        for step in self.steps:
            features = step(features, training=training)
        return features

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {**super().get_config(), "scale": self.scale, "seed": self.seed}


def convolution(
    filters: int, side: int, name: str, seed: int | None, dtype: Any, **arguments: Any
) -> keras.layers.Layer:
    """Make a convolution of the same size with He et al.'s initial weights (2015, equation 10).

    Args:
        filters: output channels.
        side: of the square kernel.
        name: of the layer.
        seed: of the kernel.
        dtype: policy of the net that it is for.
        arguments: passed to ``keras.layers.Conv2D``.
    """
    kernel = keras.initializers.HeNormal(seed=seed)
    return keras.layers.Conv2D(
        filters,
        side,
        padding="same",
        kernel_initializer=kernel,
        name=name,
        dtype=dtype,
        **arguments,
    )


def dense(units: int, name: str, seed: int | None, dtype: Any) -> keras.layers.Layer:
    """Make a dense ReLU layer with He et al.'s initial weights."""
    kernel = keras.initializers.HeNormal(seed=seed)
    return keras.layers.Dense(units, "relu", kernel_initializer=kernel, name=name, dtype=dtype)


def batch_norm(name: str, dtype: Any) -> keras.layers.Layer:
    """Make a batch normalization whose moving averages span some ten batches."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name, dtype=dtype)


def derived(seed: int | None, number: int) -> int | None:
    """Return a layer's own seed, that of its net plus its number; none where the net has none."""
    return None if seed is None else seed + number
