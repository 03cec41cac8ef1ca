"""Layers with fitted, frozen weights: linear projections and distances to centers."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("agentlab")
class LinearProjection(keras.layers.Layer):  # type: ignore[misc]
    """``y = (x - mean) kernel``, such as the transform of a PCA, frozen.

    Inputs of more than one dimension are flattened, and integers are cast to float32. The mean is
    subtracted before the product, because a large mean would lose precision.

    Input shape: ``[batch, ...]``, with ``inputs`` numbers per example.
    Output shape: ``[batch, units]``.

    Args:
        units: number of outputs.
        scale: divisor of the inputs, such as 255 for uint8 images.

    >>> layer = LinearProjection(2)
    >>> layer(tf.ones((8, 4))).shape
    TensorShape([8, 2])
    """

    def __init__(self, units: int, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(trainable=False, **{"autocast": False, **kwargs})
        self.units, self.scale = units, scale

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs of ``input_shape``, with the batch dimension."""
        width = _width(input_shape)
        self.mean = self.add_weight(shape=(width,), initializer="zeros", name="mean")
        self.kernel = self.add_weight(shape=(width, self.units), name="kernel")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the projections, float32 ``[batch, units]``."""
        rows = _rows(inputs, self.scale)  # [batch, inputs]
        return tf.matmul(rows - self.mean, self.kernel)  # [batch, units]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        config = {"units": self.units, "scale": self.scale}
        return {**_without_trainable(super().get_config()), **config}


@keras.saving.register_keras_serializable("agentlab")
class Distances(keras.layers.Layer):  # type: ignore[misc]
    """The Euclidean distances of each input to centers, such as those of k-means, frozen.

    Inputs of more than one dimension are flattened, and integers are cast to float32.

    Input shape: ``[batch, ...]``, with ``inputs`` numbers per example.
    Output shape: ``[batch, units]``.

    Args:
        units: number of centers.
        scale: divisor of the inputs, such as 255 for uint8 images.

    >>> Distances(3)(tf.ones((8, 4))).shape
    TensorShape([8, 3])
    """

    def __init__(self, units: int, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(trainable=False, **{"autocast": False, **kwargs})
        self.units, self.scale = units, scale

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs of ``input_shape``, with the batch dimension."""
        width = _width(input_shape)
        self.offset = self.add_weight(shape=(width,), initializer="zeros", name="offset")
        self.centers = self.add_weight(shape=(self.units, width), name="centers")  # minus offset
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the distances, float32 ``[batch, units]``."""
        rows = _rows(inputs, self.scale) - self.offset  # [batch, inputs]
        product = tf.matmul(rows, self.centers, transpose_b=True)  # [batch, units]
        squares = tf.reduce_sum(tf.square(rows), 1, keepdims=True)  # [batch, 1]
        squares += tf.reduce_sum(tf.square(self.centers), 1)  # [batch, units]
        return tf.sqrt(tf.maximum(squares - 2 * product, 0.0))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        config = {"units": self.units, "scale": self.scale}
        return {**_without_trainable(super().get_config()), **config}


def distances_to(
    centers: Any, input_shape: tuple[int | None, ...], scale: float, name: str
) -> Distances:
    """Return a layer of distances to ``centers``, ``[k, inputs]``.

    Args:
        centers: in the units of the inputs divided by ``scale``.
        input_shape: shape of an input without the batch dimension.
        scale: as for ``Distances``.
        name: name of the layer.
    """
    layer = Distances(len(centers), scale, name=name)
    layer.build((None, *input_shape))
    middle = centers.mean(0)
    layer.set_weights([middle, centers - middle])
    return layer


def _rows(inputs: Any, scale: float) -> Any:
    """Return inputs as rows, float32 ``[batch, inputs]``."""
    rows = tf.cast(inputs, tf.float32)
    if len(rows.shape) != 2:
        rows = tf.reshape(rows, (tf.shape(rows)[0], rows.shape[1:].num_elements()))
    return rows / scale if scale != 1 else rows


def _width(input_shape: tuple[int | None, ...]) -> int:
    width = 1
    for size in input_shape[1:]:
        width *= int(size or 0)
    return width


def _without_trainable(config: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != "trainable"}
