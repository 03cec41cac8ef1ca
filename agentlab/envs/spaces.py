"""Converting spaces to JSON and back, for saved agents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from agentlab.envs.parts import Parts
from agentlab.envs.preprocessing import Frames
from agentlab.errors import AgentlabError, InvalidArgument

MARKS = ("normalize", "normalize_returns")  # of a space whose normalizing wrapper was replaced
MAX_ELEMENTS = 1 << 24  # in a saved space: 2,000 frames of 84x84, whose bounds take 10 bytes each


def space_to_json(space: gymnasium.Space[Any]) -> dict[str, Any]:
    """Convert a space of arrays to a JSON-serializable dictionary.

    Raises:
        InvalidArgument: for another space.

    >>> space_to_json(gymnasium.spaces.Discrete(3))
    {'type': 'Discrete', 'n': 3, 'start': 0, 'dtype': 'int64'}
    """
    return {**_described(space), **{mark: True for mark in MARKS if getattr(space, mark, False)}}


def _described(space: gymnasium.Space[Any]) -> dict[str, Any]:
    spaces = gymnasium.spaces
    if isinstance(space, Parts):
        return {"type": "Parts", "parts": {n: space_to_json(s) for n, s in space.items()}}
    if isinstance(space, spaces.Box):
        low, high = (
            # A bound that is the same for all elements is a single number.
            b.flat[0].item() if b.size and (b == b.flat[0]).all() else b.tolist()
            for b in (space.low, space.high)
        )
        described = {"low": low, "high": high, "shape": space.shape, "dtype": str(space.dtype)}
        if isinstance(space, Frames):
            return {"type": "Frames", **described, "frame_stack": space.frame_stack}
        return {"type": "Box", **described}
    if isinstance(space, spaces.Discrete):
        described = {"n": int(space.n), "start": int(space.start), "dtype": str(space.dtype)}
        return {"type": "Discrete", **described}
    if isinstance(space, spaces.MultiDiscrete):
        described = {"nvec": space.nvec.tolist(), "start": space.start.tolist()}
        return {"type": "MultiDiscrete", **described, "dtype": str(space.dtype)}
    if isinstance(space, spaces.MultiBinary):
        return {"type": "MultiBinary", "n": space.n if isinstance(space.n, int) else list(space.n)}
    raise InvalidArgument(
        f"the space {space} cannot be saved: use Box, Discrete, MultiDiscrete or MultiBinary, or "
        "a Dict or Tuple of these as observations"
    )


def _elements(described: Mapping[str, Any], nested: bool = False) -> int:
    """Return the number of elements of a saved space, at least 1 for each of its parts.

    Raises:
        AgentlabError: for parts in parts.
    """
    if described["type"] == "Parts":
        if nested:
            raise AgentlabError("the saved space has parts in parts")
        return sum(max(_elements(part, nested=True), 1) for part in described["parts"].values())
    sizes = described.get("shape", described.get("n", 1 if "nvec" not in described else 0))
    return math.prod(sizes if isinstance(sizes, list | tuple) else [sizes])


def space_from_json(described: Mapping[str, Any]) -> gymnasium.Space[Any]:
    """Build a space from the dictionary of ``space_to_json``.

    Raises:
        AgentlabError: for a space that is unknown or too large.
    """
    if (size := _elements(described)) > MAX_ELEMENTS:
        # It would take more memory than any real observation.
        raise AgentlabError(
            f"the saved space has {size:,} elements; at most {MAX_ELEMENTS:,} are loaded"
        )
    marks = [mark for mark in MARKS if described.get(mark) is True]
    space = _space_of({name: value for name, value in described.items() if name not in MARKS})
    for mark in marks:
        setattr(space, mark, True)
    return space


def _space_of(described: Mapping[str, Any]) -> gymnasium.Space[Any]:
    values = dict(described)
    kind = values.pop("type")
    if kind == "Frames":
        return Frames(**{**values, "shape": tuple(values["shape"])})
    if kind == "Box":
        shape, dtype = tuple(values["shape"]), np.dtype(values["dtype"])
        low, high = (np.broadcast_to(np.array(values[k], dtype), shape) for k in ("low", "high"))
        return gymnasium.spaces.Box(low, high, shape, dtype.type)
    if kind == "Parts":
        return Parts({str(n): space_from_json(inner) for n, inner in values["parts"].items()})
    if kind not in ("Discrete", "MultiDiscrete", "MultiBinary"):
        raise AgentlabError(f"the saved space {kind!r} is unknown")
    if "dtype" in values:
        values["dtype"] = np.dtype(values["dtype"]).type
    if "start" in values and kind == "MultiDiscrete":
        values["start"] = np.array(values["start"], np.int64)
    space: gymnasium.Space[Any] = getattr(gymnasium.spaces, kind)(**values)
    return space


def layout(space: gymnasium.Space[Any]) -> tuple[Any, ...]:
    """Return a key that is equal for spaces whose arrays are interchangeable.

    For a Box it has the shape and dtype but not the bounds; for other spaces, everything.

    >>> layout(gymnasium.spaces.Discrete(3)) == layout(gymnasium.spaces.Discrete(3, start=1))
    False
    """
    if isinstance(space, gymnasium.spaces.Dict):
        return tuple((name, layout(part)) for name, part in space.items())
    values: tuple[Any, ...] = ()
    if isinstance(space, gymnasium.spaces.Discrete):
        values = (int(space.n), int(space.start))
    elif isinstance(space, gymnasium.spaces.MultiDiscrete):
        values = (space.nvec.tolist(), space.start.tolist())
    kind = gymnasium.spaces.Box if isinstance(space, gymnasium.spaces.Box) else type(space)
    return (kind, space.shape, space.dtype, *values)


def check_kind(algo: str, what: str, space: gymnasium.Space[Any], kinds: tuple[type, ...]) -> None:
    """Raise ``InvalidArgument`` unless ``space`` is of one of the ``kinds``.

    Args:
        algo: name of the algorithm, for the message.
        what: ``"observations"`` or ``"actions"``, for the message.
        space: the environment's space.
        kinds: the classes that the algorithm supports.
    """
    if not isinstance(space, kinds):
        names = [kind.__name__ for kind in kinds]
        known = ", ".join(names[:-1]) + " or " * (len(names) > 1) + names[-1]
        raise InvalidArgument(
            f"algo={algo!r} needs {known} {what}, but the environment has {space}"
        )
