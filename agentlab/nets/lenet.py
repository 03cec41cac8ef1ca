"""LeNet: two convolutions and a dense layer, for digits and other small images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from agentlab.nets.stack import Stack, convolution, dense, derived


@keras.saving.register_keras_serializable("agentlab")
class LeNet(Stack):
    """Convolutions with ReLU, each halved by max pooling, then a dense layer and dropout.

    The form is LeCun et al.'s (1998, section II.B) with ReLU, max pooling and dropout in today's
    manner. With a head of 10 classes on 28x28x1 it has 3,274,634 parameters.

    Input shape: ``[batch, height, width, channels]`` or ``[batch, height, width]``, divided by
    ``scale``. Output shape: ``[batch, units]``, of the compute dtype.

    Args:
        filters: output channels of each convolution.
        kernel: side of every convolution's square kernel.
        units: units of the dense layer.
        dropout: fraction of its outputs that are dropped in training.
        scale: what inputs are divided by, 255 for bytes.
        seed: of initial weights (He et al. 2015) and dropout.
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
            own = derived(seed, i)
            self.steps += [
                convolution(n, kernel, f"conv_{i}", own, dtype, activation="relu"),
                keras.layers.MaxPooling2D(2, name=f"pool_{i}", dtype=dtype),
            ]
        last = len(self.filters)
        self.steps += [
            keras.layers.Flatten(name="flatten", dtype=dtype),
            dense(units, "dense", derived(seed, last), dtype),
            keras.layers.Dropout(dropout, seed=derived(seed, last + 1), name="drop", dtype=dtype),
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
