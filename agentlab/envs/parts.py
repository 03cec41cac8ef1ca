"""Observations of several named arrays, such as an image and a vector, and action masks.

A Dict or Tuple observation becomes one row of a structured NumPy array, so that vectors, replay
buffers and checkpoints handle it like any other array, and its parts are still read by name.
"""

from __future__ import annotations

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
                raise InvalidArgument(f"the part {name!r} of an observation is no array: {space}")
        super().__init__(dict(parts))
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


def batch_of_one(space: Space, observation: Any) -> npt.NDArray[Any]:
    """Return an observation of an environment as an array ``[1, ...]``, as ``act`` takes it.

    Raises:
        AgentlabError: for an observation of several parts, if one is missing or does not fit.
    """
    if isinstance(space, Parts) and not isinstance(observation, np.void | np.ndarray):
        values = {name: find_part(observation, name, name.split("/")) for name in space}
        observation = space.row(values)
    return np.asarray(observation, space.dtype)[None]


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
        keys that lead to each; and by name the spaces that are no arrays, such as Text.
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
    """Return the ``Parts`` of a Dict or Tuple; parts that are no arrays are left out.

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


class PartsObservation(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Turns observations into rows of ``Parts``.

    Args:
        env: an environment with Dict or Tuple observations; with ``info_mask``, with any.
        info_mask: whether ``info["action_mask"]`` becomes a part.
        channels_first: whether images have their channels first; they are moved last.

    Attributes:
        left_out: the parts that are no arrays, by name.

    Raises:
        InvalidArgument: if no part is an array, or if the actions have no mask.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        info_mask: bool = False,
        channels_first: bool = False,
    ) -> None:
        super().__init__(env)
        space = env.observation_space
        nested = isinstance(space, spaces.Dict | spaces.Tuple)
        arrays, self._paths, self.left_out = parts_of(space)
        if not nested:
            arrays, self._paths = {"observation": space}, {"observation": ()}
        self._moved = {name for name in arrays if channels_first and is_image(arrays[name])}
        arrays |= {name: channels_last(arrays[name]) for name in self._moved}
        self._info_mask = info_mask and MASK not in arrays
        if self._info_mask:
            arrays[MASK] = spaces.MultiBinary(mask_size(env.action_space))
        if not arrays:
            as_parts(spaces.Dict(self.left_out))  # raises
        self.parts = Parts(arrays)
        self.observation_space = self.parts

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(**kwargs)
        return self._row(observation, info), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._row(observation, info), reward, terminated, truncated, info

    def _row(self, observation: Any, info: Mapping[str, Any]) -> npt.NDArray[Any]:
        values: dict[str, Any] = {}
        for name, path in self._paths.items():
            value = find_part(observation, name, path)
            values[name] = np.moveaxis(value, 0, -1) if name in self._moved else value
        if self._info_mask:
            if MASK not in info:
                raise AgentlabError(
                    f"action_masks=True, but info of {self.env} has no {MASK!r}; it has "
                    f"{', '.join(info) or 'no entries'}"
                )
            values[MASK] = np.asarray(info[MASK]).ravel().astype(np.int8, casting="unsafe")
        return self.parts.row(values)


class ChannelsLast(gymnasium.ObservationWrapper[Any, Any, Any]):
    """Turns images ``[channels, height, width]`` into ``[height, width, channels]``."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        if not is_image(env.observation_space):
            raise InvalidArgument(
                f"channels_first=True needs images [channels, height, width], but the observation "
                f"space is {env.observation_space}"
            )
        self.observation_space = channels_last(env.observation_space)

    def observation(self, observation: Any) -> Any:
        return np.moveaxis(observation, 0, -1)


def is_image(space: Space) -> bool:
    """Return whether the elements of a space are arrays of three dimensions."""
    return isinstance(space, spaces.Box) and len(space.shape) == 3


def channels_last(space: Any) -> spaces.Box:
    """Return the space of images whose first axis, the channels, is moved last."""
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
