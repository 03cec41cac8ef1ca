"""Numbering of observations as the states of a table."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.envs.parts import MASK, as_parts
from agentlab.errors import InvalidArgument

MAX_ENTRIES = 20_000_000  # 16 bytes each: a float64 value and an int64 count of visits
Array = npt.NDArray[Any]
spaces = gymnasium.spaces


class StateNumbers:
    """Maps the observations of a space to state numbers 0, 1, 2, ...

    Each dimension of a Box is divided into ``bins`` bins of equal width between ``low`` and
    ``high``, or the bounds of the space. A bin includes its lower edge; values outside the range
    fall into the outermost bins. A state of a Dict or Tuple is a combination of the values of its
    parts, except an action mask.

    Attributes:
        count: number of states.

    Args:
        space: Discrete, MultiDiscrete, MultiBinary or Box, or a Dict or Tuple of these.
        bins: bins per dimension of a Box.
        low: lower ends of the bins, one for each dimension of all Boxes; empty for the bounds.
        high: upper ends of the bins, likewise.

    Raises:
        InvalidArgument: for an unbounded dimension without a range, or a range that does not fit
            the space.

    >>> blackjack = spaces.Tuple([spaces.Discrete(32), spaces.Discrete(11), spaces.Discrete(2)])
    >>> StateNumbers(blackjack).count
    704
    """

    def __init__(
        self,
        space: gymnasium.Space[Any],
        bins: int = 10,
        low: tuple[float, ...] = (),
        high: tuple[float, ...] = (),
    ) -> None:
        self._names: list[str] = []
        arrays: list[Any] = [space]
        if isinstance(space, spaces.Dict | spaces.Tuple):
            inputs = {name: part for name, part in as_parts(space).items() if name != MASK}
            self._names, arrays = list(inputs), list(inputs.values())
        boxes = [array for array in arrays if isinstance(array, spaces.Box)]
        lows, highs = (_ends(name, given, boxes) for name, given in (("low", low), ("high", high)))
        if (lows >= highs).any():
            raise InvalidArgument(
                f"low={low} must be less than high={high} in each dimension of {space}"
            )
        sizes: list[int] = []
        starts, spans, steps, taken = [], [], [], 0
        for array in arrays:
            if isinstance(array, spaces.Box):
                number = math.prod(array.shape)
                own = slice(taken, taken + number)
                taken += number
                sizes += [bins] * number
                starts.append(lows[own])
                spans.append(highs[own] - lows[own])
                steps += [bins] * number
            else:
                number = len(_sizes(array))
                sizes += _sizes(array)
                starts.append(np.ravel(getattr(array, "start", 0)) + np.zeros(number))
                spans.append(np.ones(number))
                steps += [1] * number
        self._starts, self._spans = np.concatenate(starts), np.concatenate(spans)
        self._steps = np.array(steps)
        self._last = np.array(sizes, np.float64) - 1
        self._binned = bool(boxes)
        self.count = math.prod(sizes)
        if self.count <= MAX_ENTRIES:  # otherwise the agent raises InvalidArgument
            self._strides = np.cumprod([1, *sizes[:0:-1]])[::-1]

    def __call__(self, observations: Any) -> npt.NDArray[np.int64]:
        """Return the state numbers, int64 ``[n]``, of observations ``[n, ...]``."""
        parts = [observations[name] for name in self._names] or [observations]
        columns = [part.reshape(len(part), -1) for part in parts]
        places = (np.concatenate(columns, 1) if len(columns) > 1 else columns[0]) - self._starts
        if self._binned:
            places = np.floor(places / self._spans * self._steps).clip(0, self._last)
        numbers: npt.NDArray[np.int64] = places.astype(np.int64) @ self._strides
        return numbers


def _sizes(space: Any) -> list[int]:
    """Return the number of values of each element of a space of integers."""
    if isinstance(space, spaces.Discrete):
        return [int(space.n)]
    if isinstance(space, spaces.MultiDiscrete):
        return [int(size) for size in space.nvec.ravel()]
    return [2] * math.prod(space.shape)  # MultiBinary


def _ends(name: str, given: tuple[float, ...], boxes: list[Any]) -> npt.NDArray[np.float64]:
    """Return the lower or upper ends of the bins of all Boxes, float64 ``[dimensions]``."""
    bounds = [np.asarray(getattr(box, name), np.float64).ravel() for box in boxes]
    known = np.concatenate([np.zeros(0), *bounds])
    ends = np.asarray(given, np.float64) if given else known
    described = ", ".join(map(str, boxes)) or "observations without a Box"
    if len(ends) != len(known):
        raise InvalidArgument(
            f"{name}={given} must have one number for each dimension of {described}"
        )
    # Some environments use the largest float to mean "unbounded".
    if (np.abs(ends) >= np.finfo(np.float32).max).any():
        raise InvalidArgument(f"{name}={given} must be set, since {described} is unbounded")
    return ends
