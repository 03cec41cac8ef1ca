"""Targets of regression: checks, means and standard deviations, and r2."""

from __future__ import annotations

from typing import Any

import numpy as np

from agentlab.data import Batches
from agentlab.data.batches import Array
from agentlab.errors import InvalidArgument
from agentlab.training.examples import is_batches


def as_targets(y: Any) -> Array:
    """Return targets as float64 ``[n, k]``.

    Raises:
        InvalidArgument: if one is not a finite number.
    """
    numbers: Array = np.asarray(y)
    if numbers.dtype.kind not in "fiub" or not np.isfinite(numbers).all():
        for value in numbers.ravel().tolist():
            if not isinstance(value, int | float) or not np.isfinite(value):
                raise InvalidArgument(f"y contains {value!r}; every target must be a finite number")
    return numbers.astype(np.float64).reshape(len(numbers), -1)


def target_scale(x: Any, y: Any) -> tuple[Array, Array]:
    """Return mean and standard deviation of the targets of ``x`` (``Batches``) or else of ``y``.

    Both are float64 ``[k]``; the standard deviation of a constant target is set to 1.
    """
    parts = (batch.targets for batch in x.epoch(4096)) if is_batches(x) else iter([y])
    count, mean, squares = 0, np.zeros(()), np.zeros(())
    for values in map(as_targets, parts):  # Chan et al. 1979: numerically stable for any mean
        size, part_mean = len(values), values.mean(0)
        between = np.square(part_mean - mean) * count * size / (count + size)
        squares = squares + np.square(values - part_mean).sum(0) + between
        mean = mean + (part_mean - mean) * size / (count + size)
        count += size
    return mean, deviation(mean, np.sqrt(squares / count))


def all_targets(batches: Batches) -> Array:
    """Return all targets of ``batches``, float64 ``[n, k]``."""
    targets = [np.asarray(batch.targets, np.float64) for batch in batches.epoch(4096)]
    return np.concatenate(targets).reshape(batches.size, -1)


def r2(rmse: float, batches: Batches) -> float:
    """Return r2, the explained fraction of the targets' variance; NaN if the variance is 0."""
    targets = all_targets(batches)
    if not np.ptp(targets, axis=0).any():
        return float("nan")
    return 1 - rmse**2 / float(np.mean(np.var(targets, axis=0)))


def deviation(mean: Array, std: Array) -> Array:
    """Return ``std``, with 1 in place of values that are only rounding errors of a constant."""
    return np.where(std > 1e-12 * np.abs(mean), std, 1.0)
