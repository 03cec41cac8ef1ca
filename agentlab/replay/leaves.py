"""Flattening the elements of a space to arrays: one for a Box, several for a Dict or Tuple."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from agentlab.errors import InvalidArgument

Array = npt.NDArray[Any]
_INTEGERS = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64)


@dataclass(frozen=True)
class Leaf:
    """One array of an element of a space.

    Attributes:
        shape: shape without the batch dimension.
        dtype: dtype of the array as it is added and sampled.
        stored: dtype as it is stored: for Discrete the smallest that holds all values.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    stored: np.dtype[Any]


def leaves_of(space: gymnasium.Space[Any]) -> list[Leaf]:
    """Return the leaves of ``space``, in the order of ``flatten``.

    Raises:
        InvalidArgument: for a space without arrays of a fixed shape, such as Text or Graph.

    >>> space = spaces.Dict(a=spaces.Box(0, 1, (2,)), b=spaces.Discrete(3))
    >>> [leaf.shape for leaf in leaves_of(space)]
    [(2,), ()]
    """
    if isinstance(space, spaces.Dict | spaces.Tuple):
        return [leaf for _, inner in _items(space) for leaf in leaves_of(inner)]
    if isinstance(space, spaces.Discrete):
        first, last = int(space.start), int(space.start + space.n - 1)
        stored = next(d for d in _INTEGERS if np.iinfo(d).min <= first and last <= np.iinfo(d).max)
        return [Leaf((), np.dtype(space.dtype), np.dtype(stored))]
    if isinstance(space, spaces.Box | spaces.MultiDiscrete | spaces.MultiBinary):
        dtype = np.dtype(space.dtype)
        return [Leaf(space.shape, dtype, dtype)]
    raise InvalidArgument(
        f"the space {space} cannot be stored in a replay buffer: use Box, Discrete, "
        "MultiDiscrete, MultiBinary, Dict or Tuple"
    )


def flatten(space: gymnasium.Space[Any], value: Any) -> list[Array]:
    """Return the arrays of a (batched) element of ``space``."""
    if isinstance(space, spaces.Dict | spaces.Tuple):
        return [array for key, inner in _items(space) for array in flatten(inner, value[key])]
    return [np.asarray(value)]


def unflatten(space: gymnasium.Space[Any], arrays: Iterable[Array]) -> Any:
    """Reassemble an element of ``space`` from the arrays that ``flatten`` returned."""
    return _unflatten(space, iter(arrays))


def _unflatten(space: gymnasium.Space[Any], arrays: Iterator[Array]) -> Any:
    if isinstance(space, spaces.Dict):
        return {key: _unflatten(inner, arrays) for key, inner in _items(space)}
    if isinstance(space, spaces.Tuple):
        return tuple(_unflatten(inner, arrays) for _, inner in _items(space))
    return next(arrays)


def _items(space: Any) -> Iterable[tuple[Any, gymnasium.Space[Any]]]:
    return space.spaces.items() if isinstance(space, spaces.Dict) else enumerate(space.spaces)


def check_array(array: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return ``array`` if it has this shape and dtype, and raise ``ValueError`` otherwise."""
    if (array.shape, array.dtype) != (shape, dtype):
        raise ValueError(f"{array.dtype}{array.shape} instead of {dtype}{shape}")
    return array


def frame_leaf(space: gymnasium.Space[Any], stack: int) -> Leaf:
    """Return the shape and dtype of one frame of stacked observations.

    Raises:
        InvalidArgument: unless ``space`` is a Box of ``stack`` frames.
    """
    if not (
        isinstance(space, spaces.Box) and len(space.shape) == 3 and space.shape[-1] % stack == 0
    ):
        raise InvalidArgument(
            f"frame_stack={stack} must be 1 for {space}: stacks need a Box [h, w, c * frame_stack]"
        )
    height, width, channels = space.shape
    dtype = np.dtype(space.dtype)
    if channels == stack:
        return Leaf((height, width), dtype, dtype)
    return Leaf((height, width, channels // stack), dtype, dtype)


class BufferBytes(NamedTuple):
    """The size of a replay buffer in bytes: its observations, and everything else."""

    observations: int
    rest: int


def buffer_bytes(
    observation_space: gymnasium.Space[Any],
    action_space: gymnasium.Space[Any],
    capacity: int,
    frame_stack: int = 1,
) -> BufferBytes:
    """Return the bytes that a full ``ReplayBuffer`` of ``capacity`` transitions takes."""
    stacked = frame_stack > 1
    frames = (
        [frame_leaf(observation_space, frame_stack)] if stacked else leaves_of(observation_space)
    )
    sizes = [
        sum(math.prod(leaf.shape) * leaf.stored.itemsize for leaf in leaves)
        for leaves in (frames, leaves_of(action_space))
    ]
    return BufferBytes(capacity * sizes[0], capacity * (sizes[1] + 7))  # 4 + 1 + 1 + 1: see Ring
