"""The JSON form of a learner's state, in which values that JSON lacks are tagged."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from agentlab.errors import AgentlabError

TAGS = {"$tuple", "$dict", "$array", "$scalar", "$bytes"}
SIMPLE = "numbers, text, lists, tuples, dictionaries and NumPy arrays"


def split_state(state: Mapping[Any, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split a state into its arrays, by name, and the JSON form of everything else.

    Raises:
        AgentlabError: for values that cannot be saved; the message says where they are.
    """
    arrays = {
        key: value
        for key, value in state.items()
        if type(key) is str and isinstance(value, np.ndarray) and not value.dtype.hasobject
    }
    rest: dict[str, Any] = to_json({key: v for key, v in state.items() if key not in arrays})
    return arrays, rest


def to_json(value: Any, name: str = "state") -> Any:
    """Return a value in a form that JSON can hold and ``from_json`` converts back.

    Takes ``None``, numbers, text, bytes, lists, tuples, dictionaries with any of these as keys,
    and NumPy scalars and arrays, nested. Subclasses such as ``defaultdict`` are rejected, since
    they would be restored as their base class.

    Args:
        value: the value.
        name: what the value is called in messages.

    Raises:
        AgentlabError: for a value of another type; the message says where it is.

    >>> from_json(to_json({3: np.float32(0.5), "seen": (1, 2)}))
    {3: np.float32(0.5), 'seen': (1, 2)}
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is list:
        return [to_json(item, f"{name}[{i}]") for i, item in enumerate(value)]
    if kind is tuple:
        return {"$tuple": [to_json(item, f"{name}[{i}]") for i, item in enumerate(value)]}
    if kind is dict:
        items = {key: to_json(item, f"{name}[{key!r}]") for key, item in value.items()}
        if all(type(key) is str for key in items) and not TAGS & items.keys():
            return items
        keys = [to_json(key, f"the key {key!r} of {name}") for key in items]
        return {"$dict": [list(pair) for pair in zip(keys, items.values(), strict=True)]}
    if kind is bytes:
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, np.generic | np.ndarray) and not value.dtype.hasobject:
        array = np.asarray(value)
        content = base64.b64encode(array.tobytes()).decode()
        if isinstance(value, np.generic):
            return {"$scalar": [array.dtype.str, content]}
        return {"$array": [array.dtype.str, list(array.shape), content]}
    raise AgentlabError(
        f"{name} is {_described(value)}, which cannot be saved; a learner's state may hold {SIMPLE}"
    )


def from_json(value: Any) -> Any:
    """Return what ``to_json`` was given.

    Raises:
        KeyError, TypeError, ValueError: for a value that ``to_json`` does not return.
    """
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1 or not TAGS & value.keys():
        return {key: from_json(item) for key, item in value.items()}
    (tag, content), *_ = value.items()
    if tag == "$tuple":
        return tuple(from_json(item) for item in content)
    if tag == "$dict":
        return {from_json(key): from_json(item) for key, item in content}
    if tag == "$bytes":
        return base64.b64decode(content, validate=True)
    if tag == "$scalar":
        dtype, data = content
        return _array(dtype, (), data)[()]
    dtype, shape, data = content
    return _array(dtype, tuple(shape), data)


def _array(dtype: str, shape: tuple[int, ...], content: str) -> Any:
    kind = np.dtype(dtype)
    data = base64.b64decode(content, validate=True)
    if kind.hasobject or math.prod(shape) * kind.itemsize != len(data):
        raise ValueError(f"{len(data)} bytes are not an array of {dtype} of shape {shape}")
    return np.frombuffer(data, kind).reshape(shape).copy()


def _described(value: Any) -> str:
    if isinstance(value, np.generic | np.ndarray):
        return "a NumPy array of Python objects"
    return f"a {type(value).__module__}.{type(value).__qualname__}".replace("builtins.", "")
