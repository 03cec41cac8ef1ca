"""A convolutional torso whose features are its last, smallest feature map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from agentlab.nets.image_torso import ImageTorso, convolved, layer_seed


@keras.saving.register_keras_serializable("agentlab")
class PooledCNN(ImageTorso):
    """Convolutions with batch normalization, ReLU and max pooling, from 28 pixels to 14 and then 7.

    The encoder of convolutional autoencoders; it has no dense layer. Pooling halves the size,
    rounding up.

    Input shape: ``[batch, height, width, channels]`` or ``[batch, height, width]`` of any number
    type, divided by ``scale``.
    Output shape: ``[batch, h * w * filters[-1]]`` in the compute dtype.

    Args:
        filters: number of output channels of each convolution.
        kernel: kernel size of all convolutions.
        batch_norm: whether batch normalization follows each convolution.
        scale: divisor of the inputs: 255 for uint8 images.
        seed: seed of the initial weights (He et al. 2015).

    >>> import numpy as np
    >>> PooledCNN()(np.zeros((2, 28, 28), np.uint8)).shape
    TensorShape([2, 1568])
    """

    def __init__(
        self,
        filters: Sequence[int] = (32, 32),
        kernel: int = 3,
        batch_norm: bool = True,
        scale: float = 255.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(scale, seed, **kwargs)
        self.filters, self.kernel, self.batch_norm = tuple(filters), kernel, batch_norm
        dtype = self.dtype_policy
        self.steps = []
        for i, n in enumerate(self.filters):
            self.steps += [
                *convolved(n, kernel, batch_norm, str(i), layer_seed(seed, i), dtype),
                keras.layers.MaxPooling2D(2, padding="same", name=f"pool_{i}", dtype=dtype),
            ]
        self.steps.append(keras.layers.Flatten(name="flatten", dtype=dtype))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel": self.kernel,
            "batch_norm": self.batch_norm,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PooledCNN:
        """Build a network from the dictionary of ``get_config``."""
        return cls(**{"batch_norm": False, **config})  # files older than this option have none
