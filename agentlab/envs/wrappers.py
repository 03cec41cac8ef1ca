"""Wrappers around environments, given as classes or by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import gymnasium

from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.import_path import allow_current_folder

Env = gymnasium.Env[Any, Any]
Wrapper = str | Callable[[Env], Env]


def wrap(env: Env, wrappers: Sequence[Wrapper]) -> Env:
    """Apply wrappers to an environment, the first of them innermost.

    Args:
        env: the environment.
        wrappers: functions or classes that take an environment and return one, or their names
            ``"module:Class"``.

    Raises:
        AgentlabError: for a wrapper that cannot be loaded or applied.

    >>> env = wrap(gymnasium.make("CartPole-v1"), ["gymnasium.wrappers:FlattenObservation"])
    >>> type(env).__name__
    'FlattenObservation'
    """
    for wrapper in wrappers:
        make = load_wrapper(wrapper) if isinstance(wrapper, str) else wrapper
        name = wrapper_name(wrapper)
        try:
            wrapped = make(env)
        except AgentlabError:
            raise
        except Exception as error:  # a user's wrapper can raise anything
            why = f"{type(error).__name__}: {error}"
            raise AgentlabError(f"wrapper={name!r} cannot be applied to {env}: {why}") from error
        if not isinstance(wrapped, gymnasium.Env):
            raise InvalidArgument(
                f"wrapper={name!r} returned {wrapped!r}; it must return a gymnasium.Env"
            )
        env = wrapped
    return env


def load_wrapper(name: str) -> Callable[[Env], Env]:
    """Import the wrapper ``"module:Class"``.

    Raises:
        InvalidArgument: if it does not exist or cannot be called.
    """
    module, _, attribute = name.partition(":")
    if not (module and attribute):
        raise InvalidArgument(
            f"wrapper={name!r} must be module:Class, such as gymnasium.wrappers:FlattenObservation"
        )
    allow_current_folder()
    try:
        wrapper: Callable[[Env], Env] = getattr(import_module(module), attribute)
    except Exception as error:  # importing a user's module can raise anything
        why = f"{type(error).__name__}: {error}"
        raise InvalidArgument(f"wrapper={name!r} cannot be loaded: {why}") from error
    if not callable(wrapper):
        raise InvalidArgument(f"wrapper={name!r} is not a class or a function")
    return wrapper


def wrapper_name(wrapper: Wrapper) -> str:
    """Return the name of a wrapper, ``"module:Class"``."""
    if isinstance(wrapper, str):
        return wrapper
    qualname = getattr(wrapper, "__qualname__", type(wrapper).__qualname__)
    return f"{getattr(wrapper, '__module__', '')}:{qualname}"
