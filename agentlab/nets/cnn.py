"""Convolutional torsos for images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.image_torso import as_images, image_shape, layer_seed


def frames_last(frames: Any) -> Any:
    """Transpose stacked frames from ``[batch, stack, h, w]`` to ``[batch, h, w, stack]``.

    Four uint8 frames, the usual stack, are packed into 32-bit integers, which on a CPU is more than
    twice as fast as ``tf.transpose``.

    >>> frames_last(tf.zeros((2, 4, 84, 84), tf.uint8)).shape
    TensorShape([2, 84, 84, 4])
    """
    _, stack, height, width = frames.shape
    if stack != 4 or frames.dtype != tf.uint8:
        return tf.transpose(frames, [0, 2, 3, 1])
    images = tf.unstack(tf.reshape(frames, (-1, 4, height * width)), axis=1)  # 4 x [batch, h*w]
    a, b, c, d = (tf.cast(image, tf.int32) for image in images)
    packed = tf.bitcast(a + 2**8 * b + 2**16 * c + 2**24 * d, tf.uint8)  # [batch, h*w, 4]
    return tf.reshape(packed, (-1, height, width, 4))


@keras.saving.register_keras_serializable("agentlab")
class CNN(keras.Model):  # type: ignore[misc]
    """A torso for images: convolutions and a dense layer, each with ReLU.

    Input shape: ``[batch, height, width, channels]``, or ``[batch, height, width]`` for grayscale
    images; any number type, divided by ``scale``.
    Output shape: ``[batch, features]`` in the compute dtype, float32 by default.

    Args:
        filters: number of output channels of each convolution.
        kernels: kernel size of each convolution, the side of a square.
        strides: stride of each convolution.
        units: units of the dense layer; ``None`` for none, so that the features are the flattened
            outputs of the last convolution.
        scale: divisor of the inputs: 255 for uint8 images, 1 for images from 0 to 1.
        seed: seed of the initial kernels (orthogonal, with a gain of the square root of 2).

    >>> cnn = CNN()
    >>> cnn(tf.zeros((2, 84, 84, 4), tf.uint8)).shape
    TensorShape([2, 512])
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
            return keras.initializers.Orthogonal(math.sqrt(2), seed=layer_seed(seed, i))

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
        """Create the weights for inputs of ``input_shape``, with the batch dimension."""
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
        # Divide the first kernel by the scale, since it is smaller than the images.
        kernel = tf.cast(first.kernel, self.compute_dtype) / self.scale
        features = as_images(inputs, self.compute_dtype)  # [batch, h, w, channels]
        features = tf.nn.conv2d(features, kernel, first.strides, "VALID")  # [batch, h, w, filters]
        features = first.activation(features + tf.cast(first.bias, self.compute_dtype))
        for convolution in others:
            features = convolution(features)  # [batch, h, w, filters]
        features = self.flatten(features)  # [batch, h * w * filters]
        return features if self.dense is None else self.dense(features)

    def covered(self, size: int) -> int:
        """Return how many of ``size`` rows or columns the last convolution depends on.

        Without padding, convolutions ignore the last ones if a stride does not fit the size.

        >>> CNN().covered(84), CNN().covered(64)
        (84, 60)
        """
        layers = list(zip(self.kernels, self.strides, strict=True))
        for kernel, stride in layers:
            size = (size - kernel) // stride + 1
        for kernel, stride in reversed(layers):
            size = (size - 1) * stride + kernel
        return size

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
