"""Residual networks for small images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.errors import InvalidArgument
from agentlab.nets.image_torso import ImageTorso, batch_norm, convolution, layer_seed


@keras.saving.register_keras_serializable("agentlab")
class ResidualBlock(keras.layers.Layer):  # type: ignore[misc]
    """``relu(x + F(x))`` with two 3x3 convolutions for ``F`` (He et al. 2016, figure 2).

    If the block downsamples, the shortcut takes every second pixel of ``x`` and pads new channels
    with zeros: option A of section 4.1, which has no parameters.

    Input shape: ``[batch, height, width, channels]``.
    Output shape: ``[batch, height / stride, width / stride, filters]``, rounded up.

    Args:
        filters: number of output channels, no fewer than those of the input.
        stride: 1, or 2 to downsample.
        seed: seed of the initial kernels.

    >>> ResidualBlock(32, stride=2)(tf.zeros((2, 8, 8, 16))).shape
    TensorShape([2, 4, 4, 32])
    """

    def __init__(
        self, filters: int, stride: int = 1, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.stride, self.seed = filters, stride, seed
        dtype = self.dtype_policy
        self.conv_0 = convolution(
            filters, 3, "conv_0", layer_seed(seed, 0), dtype, strides=stride, use_bias=False
        )
        self.norm_0 = batch_norm("norm_0", dtype)
        self.conv_1 = convolution(filters, 3, "conv_1", layer_seed(seed, 1), dtype, use_bias=False)
        self.norm_1 = batch_norm("norm_1", dtype)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights for inputs of ``input_shape``, with the batch dimension."""
        self.conv_0.build(input_shape)
        shape = self.compute_output_shape(input_shape)
        for layer in (self.norm_0, self.conv_1, self.norm_1):
            layer.build(shape)
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the outputs, ``[batch, height / stride, width / stride, filters]``."""
        features = self.conv_0(inputs)  # [batch, h, w, filters], where h = height / stride
        features = tf.nn.relu(self.norm_0(features, training=training))
        features = self.norm_1(self.conv_1(features), training=training)
        shortcut = inputs[:, :: self.stride, :: self.stride]  # [batch, h, w, channels]
        new = self.filters - inputs.shape[-1]
        if new:
            padding = [new // 2, new - new // 2]
            shortcut = tf.pad(shortcut, [[0, 0], [0, 0], [0, 0], padding])
        return tf.nn.relu(shortcut + features)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        return tuple(self.conv_0.compute_output_shape(input_shape))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        own = {"filters": self.filters, "stride": self.stride, "seed": self.seed}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("agentlab")
class ResNet(ImageTorso):
    """The residual network for CIFAR-10 (He et al. 2016, section 4.2).

    A 3x3 convolution, then a stage for each of ``filters`` with ``n`` blocks of two convolutions,
    then global average pooling. Each stage but the first downsamples by 2. With a head, three
    stages make ``6n + 2`` layers. With depth 20 and a head of 10 classes for 32x32x3 images it has
    269,722 trainable parameters (0.27 million in the paper) and 1,376 moving averages.

    Input shape: ``[batch, height, width, channels]`` or ``[batch, height, width]`` of any number
    type, divided by ``scale``.
    Output shape: ``[batch, filters[-1]]`` in the compute dtype.

    Args:
        depth: number of layers with weights, the head included: ``2 n len(filters) + 2``.
        filters: number of output channels of each stage.
        scale: divisor of the inputs: 255 for uint8 images.
        seed: seed of the initial kernels (He et al. 2015).

    Raises:
        InvalidArgument: for any other depth, or ``filters`` that decrease.

    >>> ResNet(8)(tf.zeros((2, 32, 32, 3), tf.uint8)).shape
    TensorShape([2, 64])
    """

    def __init__(
        self,
        depth: int = 20,
        filters: Sequence[int] = (16, 32, 64),
        scale: float = 255.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(scale, seed, **kwargs)
        self.depth, self.filters = depth, tuple(filters)
        blocks, rest = divmod(depth - 2, 2 * len(self.filters))
        if rest or blocks < 1:
            each = 2 * len(self.filters)
            raise InvalidArgument(
                f"depth={depth} must be 2 more than a multiple of {each}, such as {each + 2} or "
                f"{3 * each + 2}"
            )
        if list(self.filters) != sorted(self.filters):
            raise InvalidArgument(f"filters={self.filters} must not decrease")
        dtype = self.dtype_policy
        self.steps = [
            convolution(self.filters[0], 3, "conv", layer_seed(seed, 0), dtype, use_bias=False),
            batch_norm("norm", dtype),
            keras.layers.ReLU(name="relu", dtype=dtype),
        ]
        for stage, n in enumerate(self.filters):
            for i in range(blocks):
                block_seed = layer_seed(seed, 2 * len(self.steps))  # a block uses two seeds
                stride = 2 if stage and not i else 1
                name = f"block_{stage}_{i}"
                self.steps.append(ResidualBlock(n, stride, block_seed, name=name, dtype=dtype))
        self.steps.append(keras.layers.GlobalAveragePooling2D(name="average", dtype=dtype))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {**super().get_config(), "depth": self.depth, "filters": self.filters}
