"""The check of observations at every step of a group of environments."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.envs.api_checks import TOLERANCE, bounds_of, check_bounds, conform, widened
from agentlab.envs.parts import Parts

Array = npt.NDArray[Any]
LARGE = 4096  # with more values than this, copying the results of comparisons is slower


class ObservationCheck:
    """Checks the observations of ``n`` environments, single ones and whole batches.

    Args:
        space: a space of arrays.
        n: number of environments.

    Attributes:
        stored: class, dtype and shape of observations that are stored as they are; the shape of
            plain integers is ``()``.
        floating: whether the values are floats.

    >>> check = ObservationCheck(gymnasium.spaces.Box(-1, 1, (2,)), 3)
    >>> check.holds(np.ones((3, 2))), check.holds(np.full((3, 2), np.nan))
    (True, False)
    """

    def __init__(self, space: gymnasium.Space[Any], n: int) -> None:
        shape = space.shape or ()
        dtype = np.dtype(np.dtype(space.dtype).type)  # the one object that arrays share
        kind: Any = np.ndarray if shape else int
        check: Any = _ValueCheck
        if isinstance(space, Parts):
            kind, check = Parts, _PartsCheck  # no observation is of this class: all are conformed
        self.space, self.stored = space, (kind, dtype, shape)
        self._batch, self._one = check(space, n), check(space, 1)
        self.floating = self._batch.floating
        is_vector = self.floating and len(shape) == 1
        self._ones = np.ones(shape, dtype) if is_vector else None

    def conform(self, observation: Any, method: str) -> Any:
        """Return an observation that can be stored; raise a ``Violation`` if it cannot."""
        kind, dtype, shape = self.stored
        if observation.__class__ is kind and (
            not shape or (observation.dtype is dtype and observation.shape == shape)
        ):
            return observation
        return conform(observation, self.space, f"the observation of {method}()")

    def holds(self, batch: Array) -> bool:
        """Return whether all values of a batch ``[n, ...]`` are valid; false for NaN."""
        return not self._batch.needed or self._batch.holds(batch)

    def holds_one(self, observation: Array) -> bool:
        """Return whether all values of one observation are valid; of float vectors, whether finite.

        A sum is several times faster than comparisons; it is not finite if a value is not.
        """
        if self._ones is not None and -np.inf < observation.dot(self._ones) < np.inf:
            return True
        return not self._one.needed or self._one.holds(np.asarray(observation)[None])

    def check_bounds(self, observation: Array, method: str) -> None:
        """Raise a ``Violation`` that names the first value of an observation that is not valid."""
        check_bounds(observation, self.space, f"the observation of {method}()", TOLERANCE)

    def is_finite(self, observation: Array) -> bool:
        """Return whether all numbers of an observation are finite."""
        names = self.space if isinstance(self.space, Parts) else ()
        arrays = [observation[name] for name in names] or [observation]
        return all(bool(np.isfinite(array).all()) for array in arrays)

    def accept_any_finite(self) -> None:
        """From now on, check only whether floats are finite."""
        self._batch.accept_any_finite()
        self._one.accept_any_finite()


class _ValueCheck:
    """Checks whether all values of a batch are finite and within the bounds of their space.

    Bounds of floats are widened slightly, since values at a bound may be rounded.

    Args:
        space: a space of arrays.
        n: number of observations in a batch.

    Attributes:
        needed: false if every value of the dtype is within the bounds.
        floating: whether the values are floats.
    """

    def __init__(self, space: gymnasium.Space[Any], n: int) -> None:
        dtype, shape = np.dtype(space.dtype), (n, *(space.shape or ()))
        low, high = (bound.astype(dtype) for bound in bounds_of(space))
        self.floating = dtype.kind == "f"
        if self.floating:
            low, high = widened(low, high)
        self.needed = low.size > 0 and (self.floating or not _is_full_range(low, high, dtype))
        self._is_large = math.prod(shape) > LARGE
        self._low, self._high = low, high
        self._is_uniform = low.size > 0 and bool(
            (low == low.flat[0]).all() and (high == high.flat[0]).all()
        )
        if not self._is_large:
            self._low = np.broadcast_to(low, shape).copy()
            self._high = np.broadcast_to(high, shape).copy()
            self._above, self._below = np.ones(shape, np.bool_), np.ones(shape, np.bool_)
            self._inside = self._above.tobytes()

    def accept_any_finite(self) -> None:
        """From now on, check only whether floats are finite."""
        largest = np.finfo(self._low.dtype).max
        self._low, self._high = np.full_like(self._low, -largest), np.full_like(self._high, largest)
        self._is_uniform = True

    def holds(self, batch: Array) -> bool:
        """Return whether all values of ``batch`` ``[n, ...]`` are valid; false for NaN."""
        if not self._is_large:  # takes one microsecond; np.all() alone takes longer
            np.greater_equal(batch, self._low, self._above)
            np.less_equal(batch, self._high, self._below)
            inside = self._inside
            return self._above.tobytes() == inside and self._below.tobytes() == inside
        if self._is_uniform:
            return bool(batch.min() >= self._low.flat[0] and batch.max() <= self._high.flat[0])
        return bool(((batch >= self._low) & (batch <= self._high)).all())


class _PartsCheck:
    """The same as ``_ValueCheck`` for observations of several parts."""

    def __init__(self, space: Parts, n: int) -> None:
        checks = {name: _ValueCheck(inner, n) for name, inner in space.items()}
        self._checks = {name: check for name, check in checks.items() if check.needed}
        self.needed = bool(self._checks)
        self.floating = any(check.floating for check in self._checks.values())

    def accept_any_finite(self) -> None:
        for check in self._checks.values():
            if check.floating:
                check.accept_any_finite()

    def holds(self, batch: Array) -> bool:
        return all(check.holds(batch[name]) for name, check in self._checks.items())


def _is_full_range(low: Array, high: Array, dtype: np.dtype[Any]) -> bool:
    """Return whether the bounds admit every value of an integer dtype."""
    if dtype.kind == "b":
        return True
    limits = np.iinfo(dtype)
    return bool((low <= limits.min).all() and (high >= limits.max).all())
