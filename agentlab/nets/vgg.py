"""VGG: small kernels, several in a row before each pooling, as deep as one likes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from agentlab.errors import AgentlabError
from agentlab.nets.stack import Stack, batch_norm, convolution, dense, derived


@keras.saving.register_keras_serializable("agentlab")
class VGG(Stack):
    """Blocks of 3x3 convolutions with ReLU, each block halved by max pooling, then dense layers.

    The form is Simonyan & Zisserman's (2015, section 2.1). With the defaults and a head of 10
    classes on 32x32x3 it has 2,159,114 parameters. Deeper: ``filters=(64, 128, 256)``,
    ``convolutions=(2, 2, 2)``, ``batch_norm=True``, ``block_dropout=0.2``.

    Input shape: ``[batch, height, width, channels]`` or ``[batch, height, width]``, divided by
    ``scale``. Output shape: ``[batch, units[-1]]``, of the compute dtype.

    Args:
        filters: output channels of the convolutions of each block.
        convolutions: how many convolutions each block has.
        units: units of each dense layer.
        dropout: fraction of each dense layer's outputs that are dropped in training.
        block_dropout: the same for each block's outputs.
        batch_norm: whether each convolution is normalized over the batch before its ReLU (Ioffe &
            Szegedy 2015).
        scale: what inputs are divided by, 255 for bytes.
        seed: of initial weights (He et al. 2015) and dropout.

    Raises:
        AgentlabError: where ``filters`` and ``convolutions`` are not equally long, or a shape
            without dense layers is asked for.
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
            raise AgentlabError(
                f"convolutions={self.convolutions} must name one number for each of "
                f"filters={self.filters}"
            )
        self.steps = []
        for i, (n, count) in enumerate(zip(self.filters, self.convolutions, strict=True)):
            for j in range(count):
                self.steps += self._convolved(n, f"{i}_{j}")
            self.steps.append(
                keras.layers.MaxPooling2D(2, name=f"pool_{i}", dtype=self.dtype_policy)
            )
            self.steps += self._dropped(block_dropout, f"drop_block_{i}")
        self.steps.append(keras.layers.Flatten(name="flatten", dtype=self.dtype_policy))
        for i, n in enumerate(self.units):
            self.steps.append(dense(n, f"dense_{i}", self._own_seed(), self.dtype_policy))
            self.steps += self._dropped(dropout, f"drop_{i}")

    def _convolved(self, filters: int, name: str) -> list[keras.layers.Layer]:
        dtype, seed = self.dtype_policy, self._own_seed()
        if not self.batch_norm:
            return [convolution(filters, 3, f"conv_{name}", seed, dtype, activation="relu")]
        return [
            convolution(filters, 3, f"conv_{name}", seed, dtype, use_bias=False),
            batch_norm(f"norm_{name}", dtype),
            keras.layers.ReLU(name=f"relu_{name}", dtype=dtype),
        ]

    def _dropped(self, rate: float, name: str) -> list[keras.layers.Layer]:
        if not rate:
            return []
        return [
            keras.layers.Dropout(rate, seed=self._own_seed(), name=name, dtype=self.dtype_policy)
        ]

    def _own_seed(self) -> int | None:
        return derived(self.seed, len(self.steps))

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
