"""A fast check of the values of a batch of observations, made at every step."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.envs.api_checks import bounds_of, widened

Array = npt.NDArray[Any]
LARGE = 4096  # values from which on two reductions are faster than two comparisons


class ValueCheck:
    """Checks whether all values of a batch are finite and within the bounds of their space.

    Bounds of floats are widened slightly, since values at a bound may be rounded.

    Args:
        space: a space of arrays; one of the observations.

    >>> check = ValueCheck(gymnasium.spaces.Box(-1, 1, (2,)))
    >>> check.holds(np.ones((3, 2))), check.holds(np.full((3, 2), np.nan))
    (True, False)
    """

    def __init__(self, space: gymnasium.Space[Any]) -> None:
        low, high = bounds_of(space)
        self.floating = low.dtype.kind == "f" and np.dtype(space.dtype).kind == "f"
        if self.floating:
            low, high = widened(low, high)
        self._low, self._high = low, high
        self._uniform = low.size > 0 and bool(
            (low == low.flat[0]).all() & (high == high.flat[0]).all()
        )
        if self._uniform:
            self._low, self._high = low.flat[0], high.flat[0]
        self.needed = low.size > 0 and (self.floating or not _is_full_range(low, high, space.dtype))

    def accept_any_finite(self) -> None:
        """Check from now on only whether floats are finite."""
        largest = np.finfo(self._low.dtype).max
        self._low, self._high, self._uniform = -largest, largest, True

    def holds(self, batch: Array) -> bool:
        """Return whether all values of ``batch`` ``[k, ...]`` are valid; false for NaN."""
        if self._uniform and batch.size > LARGE:
            return bool(batch.min() >= self._low and batch.max() <= self._high)
        inside = (batch >= self._low) & (batch <= self._high)
        return bool(np.count_nonzero(inside) == batch.size)


def _is_full_range(low: Array, high: Array, dtype: Any) -> bool:
    """Return whether the bounds admit every value of an integer dtype."""
    if np.dtype(dtype).kind == "b":
        return True
    limits = np.iinfo(dtype)
    return bool((low <= limits.min).all() and (high >= limits.max).all())
