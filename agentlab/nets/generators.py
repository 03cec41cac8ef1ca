"""Generators of GANs: networks from random codes to images or vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.errors import InvalidArgument
from agentlab.nets.image_torso import batch_norm, layer_seed

BASES = range(4, 8)  # sizes of the smallest feature map of a DCGAN, in pixels


def dcgan_depth(shape: Sequence[int]) -> int:
    """Return how many times a DCGAN doubles its smallest feature map to reach the image size.

    Args:
        shape: of one image, ``[height, width, channels]`` or ``[height, width]``.

    Raises:
        InvalidArgument: for a size that cannot be reached.

    >>> [dcgan_depth((size, size, 1)) for size in (28, 48, 64)]
    [2, 3, 4]
    """
    if len(shape) in (2, 3):
        height, width = shape[:2]
        for depth in range(1, 9):
            sides = [side / 2**depth for side in (height, width)]
            if all(side in BASES for side in sides):
                return depth
    size = "x".join(map(str, shape[:2])) if len(shape) in (2, 3) else str(list(shape))
    raise InvalidArgument(
        f"a DCGAN cannot generate images of size {size}: height and width must be 4, 5, 6 or 7 "
        "times the same power of 2, such as 28, 32, 48 or 64 pixels; for images in files, pass "
        "--size 32 or another of these"
    )


@keras.saving.register_keras_serializable("agentlab")
class DenseGenerator(keras.Model):  # type: ignore[misc]
    """Dense layers with batch normalization and ReLU, from codes to outputs of any shape.

    Input shape: ``[batch, latent_dim]``.
    Output shape: float32 ``[batch, *shape]``: pixels from 0 to 1, or numbers.

    Args:
        latent_dim: size of the codes.
        shape: shape of one output.
        hidden: units of each hidden layer.
        pixels: whether outputs are pixels (a sigmoid) or numbers.
        seed: seed of the initial kernels (Glorot & Bengio 2010).

    >>> DenseGenerator(100, (28, 28, 1))(tf.zeros((2, 100))).shape
    TensorShape([2, 28, 28, 1])
    """

    def __init__(
        self,
        latent_dim: int,
        shape: Sequence[int],
        hidden: Sequence[int] = (128,),
        pixels: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.latent_dim, self.shape, self.hidden = latent_dim, tuple(shape), tuple(hidden)
        self.pixels, self.seed = pixels, seed
        dtype = self.dtype_policy
        self.steps: list[Any] = []
        for i, units in enumerate(self.hidden):
            kernel = keras.initializers.GlorotUniform(seed=layer_seed(seed, i))
            self.steps += [
                keras.layers.Dense(
                    units,
                    use_bias=False,
                    kernel_initializer=kernel,
                    name=f"dense_{i}",
                    dtype=dtype,
                ),
                batch_norm(f"norm_{i}", dtype),
                keras.layers.ReLU(name=f"relu_{i}", dtype=dtype),
            ]
        self.steps.append(
            keras.layers.Dense(
                math.prod(self.shape),
                kernel_initializer=keras.initializers.GlorotUniform(
                    seed=layer_seed(seed, len(self.hidden))
                ),
                name="outputs",
                dtype=dtype,
            )
        )
        _build(self, self.steps, (None, latent_dim))

    def call(self, codes: Any, training: bool = False) -> Any:
        """Return the outputs for ``codes``, ``[batch, *shape]``."""
        outputs = tf.cast(codes, self.compute_dtype)
        for step in self.steps:
            outputs = step(outputs, training=training)  # [batch, units]
        return _finished(tf.reshape(outputs, (-1, *self.shape)), self.pixels)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "shape": self.shape,
            "hidden": self.hidden,
            "pixels": self.pixels,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("agentlab")
class DCGANGenerator(keras.Model):  # type: ignore[misc]
    """Transposed 4x4 convolutions with stride 2, batch normalization and ReLU.

    Radford et al. 2016, section 3. The smallest feature map is 4 to 7 pixels wide and high; each
    transposed convolution but the last, which returns the image, halves the channels.

    Input shape: ``[batch, latent_dim]``.
    Output shape: float32 ``[batch, height, width, channels]``: pixels from 0 to 1, or numbers.

    Args:
        latent_dim: size of the codes.
        shape: shape of one image, ``[height, width, channels]`` or ``[height, width]``.
        filters: input channels of the last transposed convolution.
        pixels: whether outputs are pixels (a sigmoid) or numbers.
        seed: seed of the initial kernels, normal with a standard deviation of 0.02.

    Raises:
        InvalidArgument: for a size that cannot be reached, see ``dcgan_depth``.

    >>> DCGANGenerator(100, (48, 48, 1))(tf.zeros((2, 100))).shape
    TensorShape([2, 48, 48, 1])
    """

    def __init__(
        self,
        latent_dim: int,
        shape: Sequence[int],
        filters: int = 64,
        pixels: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.latent_dim, self.shape, self.filters = latent_dim, tuple(shape), filters
        self.pixels, self.seed = pixels, seed
        depth, dtype = dcgan_depth(self.shape), self.dtype_policy
        height, width, channels = (*self.shape, 1)[:3]

        def kernel(i: int) -> Any:
            return keras.initializers.RandomNormal(0, 0.02, layer_seed(seed, i))

        smallest = height // 2**depth, width // 2**depth, filters * 2 ** (depth - 1)
        self.steps: list[Any] = [
            keras.layers.Dense(
                math.prod(smallest),
                use_bias=False,
                kernel_initializer=kernel(0),
                name="dense",
                dtype=dtype,
            ),
            keras.layers.Reshape(smallest, name="reshape", dtype=dtype),
            batch_norm("norm_0", dtype),
            keras.layers.ReLU(name="relu_0", dtype=dtype),
        ]
        for i in range(1, depth + 1):
            last = i == depth
            self.steps.append(
                keras.layers.Conv2DTranspose(
                    channels if last else filters * 2 ** (depth - 1 - i),
                    4,
                    2,
                    padding="same",
                    use_bias=last,
                    kernel_initializer=kernel(i),
                    name="outputs" if last else f"conv_{i}",
                    dtype=dtype,
                )
            )
            if not last:
                self.steps += [
                    batch_norm(f"norm_{i}", dtype),
                    keras.layers.ReLU(name=f"relu_{i}", dtype=dtype),
                ]
        _build(self, self.steps, (None, latent_dim))

    def call(self, codes: Any, training: bool = False) -> Any:
        """Return the images for ``codes``, ``[batch, *shape]``."""
        outputs = tf.cast(codes, self.compute_dtype)
        for step in self.steps:
            outputs = step(outputs, training=training)  # [batch, units], then [batch, h, w, c]
        return _finished(tf.reshape(outputs, (-1, *self.shape)), self.pixels)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "shape": self.shape,
            "filters": self.filters,
            "pixels": self.pixels,
            "seed": self.seed,
        }


def _build(model: Any, steps: Sequence[Any], shape: tuple[int | None, ...]) -> None:
    """Build the layers of a generator one after another."""
    for step in steps:
        step.build(shape)
        shape = step.compute_output_shape(shape)
    model.built = True


def _finished(outputs: Any, pixels: bool) -> Any:
    """Return outputs in float32, after a sigmoid if they are pixels."""
    outputs = tf.cast(outputs, tf.float32)
    return tf.sigmoid(outputs) if pixels else outputs
