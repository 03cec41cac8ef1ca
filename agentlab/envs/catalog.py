"""Environments by id: listing them and making one."""

from __future__ import annotations

import difflib
import importlib
import re
import warnings
from collections.abc import Iterable
from typing import Any

import ale_py
import gymnasium
from gymnasium.envs.registration import EnvSpec, find_highest_version, parse_env_id

from agentlab.envs import old_gym
from agentlab.envs.failures import making
from agentlab.envs.no_velocity import register_no_velocity
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.import_path import allow_current_folder

ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)  # no banner
gymnasium.register_envs(ale_py)
register_no_velocity()
# Modules that register the environments of a package, by the prefix of their ids; the packages are
# named like the extras.
EXTRAS = {"MiniGrid-": "minigrid", "BabyAI-": "minigrid", "MinAtar/": "minatar.gym"}


def list_envs(filter: str = "") -> list[str]:
    """Return the ids registered with Gymnasium, Atari games included, in sorted order.

    Args:
        filter: return only ids that contain this text; case is ignored.

    >>> list_envs("frozenlake")
    ['FrozenLake-v1', 'FrozenLake8x8-v1']
    """
    return sorted(id for id in gymnasium.registry if filter.lower() in id.lower())


def make_env(id: str, **kwargs: Any) -> gymnasium.Env[Any, Any]:
    """Make one environment, with all the wrappers that its id implies.

    Args:
        id: a Gymnasium id (``"CartPole-v1"``, ``"Pong-v0"``, ``"ALE/Pong-v5"``), ``"gym:ID"`` for
            an environment of the old gym package, ``"module:ID"`` for one that a module registers
            on import, or ``"module:Class"`` for a class that a module defines.
        kwargs: passed to the environment's constructor, such as ``render_mode="rgb_array"``.

    Raises:
        InvalidArgument: for an id that is unknown or that Gymnasium has removed, or an argument
            that the environment does not accept.
        AgentlabError: if a package or an Atari ROM is missing, or the constructor fails.

    >>> make_env("CartPole-v1").spec.max_episode_steps
    500
    """
    if ":" in id.removeprefix("gym:"):
        allow_current_folder()
    with making(id):
        return _make(id, kwargs)


def _make(id: str, kwargs: dict[str, Any]) -> gymnasium.Env[Any, Any]:
    missing = _register(id)
    if missing is not None:
        raise _missing_extra(id, missing)
    try:
        if id.startswith("gym:"):
            return old_gym.make_env(id.removeprefix("gym:"), **kwargs)
        kwargs.setdefault(
            "disable_env_checker", True
        )  # it checks every step; check_env checks once
        with warnings.catch_warnings():
            # The caller chose this version deliberately.
            warnings.filterwarnings("ignore", message=".*is out of date")
            return gymnasium.make(_unregistered_class(id) or id, **kwargs)
    except old_gym.UnknownEnv as error:
        near = f"; Gymnasium has {id[4:]!r}" if id[4:] in gymnasium.registry else ""
        near = near or _nearest(id, [f"gym:{known}" for known in error.known])
        raise InvalidArgument(f"env={id!r} is unknown to the old gym package{near}") from error
    except gymnasium.error.UnregisteredEnv as error:
        hint = _nearest(id, gymnasium.registry)
        module, _, name = id.rpartition(":")
        if module:
            hint = f": the module {module!r} neither registers nor defines {name!r}"
        raise InvalidArgument(f"env={id!r} is unknown{hint}") from error
    except gymnasium.error.DeprecatedEnv as error:
        raise InvalidArgument(
            f"env={id!r} was removed from Gymnasium{_nearest(id, gymnasium.registry)}"
        ) from error
    except (gymnasium.error.Error, ImportError) as error:
        needed = re.search(r"gymnasium\[(box2d|mujoco)\]", str(error))
        if needed is not None:
            raise _missing_extra(id, needed[1]) from error
        raise AgentlabError(f"env={id!r} cannot be made: {_reason(error)}") from error
    except OSError as error:
        if not is_atari(id):
            raise
        raise AgentlabError(
            f"env={id!r} has no ROM ({error}); ale-py includes all of them: unset ALE_ROMS_DIR, or "
            "run pip install --force-reinstall ale-py"
        ) from error
    except TypeError as error:
        unexpected = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if unexpected is None or unexpected[1] not in kwargs:
            raise
        raise InvalidArgument(f"env={id!r} takes no argument {unexpected[1]!r}") from error


def _missing_extra(id: str, extra: str) -> AgentlabError:
    return AgentlabError(f"env={id!r} needs the package {extra}: pip install -e '.[{extra}]'")


def newest_version(id: str) -> str:
    """Return the id with its newest version, if it is a registered id without its version.

    >>> newest_version("CartPole"), newest_version("CartPole-v0"), newest_version("Nothing")
    ('CartPole-v1', 'CartPole-v0', 'Nothing')
    """
    _register(id)
    if ":" in id or id in gymnasium.registry:
        return id
    try:
        namespace, name, version = parse_env_id(id)
    except gymnasium.error.Error:  # not an id
        return id
    newest = None if version is not None else find_highest_version(namespace, name)
    return id if newest is None else f"{id}-v{newest}"


def _register(id: str) -> str | None:
    """Register the environments of an extra's package; return its name if it is missing."""
    module = next((extra for start, extra in EXTRAS.items() if id.startswith(start)), None)
    if module is None or id in gymnasium.registry:
        return None
    package = module.partition(".")[0]
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError:
        return package
    if package == "minatar" and "MinAtar/Breakout-v1" not in gymnasium.registry:
        imported.register_envs()
    return None


def _unregistered_class(id: str) -> EnvSpec | None:
    """Return the specification of ``"module:Class"``, if the module does not register that name."""
    module, _, name = id.rpartition(":")
    if not (module and name.isidentifier()):
        return None
    imported = importlib.import_module(module)
    if name in gymnasium.registry or not callable(getattr(imported, name, None)):
        return None
    return EnvSpec(name, entry_point=id)


def is_atari(id: str) -> bool:
    """Return whether ``id`` is a registered game of the Arcade Learning Environment."""
    spec = gymnasium.registry.get(id)
    return spec is not None and spec.entry_point == "ale_py.env:AtariEnv"


def _nearest(id: str, known: Iterable[str]) -> str:
    """Return the hint ``"; did you mean 'a', 'b' or 'c'?"``, or that `agentlab envs` lists ids."""
    by_lower_case = {name.lower(): name for name in known}
    near = difflib.get_close_matches(id.lower(), by_lower_case, n=3, cutoff=0.7)
    if not near:
        return "; `agentlab envs` lists all ids"
    *others, last = [repr(by_lower_case[name]) for name in near]
    return f"; did you mean {', '.join(others)}{' or ' if others else ''}{last}?"


def _reason(error: Exception) -> str:
    """Return the first sentence of the error, or for a missing module how to install it."""
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        package = error.name.partition(".")[0]
        return f"the module {package!r} is missing; pip install {package} may provide it"
    return str(error).partition(". ")[0].rstrip(".")  # the rest is advice for developers
