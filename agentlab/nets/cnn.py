"""Convolutional torsos for images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.stack import as_images, image_shape


def frames_last(frames: Any) -> Any:
    """Return stacked frames ``[batch, stack, height, width]`` as ``[batch, height, width, stack]``.

    Four bytes, the usual stack, are put together as one number of 32 bits: on a CPU more than twice
    as quick as ``tf.transpose``.
    """
    _, stack, height, width = frames.shape
    if stack != 4 or frames.dtype != tf.uint8:
        return tf.transpose(frames, [0, 2, 3, 1])
    images = tf.unstack(tf.reshape(frames, (-1, 4, height * width)), axis=1)
    a, b, c, d = (tf.cast(image, tf.int32) for image in images)
    packed = tf.bitcast(a + 2**8 * b + 2**16 * c + 2**24 * d, tf.uint8)
    return tf.reshape(packed, (-1, height, width, 4))


@keras.saving.register_keras_serializable("agentlab")
class CNN(keras.Model):  # type: ignore[misc]
    """Convolutions and one dense layer, ReLU after each: a torso for images.

    Input shape: ``[batch, height, width, channels]``, or ``[batch, height, width]`` for gray
    images; any number type, divided by ``scale``.
    Output shape: ``[batch, features]``, of the compute dtype (float32 if nothing else is asked).

    Args:
        filters: output channels of each convolution.
        kernels: side of each convolution's square kernel.
        strides: stride of each convolution.
        units: units of the dense layer; ``None`` for no such layer: the features are then the
            last convolution's outputs.
        scale: what inputs are divided by, 255 for bytes and 1 for zeros and ones.
        seed: of the initial kernels (orthogonal, gain the square root of 2).
    """

    def __init__(
        self,
        filters: Sequence[int] = (32, 64, 64),
        kernels: Sequence[int] = (8, 4, 3),
        strides: Sequence[int] = (4, 2, 1),
        units: int | None = 512,
        scale: float = 255.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.kernels, self.strides = tuple(filters), tuple(kernels), tuple(strides)
        self.units, self.scale, self.seed = units, scale, seed

        def kernel(i: int) -> keras.initializers.Initializer:
            own = None if seed is None else seed + i
            return keras.initializers.Orthogonal(math.sqrt(2), seed=own)

        self.convolutions = [
            keras.layers.Conv2D(
                n,
                side,
                stride,
                activation="relu",
                kernel_initializer=kernel(i),
                name=f"conv_{i}",
                dtype=self.dtype_policy,
            )
            for i, (n, side, stride) in enumerate(
                zip(self.filters, self.kernels, self.strides, strict=True)
            )
        ]
        self.flatten = keras.layers.Flatten(dtype=self.dtype_policy)
        self.dense = None
        if units is not None:
            self.dense = keras.layers.Dense(
                units,
                "relu",
                kernel_initializer=kernel(len(self.filters)),
                name="dense",
                dtype=self.dtype_policy,
            )

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the kernels for inputs of ``input_shape`` (the batch first)."""
        shape = image_shape(input_shape)
        for convolution in self.convolutions:
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
        self.features = math.prod(int(size or 0) for size in shape[1:])
        if self.dense is not None:
            self.dense.build((None, self.features))
            self.features = self.dense.units
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the features of ``inputs``, ``[batch, features]``."""
        first, *others = self.convolutions
        # Its kernel is divided by the scale instead of the images, which hold more numbers.
        kernel = tf.cast(first.kernel, self.compute_dtype) / self.scale
        features = as_images(inputs, self.compute_dtype)
        features = tf.nn.conv2d(features, kernel, first.strides, "VALID")
        features = first.activation(features + tf.cast(first.bias, self.compute_dtype))
        for convolution in others:
            features = convolution(features)
        features = self.flatten(features)
        return features if self.dense is None else self.dense(features)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernels": self.kernels,
            "strides": self.strides,
            "units": self.units,
            "scale": self.scale,
            "seed": self.seed,
        }
