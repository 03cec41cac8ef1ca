"""LeNet: a small convolutional network for digits and other small images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from agentlab.nets.image_torso import ImageTorso, convolution, dense, layer_seed


@keras.saving.register_keras_serializable("agentlab")
class LeNet(ImageTorso):
    """Convolutions with ReLU and max pooling, then a dense layer and dropout.

    The architecture of LeCun et al. 1998, section II.B, with ReLU, max pooling and dropout. It has
    3,274,634 parameters with a head of 10 classes for 28x28x1 images.

    Input shape: ``[batch, height, width, channels]`` or ``[batch, height, width]`` of any number
    type, divided by ``scale``.
    Output shape: ``[batch, units]`` in the compute dtype.

    Args:
        filters: number of output channels of each convolution.
        kernel: kernel size of all convolutions, the side of a square.
        units: units of the dense layer.
        dropout: dropout rate of the features.
        scale: divisor of the inputs: 255 for uint8 images.
        seed: seed of initial weights (He et al. 2015) and dropout.

    >>> import numpy as np
    >>> LeNet()(np.zeros((2, 28, 28), np.uint8)).shape
    TensorShape([2, 1024])
    """

    def __init__(
        self,
        filters: Sequence[int] = (32, 64),
        kernel: int = 5,
        units: int = 1024,
        dropout: float = 0.5,
        scale: float = 255.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(scale, seed, **kwargs)
        self.filters, self.kernel = tuple(filters), kernel
        self.units, self.dropout = units, dropout
        dtype = self.dtype_policy
        self.steps = []
        for i, n in enumerate(self.filters):
            conv_seed = layer_seed(seed, i)
            self.steps += [
                convolution(n, kernel, f"conv_{i}", conv_seed, dtype, activation="relu"),
                keras.layers.MaxPooling2D(2, name=f"pool_{i}", dtype=dtype),
            ]
        last = len(self.filters)
        self.steps += [
            keras.layers.Flatten(name="flatten", dtype=dtype),
            dense(units, "dense", layer_seed(seed, last), dtype),
            keras.layers.Dropout(
                dropout, seed=layer_seed(seed, last + 1), name="drop", dtype=dtype
            ),
        ]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel": self.kernel,
            "units": self.units,
            "dropout": self.dropout,
        }
