"""Calls to an environment's methods, and the messages for exceptions that they raise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gymnasium import Env

from agentlab.envs.api_checks import check_reset, check_step, conform, reward_of
from agentlab.envs.failures import Violation, place_of, raised
from agentlab.errors import AgentlabError


@contextmanager
def calling(env: Env[Any, Any], method: str, given: str) -> Iterator[None]:
    """Turn any exception of an environment's method into a ``Violation``.

    Args:
        env: the environment.
        method: name of the method.
        given: its arguments, for the message.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise Violation(sentence_of(error, env, method, given)) from error


def sentence_of(
    error: BaseException, env: Env[Any, Any], method: str, given: str, result: Any = None
) -> str:
    """Return the message for an exception that a method of ``env``, or its result, caused.

    If a result has the wrong length, Gymnasium's wrappers raise errors that do not say so. So if
    the exception does not come from a user's code, the innermost environment is called once more.

    Args:
        error: the exception, as caught by the function that called the method.
        env: the environment.
        method: ``"reset"``, ``"step"``, ``"render"`` or ``"close"``.
        given: the arguments of the method, for the message.
        result: what ``reset`` or ``step`` returned; ``None`` if it raised the exception.
    """
    if isinstance(error, AgentlabError):
        return str(error)
    inner: Env[Any, Any] = env.unwrapped
    try:
        if result is not None and error.__traceback__ and error.__traceback__.tb_next is None:
            _check(result, env, method)  # the caller could not unpack or store it
        elif inner is not env and not isinstance(error, SystemExit) and not place_of(error):
            with calling(inner, "reset", "seed=0"):
                result = inner.reset(seed=0)
            check_reset(result)
            action = inner.action_space.sample()
            with calling(inner, "step", repr(action)):
                result = inner.step(action)
            check_step(result)
    except Violation as violation:
        return str(violation)
    return raised(method, given, error)


def _check(result: Any, env: Env[Any, Any], method: str) -> None:
    """Raise a ``Violation`` if a result is not what the API and the spaces allow."""
    returned = check_step(result) if method == "step" else check_reset(result)
    conform(returned[0], env.observation_space, f"the observation of {method}()")
    if method == "step":
        reward_of(returned[1])
