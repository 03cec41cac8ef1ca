"""A checker that reports the first violation of the Gymnasium API in one sentence."""

from __future__ import annotations

import copy
import math
import numbers
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils.env_checker import data_equivalence

from agentlab.errors import AgentlabError

STEPS = 200


def check_env(env: gymnasium.Env[Any, Any]) -> None:
    """Check that an environment follows the Gymnasium API, by taking 200 random steps in it.

    Args:
        env: the environment; it is reset and stepped, but not closed.

    Raises:
        AgentlabError: for the first violation, with what was found and what is expected.

    >>> import gymnasium
    >>> check_env(gymnasium.make("CartPole-v1"))
    """
    for name in ("reset", "step"):
        if not callable(getattr(env, name, None)):
            raise AgentlabError(f"the environment {env!r} has no method {name}()")
    for name in ("observation_space", "action_space"):
        _check_space(name, getattr(env, name, None))
    _check_episodes(env)
    _check_seeds(env)
    if getattr(env, "render_mode", None) == "rgb_array":
        _check_image(_call(env, "render"))


def _check_space(name: str, space: Any) -> None:
    if space is None:
        raise AgentlabError(f"the environment has no {name}: set self.{name} in its __init__")
    if not isinstance(space, spaces.Space):
        old = type(space).__module__.startswith("gym.")
        hint = "; agentlab.envs.old_gym.adapt converts it" if old else ""
        raise AgentlabError(f"{name}={space!r} is not a space of gymnasium.spaces{hint}")


def _check_episodes(env: gymnasium.Env[Any, Any]) -> None:
    env.action_space.seed(0)
    _reset(env, seed=0)
    for _ in range(STEPS):
        _, _, terminated, truncated, _ = _step(env, env.action_space.sample())
        if terminated or truncated:
            _reset(env)


def _check_seeds(env: gymnasium.Env[Any, Any]) -> None:
    """Check that equal seeds give equal first observations and equal first steps."""
    action = env.action_space.sample()
    first, second = (
        [copy.deepcopy(_reset(env, seed=123)), copy.deepcopy(_step(env, action)[:4])]
        for _ in range(2)
    )
    advice = "draw every random number from self.np_random, after super().reset(seed=seed)"
    if not data_equivalence(first[0], second[0]):
        raise AgentlabError(
            f"reset(seed=123) called twice gave two different observations: {advice}"
        )
    if not data_equivalence(first[1], second[1]):
        raise AgentlabError(
            f"step({action!r}) after reset(seed=123) gave two different results: {advice}"
        )


def _call(env: Any, method: str, *args: Any, **kwargs: Any) -> Any:
    """Call a method of the environment; any exception becomes an ``AgentlabError``."""
    try:
        return getattr(env, method)(*args, **kwargs)
    except Exception as error:
        given = ", ".join([*map(repr, args), *(f"{key}={kwargs[key]}" for key in kwargs)])
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise AgentlabError(f"{method}({given}) raised {what}") from error


def _reset(env: gymnasium.Env[Any, Any], seed: int | None = None) -> Any:
    result = _call(env, "reset", seed=seed)
    if not (isinstance(result, tuple) and len(result) == 2):
        raise AgentlabError(
            f"reset() returned {_describe(result)}; it must return the pair (observation, info)"
        )
    observation, info = result
    _check_info("reset", info)
    _check_member(observation, env.observation_space, "the observation of reset()")
    return observation


def _step(env: gymnasium.Env[Any, Any], action: Any) -> tuple[Any, Any, bool, bool, Any]:
    result = _call(env, "step", action)
    if not (isinstance(result, tuple) and len(result) == 5):
        hint = ""
        if isinstance(result, tuple) and len(result) == 4:
            hint = "; agentlab.envs.old_gym.adapt converts environments of the old gym API"
        raise AgentlabError(
            f"step() returned {_describe(result)}; it must return the 5 values (observation, "
            f"reward, terminated, truncated, info){hint}"
        )
    observation, reward, terminated, truncated, info = result
    _check_member(observation, env.observation_space, "the observation of step()")
    if not isinstance(reward, numbers.Real | np.floating | np.integer) or isinstance(reward, bool):
        raise AgentlabError(f"the reward of step() is {_describe(reward)}; it must be a number")
    if not math.isfinite(reward):
        raise AgentlabError(f"the reward of step() is {reward}; it must be finite")
    for name, flag in (("terminated", terminated), ("truncated", truncated)):
        if not isinstance(flag, bool | np.bool_):
            raise AgentlabError(f"{name} of step() is {_describe(flag)}; it must be True or False")
    _check_info("step", info)
    return observation, reward, bool(terminated), bool(truncated), info


def _check_info(method: str, info: Any) -> None:
    if not isinstance(info, dict):
        raise AgentlabError(f"info of {method}() is {_describe(info)}; it must be a dict")


def _check_member(value: Any, space: spaces.Space[Any], what: str) -> None:
    """Raise if a value is not in its space, naming its type, dtype, shape or range."""
    if isinstance(space, spaces.Dict):
        if not (isinstance(value, dict) and value.keys() == space.spaces.keys()):
            raise AgentlabError(
                f"{what} is {_describe(value)}; it must have the keys {list(space)}"
            )
        for key, inner in space.items():
            _check_member(value[key], inner, f"{what} at {key!r}")
    elif isinstance(space, spaces.Tuple):
        if not (isinstance(value, tuple) and len(value) == len(space)):
            raise AgentlabError(f"{what} is {_describe(value)}; it must be {len(space)} values")
        for i, inner in enumerate(space):
            _check_member(value[i], inner, f"{what} at {i}")
    elif isinstance(space, spaces.Box):
        _check_array(value, space, what)
    elif not space.contains(value):
        raise AgentlabError(
            f"{what} is {_describe(value)}, which is not an element of the space {space}"
        )


def _check_array(value: Any, space: spaces.Box, what: str) -> None:
    if not isinstance(value, np.ndarray | np.generic):
        raise AgentlabError(
            f"{what} is {_describe(value)}; it must be a NumPy array of {space.dtype} {space.shape}"
        )
    if value.dtype != space.dtype:
        raise AgentlabError(f"{what} has dtype {value.dtype}, but its space has {space.dtype}")
    if value.shape != space.shape:
        raise AgentlabError(f"{what} has shape {value.shape}, but its space has {space.shape}")
    array = np.asarray(value)
    outside = np.argwhere(~((array >= space.low) & (array <= space.high)))  # NaN counts as outside
    if len(outside):
        at = tuple(map(int, outside[0]))
        where = f" at index {at[0] if len(at) == 1 else at}" if at else ""
        raise AgentlabError(
            f"{what} is {array[at]}{where}, outside the bounds of its space, "
            f"{space.low[at]} to {space.high[at]}"
        )


def _check_image(image: Any) -> None:
    is_array = isinstance(image, np.ndarray)
    if not is_array or image.dtype != np.uint8 or image.shape[2:] != (3,):
        raise AgentlabError(
            f"render() with render_mode='rgb_array' returned {_describe(image)}; it must return "
            "an array of uint8 (height, width, 3)"
        )


def _describe(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} {value.shape}"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)} values"
    text = repr(value)
    return f"{text if len(text) <= 40 else text[:37] + '...'} ({type(value).__name__})"
