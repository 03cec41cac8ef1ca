"""Decoders: networks from codes to vectors or images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.image_torso import convolution, convolved, layer_seed


@keras.saving.register_keras_serializable("agentlab")
class Upsampling(keras.layers.Layer):  # type: ignore[misc]
    """Nearest-neighbor upsampling of feature maps to an explicit size.

    Pooling rounds up (28, 14, 7, 4), so that repeated doubling would return 32 pixels, not 28.

    Input shape: ``[batch, h, w, channels]``.
    Output shape: ``[batch, height, width, channels]``.

    Args:
        height, width: size of the outputs.

    >>> Upsampling(7, 7)(tf.zeros((2, 4, 4, 16))).shape
    TensorShape([2, 7, 7, 16])
    """

    def __init__(self, height: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height, self.width = height, width

    def call(self, inputs: Any) -> Any:
        """Return the resized maps."""
        return _stretched(_stretched(inputs, 1, self.height), 2, self.width)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the resized maps."""
        return input_shape[0], self.height, self.width, input_shape[-1]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {**super().get_config(), "height": self.height, "width": self.width}


def _stretched(maps: Any, axis: int, size: int) -> Any:
    """Resize ``maps`` along one axis, with deterministic gradients on every device."""
    given = int(maps.shape[axis])
    if size % given == 0:
        return maps if size == given else tf.repeat(maps, size // given, axis)
    nearest = tf.one_hot([i * given // size for i in range(size)], given, dtype=maps.dtype)
    return tf.einsum("oh,bhwc->bowc" if axis == 1 else "ow,bhwc->bhoc", nearest, maps)


@keras.saving.register_keras_serializable("agentlab")
class TiedDense(keras.layers.Layer):  # type: ignore[misc]
    """A dense layer that shares another layer's kernel, transposed.

    Input shape: ``[batch, n]``, and a kernel ``[units, n]``.
    Output shape: ``[batch, units]``.

    Args:
        units: number of outputs.
        activation: name of a Keras activation; ``None`` for none.
    """

    def __init__(self, units: int, activation: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.activation = units, activation
        self.bias = self.add_weight((units,), "zeros", name="bias")
        self.built = True

    def call(self, inputs: Any, kernel: Any) -> Any:
        """Return the activations of ``inputs @ transpose(kernel) + bias``."""
        outputs = tf.matmul(inputs, tf.cast(kernel, inputs.dtype), transpose_b=True)
        outputs += tf.cast(self.bias, outputs.dtype)
        return keras.activations.get(self.activation)(outputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {**super().get_config(), "units": self.units, "activation": self.activation}


@keras.saving.register_keras_serializable("agentlab")
class DenseDecoder(keras.Model):  # type: ignore[misc]
    """Dense layers from codes to outputs of any shape; the last has no activation.

    Input shape: ``[batch, code_size]``.
    Output shape: ``[batch, *shape]`` in float32, or float64 for float64 models.

    Args:
        code_size: size of the codes.
        shape: shape of one output.
        hidden: units of the hidden layers.
        activation: activation of the hidden layers.
        tied: whether kernels are those of the encoder, which are passed to ``call``.
        seed: seed of the initial kernels.

    Attributes:
        blocks: lists of layers, of which block ``k`` inverts block ``-1 - k`` of the encoder.

    >>> DenseDecoder(8, (28, 28), (64,))(tf.zeros((2, 8))).shape
    TensorShape([2, 28, 28])
    """

    def __init__(
        self,
        code_size: int,
        shape: Sequence[int],
        hidden: Sequence[int] = (),
        activation: str = "relu",
        tied: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.code_size, self.shape, self.hidden = code_size, tuple(shape), tuple(hidden)
        self.activation, self.tied, self.seed = activation, tied, seed
        self.denses = []
        width, sizes = code_size, (*self.hidden, math.prod(self.shape))
        for i, units in enumerate(sizes):
            last = i == len(sizes) - 1
            name, function = ("decoder_outputs", None) if last else (f"decoder_{i}", activation)
            layer: Any
            if tied:
                layer = TiedDense(units, function, name=name, dtype=self.dtype_policy)
            else:
                start = keras.initializers.GlorotUniform(seed=layer_seed(seed, i))
                layer = keras.layers.Dense(
                    units, function, kernel_initializer=start, name=name, dtype=self.dtype_policy
                )
                layer.build((None, width))
            self.denses.append(layer)
            width = units
        self.built = True

    @property
    def blocks(self) -> list[list[Any]]:
        """The layers, one in each block."""
        return [[layer] for layer in self.denses]

    def call(self, codes: Any, kernels: Sequence[Any] = ()) -> Any:
        """Return the outputs for ``codes``.

        Args:
            codes: ``[batch, code_size]``.
            kernels: if tied, the kernels of the encoder, its last one first.
        """
        outputs = codes
        for i, layer in enumerate(self.denses):
            outputs = layer(outputs, kernels[i]) if self.tied else layer(outputs)  # [batch, units]
        dtype = keras.backend.result_type(self.compute_dtype, "float32")
        return tf.reshape(tf.cast(outputs, dtype), (-1, *self.shape))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "code_size": self.code_size,
            "shape": self.shape,
            "hidden": self.hidden,
            "activation": self.activation,
            "tied": self.tied,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("agentlab")
class ConvDecoder(keras.Model):  # type: ignore[misc]
    """Upsampling layers and convolutions, from codes to images.

    Input shape: ``[batch, code_size]``, or the flattened smallest map if ``code_size`` is ``None``.
    Output shape: ``[batch, height, width, channels]``, or ``[batch, height, width]``; in float32,
    or float64 for float64 models.

    Args:
        shape: shape of one image.
        maps: the shapes of the intermediate feature maps, from the smallest to the largest.
        code_size: size of the codes; ``None`` if the codes are the smallest map.
        kernel: kernel size of the convolutions.
        batch_norm: whether batch normalization follows each convolution but the last.
        seed: seed of the initial weights.

    Attributes:
        blocks: lists of layers, of which block ``k`` inverts block ``-1 - k`` of the encoder.

    >>> ConvDecoder((28, 28, 1), [(4, 4, 16), (7, 7, 32), (14, 14, 32)])(tf.zeros((2, 256))).shape
    TensorShape([2, 28, 28, 1])
    """

    def __init__(
        self,
        shape: Sequence[int],
        maps: Sequence[Sequence[int]],
        code_size: int | None = None,
        kernel: int = 3,
        batch_norm: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.shape, self.code_size, self.seed = tuple(shape), code_size, seed
        self.kernel, self.batch_norm = kernel, batch_norm
        self.maps = [(int(h), int(w), int(n)) for h, w, n in maps]
        dtype, smallest = self.dtype_policy, self.maps[0]
        first: list[Any] = []
        if code_size is not None:
            start = keras.initializers.HeNormal(seed=seed)
            first = [
                keras.layers.Dense(
                    math.prod(smallest),
                    "relu",
                    kernel_initializer=start,
                    name="decoder_dense",
                    dtype=dtype,
                )
            ]
            first[0].build((None, code_size))
        first.append(keras.layers.Reshape(smallest, name="decoder_reshape", dtype=dtype))
        height, width = self.shape[:2]
        channels = self.shape[2] if len(self.shape) == 3 else 1
        steps = [first]
        given = smallest
        for i, (h, w, filters) in enumerate([*self.maps[1:], (height, width, self.maps[-1][2])]):
            up = Upsampling(h, w, name=f"decoder_up_{i}", dtype=dtype)
            conv_seed = layer_seed(seed, i + 1)
            layers = convolved(filters, kernel, batch_norm, str(i), conv_seed, dtype, "decoder_")
            layers[0].build((None, h, w, given[2]))
            given = (h, w, filters)
            for layer in layers[1:]:
                layer.build((None, *given))
            steps.append([up, *layers])
        last = convolution(
            channels, kernel, "decoder_outputs", layer_seed(seed, len(self.maps) + 1), dtype
        )
        last.build((None, *given))
        steps[-1].append(last)
        self.steps = steps  # assigned when complete, since Keras tracks its layers from now on
        self.built = True

    @property
    def blocks(self) -> list[list[Any]]:
        """The layers of each block; without a code layer, reshaping is part of the first block."""
        if self.code_size is not None:
            return self.steps
        return [[*self.steps[0], *self.steps[1]], *self.steps[2:]]

    def call(self, codes: Any, training: bool = False) -> Any:
        """Return the images for ``codes``, before the activation."""
        outputs = tf.cast(codes, self.compute_dtype)
        for block in self.steps:
            for layer in block:
                # [batch, code_size], then [batch, h, w, filters]
                outputs = layer(outputs, training=training)
        dtype = keras.backend.result_type(self.compute_dtype, "float32")
        return tf.reshape(tf.cast(outputs, dtype), (-1, *self.shape))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "shape": self.shape,
            "maps": self.maps,
            "code_size": self.code_size,
            "kernel": self.kernel,
            "batch_norm": self.batch_norm,
            "seed": self.seed,
        }
