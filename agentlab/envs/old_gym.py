"""Adapts environments of the old gym package, or written for one of its APIs, to Gymnasium.

Three APIs are supported:

- gym 0.26: ``reset(seed=...) -> (observation, info)`` and a ``step`` that returns 5 values;
- gym 0.22 to 0.25: ``reset(seed=...) -> observation`` and a ``step`` that returns 4 values;
- older: ``seed(...)``, ``reset() -> observation`` and a ``step`` that returns 4 values.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import io
import warnings
from collections.abc import Callable
from typing import Any

import gymnasium
from gymnasium import spaces

from agentlab.errors import AgentlabError


class UnknownEnv(Exception):
    """An id that the gym package does not know; ``known`` lists the ids that it knows."""

    def __init__(self, id: str, known: list[str]) -> None:
        super().__init__(id)
        self.known = known


def make_env(id: str, **kwargs: Any) -> gymnasium.Env[Any, Any]:
    """Make an environment of the installed gym package, adapted to Gymnasium.

    It is made from gym's registry, but not by ``gym.make``: its checker fails with NumPy 2, and
    its time limit fails for a ``step`` that returns 4 values.

    Args:
        id: its id in gym's registry, or ``"module:ID"`` for one that ``module`` registers there.
        kwargs: passed to the environment's constructor; ``render_mode`` even if that has no
            such argument.

    Raises:
        UnknownEnv: for an id that is not in the registry.
        AgentlabError: if gym, or a package that the environment needs, is not installed.
    """
    gym = _import_gym()
    module, _, name = id.rpartition(":")
    render_mode = kwargs.pop("render_mode", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # gym warns that it is unmaintained
        if module:
            importlib.import_module(module)
        if name not in gym.envs.registry:
            raise UnknownEnv(name, sorted(gym.envs.registry))
        spec = gym.spec(name)
        try:
            load = gym.envs.registration.load
            maker = spec.entry_point if callable(spec.entry_point) else load(spec.entry_point)
            if render_mode is not None and _has_parameter(maker, "render_mode"):
                kwargs["render_mode"] = render_mode
            env = maker(**{**spec.kwargs, **kwargs})
        except gym.error.Error as error:
            raise AgentlabError(f"env='gym:{id}' cannot be made: {error}") from error
    adapted = adapt(env, render_mode)
    limit = spec.max_episode_steps
    return adapted if limit is None else gymnasium.wrappers.TimeLimit(adapted, limit)


def adapt(env: Any, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
    """Convert an environment of an old gym API to the Gymnasium API.

    Args:
        env: an environment with ``reset``, ``step``, ``observation_space`` and ``action_space``;
            the spaces may be gym's or Gymnasium's.
        render_mode: passed to ``env.render`` if that has a ``mode`` argument; environments of gym
            0.26 take it in their constructor instead.

    Raises:
        AgentlabError: for a space that has no equivalent in Gymnasium; in ``step``, for a result of
            the wrong length.
    """
    return _GymAdapter(env, render_mode)


class _GymAdapter(gymnasium.Env[Any, Any]):
    def __init__(self, env: Any, render_mode: str | None) -> None:
        self.env = env
        self.metadata = getattr(env, "metadata", {})
        self.render_mode = getattr(env, "render_mode", None) or render_mode
        self.observation_space = _convert_space(env.observation_space)
        self.action_space = _convert_space(env.action_space)
        innermost = getattr(
            env, "unwrapped", env
        )  # signatures of gym's wrappers hide the arguments
        self._reset_takes_seed = _has_parameter(innermost.reset, "seed")
        self._render_takes_mode = _has_parameter(getattr(innermost, "render", None), "mode")

    def __str__(self) -> str:
        return f"<adapted {self.env}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "env":
            raise AttributeError(name)
        return getattr(self.env, name)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        if self._reset_takes_seed:
            result = self.env.reset(seed=seed)
        else:
            if seed is not None and hasattr(self.env, "seed"):
                self.env.seed(seed)
            result = self.env.reset()
        if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict):
            return result
        return result, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        result = self.env.step(action)
        if len(result) == 5:
            observation, reward, terminated, truncated, info = result
        elif len(result) == 4:
            observation, reward, done, info = result
            truncated = done and info.get("TimeLimit.truncated", False)
            terminated = done and not truncated
        else:
            raise AgentlabError(
                f"step() of {self.env} returned {len(result)} values; it must return 4 "
                "(observation, reward, done, info) or 5 (observation, reward, terminated, "
                "truncated, info)"
            )
        return observation, float(reward), bool(terminated), bool(truncated), info

    def render(self) -> Any:
        return (
            self.env.render(mode=self.render_mode) if self._render_takes_mode else self.env.render()
        )

    def close(self) -> None:
        if hasattr(self.env, "close"):
            self.env.close()


def _import_gym() -> Any:
    if importlib.util.find_spec("gym") is None:
        raise AgentlabError(
            'env="gym:..." needs the old gym package, which is not installed: '
            'pip install "gym==0.26.2"'
        )
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("gym")  # prints that it is unmaintained


def _has_parameter(function: Any, parameter: str) -> bool:
    return function is not None and parameter in inspect.signature(function).parameters


def _convert_space(space: Any) -> spaces.Space[Any]:
    """Convert a space of gym, recognized by the name of its class, to Gymnasium."""
    if isinstance(space, spaces.Space):
        return space
    for base in type(space).__mro__:
        if base.__name__ in _CONVERTERS:
            return _CONVERTERS[base.__name__](space)
    raise AgentlabError(f"the space {space} of an old environment has no equivalent in Gymnasium")


_CONVERTERS: dict[str, Callable[[Any], spaces.Space[Any]]] = {
    "Box": lambda s: spaces.Box(s.low, s.high, s.shape, s.dtype.type),
    "Discrete": lambda s: spaces.Discrete(int(s.n), start=int(getattr(s, "start", 0))),
    "MultiDiscrete": lambda s: spaces.MultiDiscrete(s.nvec),
    "MultiBinary": lambda s: spaces.MultiBinary(s.n),
    "Tuple": lambda s: spaces.Tuple([_convert_space(item) for item in s.spaces]),
    "Dict": lambda s: spaces.Dict({key: _convert_space(item) for key, item in s.spaces.items()}),
}
