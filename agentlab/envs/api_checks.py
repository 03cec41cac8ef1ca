"""Checks of what environments return, with the messages of ``check_env`` and of training."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from agentlab.envs.failures import OLD_API, Violation
from agentlab.envs.parts import Parts

Array = npt.NDArray[Any]
LARGEST_REWARD = float(np.finfo(np.float32).max)  # rewards are stored as float32
TOLERANCE = 1e-5  # for values beyond a bound, relative to the distance between the bounds


def check_space(name: str, space: Any) -> None:
    """Raise a ``Violation`` unless ``space`` is a space of Gymnasium.

    Args:
        name: ``"observation_space"`` or ``"action_space"``.
        space: the attribute of the environment.
    """
    if space is None:
        raise Violation(f"the environment has no {name}: set self.{name} in its __init__")
    if not isinstance(space, spaces.Space):
        old = type(space).__module__.startswith("gym.")
        hint = "; agentlab.envs.old_gym.adapt converts it" if old else ""
        raise Violation(f"{name}={describe(space)} is not a space of gymnasium.spaces{hint}")


def check_reset(result: Any) -> tuple[Any, Any]:
    """Return the observation and info of ``reset``; raise a ``Violation`` for anything else."""
    if not (isinstance(result, tuple) and len(result) == 2):
        raise Violation(
            f"reset() returned {describe(result)}; it must return the pair (observation, info); "
            f"{OLD_API}"
        )
    check_info("reset", result[1])
    return result


def check_step(result: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Return the five values of ``step``; raise a ``Violation`` for anything else."""
    if not (isinstance(result, tuple) and len(result) == 5):
        hint = f"; {OLD_API}" if isinstance(result, tuple) and len(result) == 4 else ""
        raise Violation(
            f"step() returned {describe(result)}; it must return the 5 values (observation, "
            f"reward, terminated, truncated, info){hint}"
        )
    check_info("step", result[4])
    return result


def check_info(method: str, info: Any) -> None:
    """Raise a ``Violation`` unless ``info`` is a dictionary."""
    if not isinstance(info, dict):
        raise Violation(f"info of {method}() is {describe(info)}; it must be a dict")


def reward_of(reward: Any) -> float:
    """Return a reward as a Python number; raise a ``Violation`` if it is not a finite number.

    >>> reward_of(np.float32(0.5)), reward_of(True)
    (0.5, 1.0)
    """
    if not isinstance(reward, float | int):
        if isinstance(reward, np.ndarray) and reward.shape == ():
            reward = reward[()]
        if not isinstance(reward, numbers.Real | np.bool_):
            raise Violation(f"the reward of step() is {describe(reward)}; it must be a number")
    try:
        value = float(reward)
    except OverflowError:  # an integer of more than 308 digits
        value = math.inf
    if not math.isfinite(value):
        raise Violation(f"the reward of step() is {value}; it must be finite")
    if abs(value) > LARGEST_REWARD:
        raise Violation(
            f"the reward of step() is {value}; it must be at most {LARGEST_REWARD:.3g} (float32)"
        )
    return value


def flag_of(name: str, flag: Any, strict: bool = False) -> bool:
    """Return ``terminated`` or ``truncated`` as a bool.

    Args:
        name: ``"terminated"`` or ``"truncated"``.
        flag: its value.
        strict: reject the integers 0 and 1.

    Raises:
        Violation: for a value that is not a bool.
    """
    number = not strict and isinstance(flag, int | np.integer) and flag in (0, 1)
    if not (number or isinstance(flag, bool | np.bool_)):
        raise Violation(f"{name} of step() is {describe(flag)}; it must be True or False")
    return bool(flag)


def check_member(value: Any, space: spaces.Space[Any], what: str) -> None:
    """Raise a ``Violation`` if a value is not in its space, naming its type, shape or range.

    Args:
        value: the value.
        space: the space.
        what: what the value is, such as ``"the observation of step()"``.
    """
    if isinstance(space, spaces.Dict):
        if not (isinstance(value, dict) and value.keys() == space.spaces.keys()):
            raise Violation(f"{what} is {describe(value)}; it must have the keys {list(space)}")
        for key, inner in space.items():
            check_member(value[key], inner, f"{what} at {key!r}")
    elif isinstance(space, spaces.Tuple):
        if not (isinstance(value, tuple) and len(value) == len(space)):
            raise Violation(f"{what} is {describe(value)}; it must be {len(space)} values")
        for i, inner in enumerate(space):
            check_member(value[i], inner, f"{what} at {i}")
    elif isinstance(space, spaces.Box):
        _check_box(value, space, what)
    elif not space.contains(value):
        raise _not_an_element(value, space, what)


