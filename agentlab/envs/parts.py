"""Observations of several named arrays, such as an image and a vector, and action masks.

A Dict or Tuple observation becomes one row of a structured NumPy array, so that vectors, replay
buffers and checkpoints handle it like any other array, and its parts are still read by name.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from agentlab.errors import AgentlabError, InvalidArgument

MASK = "action_mask"  # the name of the part, or of the entry of info, that masks actions
ARRAYS = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
Space = gymnasium.Space[Any]
Path = tuple[Any, ...]  # the keys that lead to a part


class Parts(spaces.Dict):
    """A Dict of arrays, whose elements are rows of a structured array.

    ``observations["image"]`` of a batch of observations is an array ``[n, height, width,
    channels]``, as for a dictionary of arrays.

    Args:
        parts: spaces by name: Box, Discrete, MultiDiscrete or MultiBinary.

    Raises:
        InvalidArgument: for another space.

    >>> image = spaces.Box(0, 255, (8, 8, 3), np.uint8)
    >>> space = Parts({"image": image, "step": spaces.Discrete(9)})
    >>> observations = np.zeros(5, space.dtype)
    >>> observations["image"].shape
    (5, 8, 8, 3)
    """

    def __init__(self, parts: Mapping[str, Space]) -> None:
        for name, space in parts.items():
            if not isinstance(space, ARRAYS):
                raise InvalidArgument(
                    f"the part {name!r} of an observation is not an array: {space}"
                )
        super().__init__(OrderedDict(parts))  # a dict would be sorted
        self._shape = ()
        self.dtype = np.dtype([(name, s.dtype, s.shape) for name, s in self.spaces.items()])

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one element as an array: a single row."""
        return ()

    def row(self, values: Mapping[str, Any]) -> npt.NDArray[Any]:
        """Return the values of the parts as a structured array of shape ``()``.

        Raises:
            AgentlabError: for a value of another shape, or of a dtype that cannot be cast safely.
        """
        row = np.empty((), self.dtype)
        for name, space in self.spaces.items():
            value = np.asarray(values[name])
            dtype: Any = space.dtype
            if value.shape != space.shape or not np.can_cast(value.dtype, dtype, "same_kind"):
                raise AgentlabError(
                    f"the part {name!r} of an observation is {value.dtype} {value.shape}, but its "
                    f"space has {dtype} {space.shape}"
                )
            row[name] = value
        return row

    def contains(self, x: Any) -> bool:
        """Return whether a dictionary or a row is an element of the space."""
        if isinstance(x, np.void | np.ndarray) and x.dtype.names is not None:
            x = {name: x[name][()] for name in x.dtype.names}
        return super().contains(x)


class Rows(np.ndarray[Any, np.dtype[Any]]):
    """A batch of ``Parts``, with the smallest and largest number in any of its parts."""

    def max(self, *args: Any, **kwargs: Any) -> Any:
        """Return the largest number in all parts; of an ordinary array, its maximum."""
        return self._over_parts(np.max, *args, **kwargs)

    def min(self, *args: Any, **kwargs: Any) -> Any:
        """Return the smallest number in all parts; of an ordinary array, its minimum."""
        return self._over_parts(np.min, *args, **kwargs)

    def _over_parts(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        plain, names = self.view(np.ndarray), self.dtype.names
        if names is None:
            return function(plain, *args, **kwargs)
        return function([function(plain[name]) for name in names])


def batch_of_one(space: Space, observation: Any) -> npt.NDArray[Any]:
    """Return an observation of an environment as an array ``[1, ...]``, as ``act`` takes it.

    Raises:
        AgentlabError: for an observation that is not in the space, or that lacks a part of it.
    """
    if isinstance(space, Parts) and not isinstance(observation, np.void | np.ndarray):
        values = {name: find_part(observation, name, name.split("/")) for name in space}
        observation = space.row(values)
    try:
        array = np.asarray(observation, space.dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidArgument(f"an observation must be one of {space}: {error}") from None
    if array.shape != space.shape:
        raise InvalidArgument(
            f"an observation has the shape {array.shape}, but must be one of {space}; if the agent "
            "was trained with preprocessing or wrappers, make the environment with them"
        )
    return array[None]


def find_part(observation: Any, name: str, path: Sequence[Any]) -> Any:
    """Return the part of a nested observation that the keys in ``path`` lead to.

    Raises:
        AgentlabError: if it is missing.
    """
    value = observation
    try:
        for key in path:
            value = value[int(key) if isinstance(value, tuple) else key]
    except (KeyError, IndexError, TypeError, ValueError):
        raise AgentlabError(f"an observation lacks the part {name!r} of its space") from None
    return value


def parts_of(space: Space) -> tuple[dict[str, Space], dict[str, Path], dict[str, Space]]:
    """Return the arrays in a Dict or Tuple, nested ones included.

    Returns:
        The spaces of the arrays by name, such as ``"image"``, ``"0"`` or ``"robot/camera"``; the
        keys that lead to each; and by name the spaces that are not arrays, such as Text.
    """
    arrays: dict[str, Space] = {}
    paths: dict[str, Path] = {}
    others: dict[str, Space] = {}
    for path, inner in _leaves(space, ()):
        name = "/".join(map(str, path))
        if isinstance(inner, ARRAYS):
            arrays[name], paths[name] = inner, path
        else:
            others[name] = inner
    return arrays, paths, others


def as_parts(space: Space) -> Parts:
    """Return the ``Parts`` of a Dict or Tuple; parts that are not arrays are left out.

    Raises:
        InvalidArgument: if no part is an array.
    """
    if isinstance(space, Parts):
        return space
    arrays, _, _ = parts_of(space)
    if not arrays:
        raise InvalidArgument(
            f"the observation space {space} has no part that is an array: write a wrapper that "
            "encodes the observations as arrays"
        )
    return Parts(arrays)


def _leaves(space: Space, path: Path) -> Iterator[tuple[Path, Space]]:
    if isinstance(space, spaces.Dict | spaces.Tuple):
        items = space.items() if isinstance(space, spaces.Dict) else enumerate(space.spaces)
        for key, inner in items:
            yield from _leaves(inner, (*path, key))
    else:
        yield path, space


def is_image(space: Space) -> bool:
    """Return whether the elements of a space are arrays of three dimensions."""
    return isinstance(space, spaces.Box) and len(space.shape) == 3


def channels_last(space: Any) -> spaces.Box:
    """Return the space of images after moving the first axis, the channels, to the end."""
    low, high = np.moveaxis(space.low, 0, -1), np.moveaxis(space.high, 0, -1)
    return spaces.Box(low, high, low.shape, space.dtype.type)


def has_channels_first(shape: tuple[int, ...]) -> bool:
    """Return whether an image of this shape looks like ``[channels, height, width]``.

    >>> has_channels_first((4, 84, 84)), has_channels_first((84, 84, 4))
    (True, False)
    """
    if len(shape) != 3:
        return False
    channels, smallest = shape[0], min(shape[1:])
    return channels < smallest and (3 * channels <= smallest or channels <= 4 < shape[2])


def mask_size(actions: Space) -> int:
    """Return the number of entries of a mask of ``actions``.

    Raises:
        InvalidArgument: for actions that are neither Discrete nor MultiDiscrete.
    """
    if isinstance(actions, spaces.Discrete):
        return int(actions.n)
    if isinstance(actions, spaces.MultiDiscrete):
        return int(actions.nvec.sum())
    raise InvalidArgument(f"action masks need Discrete or MultiDiscrete actions, not {actions}")
