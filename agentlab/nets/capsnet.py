"""CapsNet: a capsule network for images, with a reconstruction decoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.capsules import PrimaryCapsules, RoutingCapsules, lengths, mask_capsules
from agentlab.nets.image_torso import as_images, image_shape, layer_seed


@keras.saving.register_keras_serializable("agentlab")
class CapsNet(keras.Model):  # type: ignore[misc]
    """A convolution, primary capsules and one capsule per class (Sabour et al. 2017, figure 1).

    The defaults are those of the paper: 8,215,568 parameters for 28x28x1 images and 10 classes.

    Input shape: ``[batch, height, width, channels]`` or ``[batch, height, width]`` of any number
    type, divided by ``scale``.
    Output shape: float32 ``[batch, classes]``, the lengths of the class capsules, from 0 to 1.

    Args:
        classes: number of classes.
        filters: output channels of the first convolution.
        kernel_size: side of the square kernels of both convolutions.
        channels: channels of primary capsules.
        primary_dimension: dimension of the primary capsules.
        dimension: dimension of the class capsules.
        iterations: number of routing iterations.
        decoder: units of the decoder's hidden layers.
        scale: divisor of the inputs: 255 for uint8 images.
        seed: seed of the initial weights.

    Raises:
        ValueError: when it is built for images that are too small.

    >>> net = CapsNet(10, filters=16, channels=2)
    >>> net(tf.zeros((2, 28, 28, 1))).shape
    TensorShape([2, 10])
    """

    def __init__(
        self,
        classes: int = 10,
        filters: int = 256,
        kernel_size: int = 9,
        channels: int = 32,
        primary_dimension: int = 8,
        dimension: int = 16,
        iterations: int = 3,
        decoder: Sequence[int] = (512, 1024),
        scale: float = 255.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.classes, self.filters, self.kernel_size = classes, filters, kernel_size
        self.channels, self.primary_dimension = channels, primary_dimension
        self.dimension, self.iterations = dimension, iterations
        self.decoder, self.scale, self.seed = tuple(decoder), scale, seed
        dtype = self.dtype_policy
        self.convolution = keras.layers.Conv2D(
            filters,
            kernel_size,
            activation="relu",
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
            name="convolution",
            dtype=dtype,
        )
        self.primary = PrimaryCapsules(
            channels,
            primary_dimension,
            kernel_size,
            seed=layer_seed(seed, 1),
            name="primary",
            dtype=dtype,
        )
        self.routing = RoutingCapsules(
            classes, dimension, iterations, layer_seed(seed, 2), name="routing", dtype=dtype
        )
        self.hidden = [
            keras.layers.Dense(
                units,
                "relu",
                kernel_initializer=keras.initializers.GlorotUniform(seed=layer_seed(seed, 3 + i)),
                name=f"decoder_{i}",
                dtype=dtype,
            )
            for i, units in enumerate(self.decoder)
        ]

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights for inputs of ``input_shape``, with the batch dimension."""
        shape = image_shape(input_shape)
        self.image_shape = tuple(int(size or 0) for size in shape[1:])
        smallest = 2 * self.kernel_size - 1
        if min(self.image_shape[:2]) < smallest:
            raise ValueError(
                f"the image is too small: it must be at least {smallest} pixels wide and high"
            )
        for layer in (self.convolution, self.primary, self.routing):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        width = self.classes * self.dimension
        for dense in self.hidden:
            dense.build((None, width))
            width = dense.units
        self.pixels = keras.layers.Dense(
            math.prod(self.image_shape),
            "sigmoid",
            kernel_initializer=keras.initializers.GlorotUniform(
                seed=layer_seed(self.seed, 3 + len(self.hidden))
            ),
            name="pixels",
            dtype="float32",
        )
        self.pixels.build((None, width))
        self.built = True

    def pixels_of(self, inputs: Any) -> Any:
        """Return the target images of the decoder, float32 ``[batch, h, w, channels]``."""
        return as_images(inputs, "float32") / self.scale

    def capsules(self, inputs: Any) -> Any:
        """Return the class capsules of ``inputs``, float32 ``[batch, classes, dimension]``."""
        images = as_images(inputs, self.compute_dtype) / self.scale  # [batch, h, w, channels]
        return self.routing(self.primary(self.convolution(images)))

    def reconstruct(self, capsules: Any, classes: Any) -> Any:
        """Return images decoded from the capsule of one class, float32 ``[batch, h, w, channels]``.

        Args:
            capsules: ``[batch, classes, dimension]``.
            classes: the class whose capsule is decoded, int ``[batch]``: the label, or the
                prediction.
        """
        features = mask_capsules(capsules, classes)  # [batch, classes * dimension]
        for dense in self.hidden:
            features = dense(features)  # [batch, units]
        return tf.reshape(self.pixels(features), (-1, *self.image_shape))

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the lengths of the class capsules, ``[batch, classes]``."""
        return lengths(self.capsules(inputs))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "classes": self.classes,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "channels": self.channels,
            "primary_dimension": self.primary_dimension,
            "dimension": self.dimension,
            "iterations": self.iterations,
            "decoder": self.decoder,
            "scale": self.scale,
            "seed": self.seed,
        }
