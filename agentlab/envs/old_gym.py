"""Environments of the old gym package, and others written for its interfaces, as Gymnasium's.

Three interfaces are understood:

- gym 0.26: ``reset(seed=...) -> (observation, info)`` and a ``step`` that gives 5 values;
- gym 0.22 to 0.25: ``reset(seed=...) -> observation`` and a ``step`` that gives 4 values;
- before: ``seed(...)``, ``reset() -> observation`` and a ``step`` that gives 4 values.
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
    """An id that the gym package does not know; ``known`` holds those that it does."""

    def __init__(self, id: str, known: list[str]) -> None:
        super().__init__(id)
        self.known = known


def make_env(id: str, **kwargs: Any) -> gymnasium.Env[Any, Any]:
    """Make an environment of the installed gym package, adapted to Gymnasium.

    It is made from gym's registry but not by ``gym.make``, whose checker needs what NumPy 2 no
    longer has and whose time limit fails on a ``step`` that gives 4 values.

    Args:
        id: its id in gym's registry, or ``"module:ID"`` for one that ``module`` registers there.
        kwargs: passed to the environment's constructor; ``render_mode`` also where that takes none.

    Raises:
        UnknownEnv: for an id that is not in the registry.
        AgentlabError: where gym, or a package that the environment needs, is not installed.
    """
    gym = _import_gym()
    module, _, name = id.rpartition(":")
    render_mode = kwargs.pop("render_mode", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about gym's age, at every turn
        if module:
            importlib.import_module(module)
        if name not in gym.envs.registry:
            raise UnknownEnv(name, sorted(gym.envs.registry))
        spec = gym.spec(name)
        try:
            load = gym.envs.registration.load
            maker = spec.entry_point if callable(spec.entry_point) else load(spec.entry_point)
            if render_mode is not None and _takes(maker, "render_mode"):
                kwargs["render_mode"] = render_mode
            old = maker(**{**spec.kwargs, **kwargs})
        except gym.error.Error as error:
            raise AgentlabError(f"env='gym:{id}' cannot be made: {error}") from error
    env = adapt(old, render_mode)
    limit = spec.max_episode_steps
    return env if limit is None else gymnasium.wrappers.TimeLimit(env, limit)


def adapt(env: Any, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
    """Return an environment of an old interface as one of Gymnasium's.

    Args:
        env: what has ``reset``, ``step``, ``observation_space`` and ``action_space``, these of gym
            or of Gymnasium.
        render_mode: how to render where ``env.render`` takes a ``mode``; environments of gym 0.26
            are told when they are made.

    Raises:
        AgentlabError: for a space of a kind that Gymnasium lacks; from ``step``, for a result that
            no version of gym gave.
    """
    return _Adapted(env, render_mode)


class _Adapted(gymnasium.Env[Any, Any]):
    def __init__(self, env: Any, render_mode: str | None) -> None:
        self.env = env
        self.metadata = getattr(env, "metadata", {})
        self.render_mode = getattr(env, "render_mode", None) or render_mode
        self.observation_space = _converted(env.observation_space)
        self.action_space = _converted(env.action_space)
        innermost = getattr(env, "unwrapped", env)  # gym's wrappers take any argument
        self._reset_takes_seed = _takes(innermost.reset, "seed")
        self._render_takes_mode = _takes(getattr(innermost, "render", None), "mode")

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
        return importlib.import_module("gym")  # says on stderr that it is unmaintained


def _takes(function: Any, parameter: str) -> bool:
    return function is not None and parameter in inspect.signature(function).parameters


def _converted(space: Any) -> spaces.Space[Any]:
    """Return one of gym's spaces as Gymnasium's, told by the name of its class."""
    if isinstance(space, spaces.Space):
        return space
    for base in type(space).__mro__:
        if base.__name__ in _CONVERTERS:
            return _CONVERTERS[base.__name__](space)
    raise AgentlabError(f"the space {space} of an old environment has no counterpart in Gymnasium")


_CONVERTERS: dict[str, Callable[[Any], spaces.Space[Any]]] = {
    "Box": lambda s: spaces.Box(s.low, s.high, s.shape, s.dtype.type),
    "Discrete": lambda s: spaces.Discrete(int(s.n), start=int(getattr(s, "start", 0))),
    "MultiDiscrete": lambda s: spaces.MultiDiscrete(s.nvec),
    "MultiBinary": lambda s: spaces.MultiBinary(s.n),
    "Tuple": lambda s: spaces.Tuple([_converted(item) for item in s.spaces]),
    "Dict": lambda s: spaces.Dict({key: _converted(item) for key, item in s.spaces.items()}),
}
