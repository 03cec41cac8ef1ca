"""Residual nets for small images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.errors import AgentlabError
from agentlab.nets.stack import Stack, batch_norm, convolution, derived


@keras.saving.register_keras_serializable("agentlab")
class ResidualBlock(keras.layers.Layer):  # type: ignore[misc]
    """``relu(x + F(x))`` with two 3x3 convolutions for ``F`` (He et al. 2016, figure 2).

    Where the block halves the image and adds channels, ``x`` takes every second pixel and zeros
    for the new channels: option A of section 4.1, which needs no parameters.

    Input shape: ``[batch, height, width, channels]``.
    Output shape: ``[batch, height / stride, width / stride, filters]``, rounded up.

    Args:
        filters: output channels, at least those of the input.
        stride: 1, or 2 to halve the image.
        seed: of the initial kernels.
    """

    def __init__(
        self, filters: int, stride: int = 1, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.stride, self.seed = filters, stride, seed
        dtype = self.dtype_policy
        self.conv_0 = convolution(
            filters, 3, "conv_0", derived(seed, 0), dtype, strides=stride, use_bias=False
        )
        self.norm_0 = batch_norm("norm_0", dtype)
        self.conv_1 = convolution(filters, 3, "conv_1", derived(seed, 1), dtype, use_bias=False)
        self.norm_1 = batch_norm("norm_1", dtype)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights for inputs of ``input_shape`` (the batch first)."""
        self.conv_0.build(input_shape)
        shape = self.compute_output_shape(input_shape)
        for layer in (self.norm_0, self.conv_1, self.norm_1):
            layer.build(shape)
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the block's outputs."""
        features = tf.nn.relu(self.norm_0(self.conv_0(inputs), training=training))
        features = self.norm_1(self.conv_1(features), training=training)
        shortcut = inputs[:, :: self.stride, :: self.stride]
        new = self.filters - inputs.shape[-1]
        if new:
            shortcut = tf.pad(shortcut, [[0, 0], [0, 0], [0, 0], [new // 2, new - new // 2]])
        return tf.nn.relu(shortcut + features)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        return tuple(self.conv_0.compute_output_shape(input_shape))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        own = {"filters": self.filters, "stride": self.stride, "seed": self.seed}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("agentlab")
class ResNet(Stack):
    """The residual net for CIFAR-10 (He et al. 2016, section 4.2), averaged over the image.

    A 3x3 convolution, then one stage for each of ``filters`` with ``n`` blocks of two convolutions;
    every stage but the first halves the image. With the layer of a head that makes ``6n + 2``
    layers for three stages. At depth 20 with a head of 10 classes on 32x32x3: 269,722 trainable
    parameters (the paper's 0.27 million) and 1,376 moving averages.

    Input shape: ``[batch, height, width, channels]`` or ``[batch, height, width]``, divided by
    ``scale``. Output shape: ``[batch, filters[-1]]``, of the compute dtype.

    Args:
        depth: layers with weights, a head included: ``2 n len(filters) + 2``.
        filters: output channels of each stage.
        scale: what inputs are divided by, 255 for bytes.
        seed: of the initial kernels (He et al. 2015).

    Raises:
        AgentlabError: for a depth between these, or filters that become fewer.
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
            raise AgentlabError(
                f"depth={depth} must be 2 more than a multiple of {each}, such as {each + 2} or "
                f"{3 * each + 2}"
            )
        if list(self.filters) != sorted(self.filters):
            raise AgentlabError(f"filters={self.filters} must not become fewer")
        dtype = self.dtype_policy
        self.steps = [
            convolution(self.filters[0], 3, "conv", derived(seed, 0), dtype, use_bias=False),
            batch_norm("norm", dtype),
            keras.layers.ReLU(name="relu", dtype=dtype),
        ]
        for stage, n in enumerate(self.filters):
            for i in range(blocks):
                own = derived(seed, 2 * len(self.steps))  # a block needs two
                stride = 2 if stage and not i else 1
                name = f"block_{stage}_{i}"
                self.steps.append(ResidualBlock(n, stride, own, name=name, dtype=dtype))
        self.steps.append(keras.layers.GlobalAveragePooling2D(name="average", dtype=dtype))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {**super().get_config(), "depth": self.depth, "filters": self.filters}
