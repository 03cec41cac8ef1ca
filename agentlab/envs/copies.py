"""Making the copies of an environment in a vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium

from agentlab.envs.api_checks import describe
from agentlab.envs.failures import OLD_API, EnvFailure, making
from agentlab.envs.spaces import layout
from agentlab.errors import InvalidArgument

EnvMaker = Callable[[], "gymnasium.Env[Any, Any]"]


def check_maker(env: Any) -> None:
    """Raise ``InvalidArgument`` unless ``env`` is an id or a function that makes an environment."""
    if isinstance(env, str):
        return
    if isinstance(env, gymnasium.Env) or (hasattr(env, "reset") and hasattr(env, "step")):
        if not isinstance(env, type):
            spec = getattr(env, "spec", None)
            id = getattr(spec, "id", None)
            example = f"gymnasium.make({id!r})" if id else f"{type(env).__name__}()"
            raise InvalidArgument(
                f"env={describe(env)} is one environment; pass an id or a function that makes a "
                f"new one on every call, such as lambda: {example}"
            )
    elif not callable(env):
        raise InvalidArgument(
            f"env={describe(env)} must be an id, such as 'CartPole-v1', or a function that makes "
            "an environment"
        )


def make_one(make: EnvMaker, id: str) -> gymnasium.Env[Any, Any]:
    """Make one environment of a vector.

    Args:
        make: a function that makes it.
        id: id of the environment, for messages.

    Raises:
        AgentlabError: if the function raises anything, or does not return an environment.
    """
    with making(id):
        env: Any = make()
    return check_made(env, id)


def check_made(env: Any, id: str) -> gymnasium.Env[Any, Any]:
    """Return what a user's function made; raise an ``EnvFailure`` if it is not an environment."""
    if not isinstance(env, gymnasium.Env):
        is_vector = isinstance(env, gymnasium.vector.VectorEnv)
        old = hasattr(env, "reset") and hasattr(env, "step") and not is_vector
        hint = f"; {OLD_API}" if old else ""
        raise EnvFailure(
            f"env={id!r} returned {describe(env)}; it must return a gymnasium.Env{hint}"
        )
    return env


def name_of(env: str | Callable[..., Any]) -> str:
    """Return the id of an environment, or the name of the function that makes it."""
    return env if isinstance(env, str) else getattr(env, "__qualname__", type(env).__name__)


def check_copies(envs: Sequence[gymnasium.Env[Any, Any]], env_id: str) -> None:
    """Raise an ``EnvFailure`` if two environments are the same object, or their spaces differ.

    Args:
        envs: the copies of an environment.
        env_id: its id, for messages.
    """
    distinct = len({id(env.unwrapped) for env in envs})
    if distinct < len(envs):
        raise EnvFailure(
            f"env={env_id!r} gives the same object more than once ({distinct} for {len(envs)} "
            "environments); pass a function that makes a new environment on every call"
        )
    for name in ("observation_space", "action_space"):
        first, *others = [getattr(env, name) for env in envs]
        for other in others:
            if layout(other) != layout(first):
                raise EnvFailure(
                    f"env={env_id!r} has copies with different {name}s: {first} and {other}"
                )
