"""VGG: blocks of small convolutions, each followed by pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from agentlab.errors import InvalidArgument
from agentlab.nets.image_torso import ImageTorso, convolved, dense, layer_seed


@keras.saving.register_keras_serializable("agentlab")
class VGG(ImageTorso):
    """Blocks of 3x3 convolutions with ReLU and max pooling, then dense layers.

    The architecture of Simonyan & Zisserman 2015, section 2.1. With the defaults it has 2,159,114
    parameters with a head of 10 classes for 32x32x3 images. A deeper network: ``filters=(64, 128,
    256)``, ``convolutions=(2, 2, 2)``, ``batch_norm=True``, ``block_dropout=0.2``.

    Input shape: ``[batch, height, width, channels]`` or ``[batch, height, width]`` of any number
    type, divided by ``scale``.
    Output shape: ``[batch, units[-1]]`` in the compute dtype; the flattened outputs of the last
    block if ``units`` is empty.

    Args:
        filters: number of output channels of the convolutions in each block.
        convolutions: number of convolutions in each block.
        units: units of each dense layer.
        dropout: dropout rate after each dense layer.
        block_dropout: dropout rate after each block.
        batch_norm: whether to use batch normalization between each convolution and its ReLU (Ioffe
            & Szegedy 2015).
        scale: divisor of the inputs: 255 for uint8 images.
        seed: seed of initial weights (He et al. 2015) and dropout.

    Raises:
        InvalidArgument: if ``filters`` and ``convolutions`` have different lengths.

    >>> import numpy as np
    >>> VGG()(np.zeros((2, 32, 32, 3), np.uint8)).shape
    TensorShape([2, 512])
    """

    def __init__(
        self,
        filters: Sequence[int] = (32, 64),
        convolutions: Sequence[int] = (1, 2),
        units: Sequence[int] = (512,),
        dropout: float = 0.5,
        block_dropout: float = 0.0,
        batch_norm: bool = False,
        scale: float = 255.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(scale, seed, **kwargs)
        self.filters, self.convolutions = tuple(filters), tuple(convolutions)
        self.units, self.dropout = tuple(units), dropout
        self.block_dropout, self.batch_norm = block_dropout, batch_norm
        if len(self.filters) != len(self.convolutions):
            raise InvalidArgument(
                f"convolutions={self.convolutions} must have one number for each of "
                f"filters={self.filters}"
            )
        self.steps = []
        for i, (n, count) in enumerate(zip(self.filters, self.convolutions, strict=True)):
            for j in range(count):
                self.steps += convolved(
                    n, 3, batch_norm, f"{i}_{j}", self._next_seed(), self.dtype_policy
                )
            self.steps.append(
                keras.layers.MaxPooling2D(2, name=f"pool_{i}", dtype=self.dtype_policy)
            )
            self.steps += self._dropout(block_dropout, f"drop_block_{i}")
        self.steps.append(keras.layers.Flatten(name="flatten", dtype=self.dtype_policy))
        for i, n in enumerate(self.units):
            self.steps.append(dense(n, f"dense_{i}", self._next_seed(), self.dtype_policy))
            self.steps += self._dropout(dropout, f"drop_{i}")

    def _dropout(self, rate: float, name: str) -> list[keras.layers.Layer]:
        if not rate:
            return []
        return [
            keras.layers.Dropout(rate, seed=self._next_seed(), name=name, dtype=self.dtype_policy)
        ]

    def _next_seed(self) -> int | None:
        return layer_seed(self.seed, len(self.steps))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "convolutions": self.convolutions,
            "units": self.units,
            "dropout": self.dropout,
            "block_dropout": self.block_dropout,
            "batch_norm": self.batch_norm,
        }
