"""Discriminators of GANs: torsos with leaky ReLU, and a head with one logit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.image_torso import ImageTorso, layer_seed
from agentlab.nets.spectral import normalized

SLOPE = 0.2  # negative slope of leaky ReLU (Radford et al. 2016, section 3)
SMALLEST = 4  # pixels per side of a DCGAN discriminator's last feature map, as in the paper


def discriminator_depth(height: int, width: int) -> int:
    """Return how many convolutions with stride 2 reduce an image to at most 4 pixels per side.

    >>> [discriminator_depth(size, size) for size in (28, 48, 64)]
    [3, 4, 4]
    """
    return max(1, math.ceil(math.log2(max(height, width) / SMALLEST)))


@keras.saving.register_keras_serializable("agentlab")
class DenseDiscriminator(keras.Model):  # type: ignore[misc]
    """A torso of dense layers with leaky ReLU, for a discriminator.

    Input shape: ``[batch, ...]`` of any number type, flattened and divided by ``scale``.
    Output shape: ``[batch, features]`` in the compute dtype.

    Args:
        hidden: units of each layer.
        spectral_norm: whether to normalize the kernels by their largest singular value.
        scale: divisor of the inputs: 255 for uint8 images.
        seed: seed of the initial kernels (Glorot & Bengio 2010).

    >>> DenseDiscriminator((64,))(tf.zeros((2, 28, 28))).shape
    TensorShape([2, 64])
    """

    def __init__(
        self,
        hidden: Sequence[int] = (128,),
        spectral_norm: bool = False,
        scale: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden, self.spectral_norm = tuple(hidden), spectral_norm
        self.scale, self.seed = scale, seed
        self.denses = [
            normalized(
                keras.layers.Dense(
                    units,
                    kernel_initializer=keras.initializers.GlorotUniform(seed=layer_seed(seed, i)),
                    name=f"dense_{i}",
                    dtype=self.dtype_policy,
                ),
                spectral_norm,
            )
            for i, units in enumerate(self.hidden)
        ]

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights for inputs of ``input_shape``, with the batch dimension."""
        self.features = math.prod(int(size or 0) for size in input_shape[1:])
        for dense, units in zip(self.denses, self.hidden, strict=True):
            dense.build((None, self.features))
            self.features = units
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the features of ``inputs``, ``[batch, features]``."""
        size = math.prod(inputs.shape[1:])
        features = tf.cast(tf.reshape(inputs, (-1, size)), self.compute_dtype) / self.scale
        for dense in self.denses:
            features = tf.nn.leaky_relu(dense(features, training=training), SLOPE)  # [batch, units]
        return features

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "spectral_norm": self.spectral_norm,
            "scale": self.scale,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("agentlab")
class DCGANTorso(ImageTorso):
    """A torso of strided convolutions with leaky ReLU, for a discriminator.

    As in Radford et al. 2016, with 4x4 kernels, but without batch normalization, so that the
    output for an image does not depend on the rest of the batch.

    Input shape: ``[batch, height, width, channels]`` or ``[batch, height, width]`` of any number
    type, divided by ``scale``.
    Output shape: ``[batch, features]`` in the compute dtype.

    Args:
        filters: output channels of the first convolution; each later one has twice as many.
        depth: number of convolutions; see ``discriminator_depth``.
        spectral_norm: whether to normalize the kernels by their largest singular value.
        scale: divisor of the inputs: 255 for uint8 images.
        seed: seed of the initial kernels (He et al. 2015): the paper's standard deviation of 0.02
            suits only layers with batch normalization.

    >>> DCGANTorso()(tf.zeros((2, 28, 28, 1))).shape
    TensorShape([2, 6272])
    """

    def __init__(
        self,
        filters: int = 64,
        depth: int = 2,
        spectral_norm: bool = False,
        scale: float = 255.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(scale, seed, **kwargs)
        self.filters, self.depth, self.spectral_norm = filters, depth, spectral_norm
        dtype = self.dtype_policy
        self.steps = []
        for i in range(depth):
            convolution = keras.layers.Conv2D(
                filters * 2**i,
                4,
                2,
                padding="same",
                kernel_initializer=keras.initializers.HeNormal(seed=layer_seed(seed, i)),
                name=f"conv_{i}",
                dtype=dtype,
            )
            self.steps += [
                normalized(convolution, spectral_norm),
                keras.layers.LeakyReLU(SLOPE, name=f"leaky_relu_{i}", dtype=dtype),
            ]
        self.steps.append(keras.layers.Flatten(name="flatten", dtype=dtype))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "depth": self.depth,
            "spectral_norm": self.spectral_norm,
        }


@keras.saving.register_keras_serializable("agentlab")
class Discriminator(keras.Model):  # type: ignore[misc]
    """A torso and a dense layer with one output: the logit that an input is real.

    Input shape: that of the torso.
    Output shape: float32 ``[batch]``.

    Args:
        torso: a built torso.
        spectral_norm: whether to normalize the kernel of the head.
        seed: seed of the head's initial kernel.

    >>> from agentlab.nets import make_torso
    >>> Discriminator(make_torso("dcgan", (28, 28, 1)))(tf.zeros((2, 28, 28, 1))).shape
    TensorShape([2])
    """

    def __init__(
        self,
        torso: keras.Model,
        spectral_norm: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.torso, self.spectral_norm, self.seed = torso, spectral_norm, seed
        self.head = normalized(
            keras.layers.Dense(
                1,
                kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
                name="head",
                dtype=keras.backend.result_type(torso.compute_dtype, "float32"),
            ),
            spectral_norm,
        )
        self.head.build((None, torso.features))
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the logits of ``inputs``, ``[batch]``."""
        features = self.torso(inputs, training=training)  # [batch, features]
        return self.head(features, training=training)[:, 0]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "torso": keras.saving.serialize_keras_object(self.torso),
            "spectral_norm": self.spectral_norm,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Discriminator:
        """Build a network with initial weights from the dictionary of ``get_config``."""
        return cls(**{**config, "torso": keras.saving.deserialize_keras_object(config["torso"])})
