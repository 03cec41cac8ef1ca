"""Errors of environments, as one-line messages that name the user's own file and line."""

from __future__ import annotations

import os
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gymnasium

from agentlab.errors import AgentlabError, exit_call, text_of

MAX_MESSAGE = 500  # characters of an exception's message that are shown
MAX_GIVEN = 60  # characters of an action
OLD_API = "agentlab.envs.old_gym.adapt converts environments of the old gym API"
# What gymnasium.make says about a class of the old gym, or without a base class.
_NOT_AN_ENV = ("inherit from the gymnasium.Env", "Gym is incompatible with Gymnasium")
_OURS = (str(Path(__file__).parents[1]), str(Path(gymnasium.__file__).parent))
_STANDARD = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
_INSTALLED = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))


class EnvFailure(AgentlabError):
    """An environment raised an exception, called ``sys.exit``, died or returned invalid values."""


class Violation(AgentlabError):
    """An environment returned something that the Gymnasium API or its own spaces do not allow."""


def describe_error(error: BaseException) -> str:
    """Describe an exception raised by a user's code: its type, message and the user's line.

    >>> def step(action):
    ...     raise ConnectionError("no simulator")
    >>> try:
    ...     step(0)
    ... except ConnectionError as error:
    ...     describe_error(error)
    'ConnectionError: no simulator (...line 2, in step)'
    """
    if isinstance(error, SystemExit):
        what = f"SystemExit: {exit_call(error)} was called"
    else:
        message = text_of(error)
        if len(message) > MAX_MESSAGE:
            message = message[:MAX_MESSAGE] + "..."
        what = f"{type(error).__name__}: {message}".removesuffix(": ")
    place = place_of(error)
    return f"{what} ({place})" if place else what


def place_of(error: BaseException) -> str:
    """Return the file, line and function that raised; ``""`` if it was not a user's code.

    It is the innermost line outside installed packages; if there is none, the innermost one of a
    package other than Gymnasium.
    """
    seen: BaseException | None = error
    while seen is not None:
        frames = [
            frame
            for frame in traceback.extract_tb(seen.__traceback__)
            if not frame.filename.startswith("<frozen") and not _within(frame, _OURS)
        ]
        installed = [frame for frame in frames if _within(frame, _INSTALLED)]
        others = [frame for frame in frames if frame not in installed]
        own = [frame for frame in others if not _within(frame, _STANDARD)]
        if found := own or installed:
            return f"{found[-1].filename}, line {found[-1].lineno}, in {found[-1].name}"
        seen = seen.__cause__ or seen.__context__  # Gymnasium re-raises some errors as others
    return ""


def _within(frame: traceback.FrameSummary, folders: tuple[str, ...]) -> bool:
    return any(frame.filename.startswith(folder + os.sep) for folder in folders)


@contextmanager
def making(id: str) -> Iterator[None]:
    """Turn any exception of an environment's constructor into an ``EnvFailure``.

    This includes ``SystemExit``: a constructor that calls ``sys.exit(0)`` has not succeeded.
    """
    try:
        yield
    except (AgentlabError, KeyboardInterrupt):
        raise
    except BaseException as error:
        foreign = isinstance(error, TypeError) and any(text in str(error) for text in _NOT_AN_ENV)
        hint = f"; {OLD_API}" if foreign else ""
        raise EnvFailure(f"env={id!r} cannot be made: {describe_error(error)}{hint}") from error


def raised(method: str, given: str, error: BaseException) -> str:
    """Return the message for a method of an environment that raised an exception."""
    hint = ""
    if method == "reset" and isinstance(error, TypeError) and "unexpected keyword" in str(error):
        hint = f"; it must be reset(self, *, seed=None, options=None); {OLD_API}"
    shown = " ".join(given.split())
    shown = shown if len(shown) <= MAX_GIVEN else shown[:MAX_GIVEN] + "..."
    return f"{method}({shown}) raised {describe_error(error)}{hint}"
