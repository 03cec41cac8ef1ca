"""Shared by the linear estimators: rows of numbers, and weights in the units of the inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from agentlab.data import (
    Arrays,
    Batches,
    Preprocessor,
    make_preprocessor,
    split_indices,
)
from agentlab.data.batches import Array
from agentlab.data.raw_inputs import as_numbers
from agentlab.errors import InvalidArgument
from agentlab.lazy import keras
from agentlab.training.examples import is_batches

BLOCK = 4096  # examples per block


class Rows:
    """Turns raw inputs into rows of numbers, one number per weight.

    Args:
        preprocessor: a fitted preprocessor.
    """

    def __init__(self, preprocessor: Preprocessor) -> None:
        self.preprocessor = preprocessor

    def of(self, x: Any) -> Array:
        """Return raw inputs as rows, float64 ``[n, inputs]``."""
        return self._flat(self.preprocessor.transform(x))

    def blocks(self, batches: Batches) -> Iterator[tuple[Array, Array, Array]]:
        """Yield float64 rows ``[b, inputs + 1]`` that end in 1, targets and weights."""
        for batch in batches.epoch(BLOCK):
            rows = self._flat(np.asarray(batch.inputs))
            ones = np.ones(len(rows))
            yield np.column_stack([rows, ones]), np.asarray(batch.targets), batch.weights

    def batches(self, x: Any, targets: Array) -> Arrays:
        """Return raw inputs and targets as ``Batches``."""
        return Arrays(self.preprocessor.transform(x), targets)

    def _flat(self, inputs: Array) -> Array:
        flat: Array = inputs.astype(np.float64).reshape(len(inputs), -1) / self.preprocessor.scale
        return flat

    @property
    def scaled(self) -> bool:
        """Whether inputs are standardized."""
        kind = self.preprocessor.kind
        return kind == "columns" or getattr(self.preprocessor, "mean", None) is not None

    @property
    def units(self) -> tuple[Any, Any]:
        """The mean and the standard deviation by which rows are standardized."""
        mean = getattr(self.preprocessor, "mean", None)
        std = 1.0 if mean is None else getattr(self.preprocessor, "std", 1.0)
        return (0.0 if mean is None else mean), std * self.preprocessor.scale

    def in_own_units(self, kernel: Array, bias: Array) -> tuple[Array, Array]:
        """Convert weights ``[inputs, k]`` and biases ``[k]`` for rows to those for raw inputs."""
        mean, deviation = self.units
        own = (kernel.T / deviation).T
        return own, bias - (mean * own.T).sum(-1)

    def names(self, count: int) -> list[str]:
        """Return a name for each input."""
        return list(getattr(self.preprocessor, "inputs", None) or (f"x{i}" for i in range(count)))

    def model(self, kernel: Array, bias: Array) -> tuple[Any, Any]:
        """Return the Keras inputs of raw data and the output rows @ ``kernel`` + ``bias``."""
        raw = self.preprocessor.inference_inputs()
        inputs = keras.ops.cast(self.preprocessor.inference(raw), "float32")
        rows = keras.layers.Flatten()(inputs) / self.preprocessor.scale
        dense = keras.layers.Dense(len(bias), name="linear")
        outputs = dense(rows)
        dense.set_weights([kernel, bias])
        return raw, outputs


def split_rows(x: Any, y: Any, validation: Any, fraction: float, seed: int) -> tuple[Any, Any, Any]:
    """Return training inputs and targets, and validation data, ``(x, y)`` or ``Batches``."""
    if is_batches(x):
        return x, y, validation
    x, y = as_numbers(x), np.asarray(y)
    if not x.ndim or not y.ndim or len(x) != len(y):
        sizes = [len(part) if part.ndim else "no" for part in (x, y)]
        raise InvalidArgument(f"x has {sizes[0]} rows and y has {sizes[1]}; they must match")
    if validation is not None or not fraction:
        return x, y, validation
    rows, held = split_indices(len(x), (1 - fraction, fraction), seed)
    return x[rows], y[rows], (x[held], y[held])


def fit_preprocessor(x: Any, standardize: bool, known: Preprocessor | None) -> Preprocessor:
    """Return a preprocessor fitted on the training inputs.

    Args:
        x: raw inputs, or ``Batches`` of preprocessed inputs.
        standardize: whether to standardize raw inputs.
        known: the preprocessor of the ``Batches``; ``None`` if they are not preprocessed.
    """
    if not is_batches(x):
        return make_preprocessor(x, takes="numeric", standardize=standardize)
    first = next(iter(x.epoch(1))).inputs
    return known or make_preprocessor(first, takes="numeric", standardize=False)