def conform(value: Any, space: spaces.Space[Any], what: str) -> Array:
    """Return an observation as an array that can be stored with the dtype of its space.

    It accepts more than ``check_member``, if only precision is lost: lists, floats of another
    precision, and integers of another dtype that are within the bounds.

    Args:
        value: the observation.
        space: a space of arrays.
        what: what the value is, such as ``"the observation of step()"``.

    Raises:
        Violation: for a value of another shape or kind, or integers outside the bounds.
    """
    if isinstance(space, Parts):
        if getattr(value, "dtype", None) != space.dtype:
            raise Violation(f"{what} is {describe(value)}; it must be a row of {space}")
        return np.asarray(value)
    array = _as_array(value)
    if array is None or array.dtype.kind not in "biuf":
        raise _not_an_array(value, space, what)
    if array.shape != space.shape:
        if isinstance(space, spaces.Box):
            raise Violation(f"{what} has shape {array.shape}, but its space has {space.shape}")
        raise _not_an_element(value, space, what)
    assert space.dtype is not None
    if space.dtype.kind in "biu" and array.dtype != space.dtype:
        if array.dtype.kind == "f":
            if isinstance(space, spaces.Box):
                raise _wrong_dtype(array, space, what)
            raise _not_an_element(value, space, what)
        check_bounds(array, space, what)  # before a cast that would wrap around
    return array


def bounds_of(space: spaces.Space[Any]) -> tuple[Array, Array]:
    """Return the lowest and the highest element of a space of arrays.

    >>> bounds_of(spaces.Discrete(3, start=1))
    (array(1), array(3))
    """
    if isinstance(space, spaces.Box):
        return space.low, space.high
    if isinstance(space, spaces.Discrete):
        return np.asarray(space.start), np.asarray(space.start + space.n - 1)
    if isinstance(space, spaces.MultiDiscrete):
        return space.start, space.start + space.nvec - 1
    if isinstance(space, spaces.MultiBinary):
        return np.zeros(space.shape, np.int8), np.ones(space.shape, np.int8)
    return np.asarray(-np.inf), np.asarray(np.inf)


def check_bounds(array: Array, space: spaces.Space[Any], what: str, tolerance: float = 0.0) -> None:
    """Raise a ``Violation`` for the first value that is not finite or outside the bounds.

    Args:
        array: an observation of the shape of the space.
        space: a space of arrays.
        what: what the value is, such as ``"the observation of step()"``.
        tolerance: accepted distance beyond a bound, relative to that between the bounds.
    """
    if isinstance(space, Parts):
        for name, inner in space.items():
            check_bounds(np.asarray(array[name]), inner, f"{what} at {name!r}", tolerance)
        return
    low, high = (np.broadcast_to(bound, array.shape) for bound in bounds_of(space))
    finite = np.isfinite(array)
    below, above = low, high
    if tolerance and low.dtype.kind == "f":
        below, above = widened(low, high, tolerance)
    for at in map(tuple, np.argwhere(~(finite & (array >= below) & (array <= above)))):
        index = at[0] if len(at) == 1 else tuple(map(int, at))
        where = f" at index {index}" if at else ""
        if not finite[at]:
            raise Violation(f"{what} is {array[at]}{where}; it must be finite")
        if isinstance(space, spaces.Discrete):
            raise _not_an_element(array[()], space, what)
        raise Violation(
            f"{what} is {array[at]}{where}, outside the bounds of its space, "
            f"{low[at]} to {high[at]}"
        )


def widened(low: Array, high: Array, tolerance: float = TOLERANCE) -> tuple[Array, Array]:
    """Return float bounds, made finite and wider by a fraction of the distance between them."""
    largest = np.finfo(low.dtype).max
    with np.errstate(over="ignore", invalid="ignore"):
        margin = np.nan_to_num(tolerance * (high - low), nan=0.0, posinf=0.0)
        return np.maximum(low - margin, -largest), np.minimum(high + margin, largest)


def describe(value: Any) -> str:
    """Describe a value by its type, and an array by its dtype and shape."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} {value.shape}"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)} values"
    text = " ".join((str(value) if isinstance(value, np.generic) else repr(value)).split())
    return f"{text if len(text) <= 40 else text[:37] + '...'} ({type(value).__name__})"


def _as_array(value: Any) -> Array | None:
    try:
        return np.asarray(value)
    except Exception:  # a ragged list, or an object whose conversion raises anything
        return None


def _check_box(value: Any, space: spaces.Box, what: str) -> None:
    if not isinstance(value, np.ndarray | np.generic):
        raise _not_an_array(value, space, what)
    if value.shape != space.shape:
        raise Violation(f"{what} has shape {value.shape}, but its space has {space.shape}")
    if value.dtype != space.dtype:
        raise _wrong_dtype(value, space, what)
    check_bounds(np.asarray(value), space, what)


def _wrong_dtype(value: Any, space: spaces.Space[Any], what: str) -> Violation:
    return Violation(f"{what} has dtype {value.dtype}, but its space has {space.dtype}")


def _not_an_array(value: Any, space: spaces.Space[Any], what: str) -> Violation:
    if not isinstance(space, spaces.Box):
        return _not_an_element(value, space, what)
    return Violation(
        f"{what} is {describe(value)}; it must be a NumPy array of {space.dtype} {space.shape}"
    )


def _not_an_element(value: Any, space: spaces.Space[Any], what: str) -> Violation:
    return Violation(f"{what} is {describe(value)}, which is not an element of the space {space}")
