"""Environments by name: what there is, and making one."""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Iterable
from typing import Any

import ale_py
import gymnasium

from agentlab.envs import old_gym
from agentlab.errors import AgentlabError
from agentlab.import_path import allow_current_folder

ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)  # no banner at the first game
gymnasium.register_envs(ale_py)


def list_envs(filter: str = "") -> list[str]:
    """Return the ids of all environments that Gymnasium knows, Atari's included, sorted.

    Args:
        filter: only ids that contain this text, in whichever case.
    """
    return sorted(id for id in gymnasium.registry if filter.lower() in id.lower())


def make_env(id: str, **kwargs: Any) -> gymnasium.Env[Any, Any]:
    """Make one environment, exactly the one that ``id`` means.

    Args:
        id: an id of Gymnasium's (``"CartPole-v1"``, ``"Pong-v0"``, ``"ALE/Pong-v5"``),
            ``"gym:ID"`` for one of the old gym package's, or ``"module:ID"`` for one that a module
            registers when it is imported.
        kwargs: passed to the environment's constructor, ``render_mode="rgb_array"`` for one.

    Raises:
        AgentlabError: for an id that is unknown or that Gymnasium has dropped, an argument that
            the environment does not take, and a package or a game ROM that is missing.
    """
    if ":" in id.removeprefix("gym:"):
        allow_current_folder()
    try:
        if id.startswith("gym:"):
            return old_gym.make_env(id.removeprefix("gym:"), **kwargs)
        kwargs.setdefault("disable_env_checker", True)  # check_env does that once, not every step
        with warnings.catch_warnings():
            # Pong-v0 was asked for: that there is a Pong-v4 is beside the point.
            warnings.filterwarnings("ignore", message=".*is out of date")
            return gymnasium.make(id, **kwargs)
    except old_gym.UnknownEnv as error:
        near = f"; Gymnasium has {id[4:]!r}" if id[4:] in gymnasium.registry else ""
        near = near or _nearest(id, [f"gym:{known}" for known in error.known])
        raise AgentlabError(f"env={id!r} is unknown to the old gym package{near}") from error
    except gymnasium.error.UnregisteredEnv as error:
        raise AgentlabError(f"env={id!r} is unknown{_nearest(id, gymnasium.registry)}") from error
    except gymnasium.error.DeprecatedEnv as error:
        raise AgentlabError(
            f"env={id!r} was dropped by Gymnasium{_nearest(id, gymnasium.registry)}"
        ) from error
    except (gymnasium.error.Error, ImportError) as error:
        raise AgentlabError(f"env={id!r} cannot be made: {_what_is_missing(error)}") from error
    except OSError as error:
        if not is_atari(id):
            raise
        raise AgentlabError(
            f"env={id!r} has no ROM ({error}); ale-py brings all of them: unset ALE_ROMS_DIR, or "
            "run pip install --force-reinstall ale-py"
        ) from error
    except TypeError as error:
        unexpected = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if unexpected is None or unexpected[1] not in kwargs:
            raise
        raise AgentlabError(f"env={id!r} takes no argument {unexpected[1]!r}") from error


def is_atari(id: str) -> bool:
    """Whether ``id`` is a registered game of the Arcade Learning Environment."""
    spec = gymnasium.registry.get(id)
    return spec is not None and spec.entry_point == "ale_py.env:AtariEnv"


def _nearest(id: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'a', 'b' or 'c'?"``, blind to case, or where to find all ids."""
    by_lower_case = {name.lower(): name for name in known}
    near = difflib.get_close_matches(id.lower(), by_lower_case, n=3, cutoff=0.7)
    if not near:
        return "; agentlab envs lists all that there are"
    *others, last = [repr(by_lower_case[name]) for name in near]
    return f"; did you mean {', '.join(others)}{' or ' if others else ''}{last}?"


def _what_is_missing(error: Exception) -> str:
    """Say what to install, where the error itself does not."""
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        package = error.name.partition(".")[0]
        return f"the module {package!r} is missing (pip install {package}, if that is its package)"
    return str(error).partition(". ")[0].rstrip(".")  # what follows is advice to developers
