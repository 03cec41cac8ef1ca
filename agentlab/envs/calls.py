"""Calls of an environment's methods, and the sentences about exceptions that they raise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gymnasium import Env

from agentlab.envs.api_checks import check_reset, check_step
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
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        raise Violation(sentence_of(error, env, method, given)) from error


def sentence_of(error: BaseException, env: Env[Any, Any], method: str, given: str) -> str:
    """Return the sentence about an exception that a method of ``env`` raised.

    Gymnasium's wrappers fail on results of a wrong length with errors that do not say so; if no
    line of a user raised the exception, the innermost environment is called once more.
    """
    if isinstance(error, AgentlabError):
        return str(error)
    inner = env.unwrapped
    if inner is env or isinstance(error, SystemExit) or place_of(error):
        return raised(method, given, error)
    try:
        with calling(inner, "reset", "seed=0"):
            result: Any = inner.reset(seed=0)
        check_reset(result)
        action = inner.action_space.sample()
        with calling(inner, "step", repr(action)):
            result = inner.step(action)
        check_step(result)
    except Violation as violation:
        return str(violation)
    return raised(method, given, error)
