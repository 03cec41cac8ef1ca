"""A checker that reports the first violation of the Gymnasium API in one sentence."""

from __future__ import annotations

import copy
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils.env_checker import data_equivalence

from agentlab.envs.api_checks import (
    check_member,
    check_reset,
    check_space,
    check_step,
    describe,
    flag_of,
    reward_of,
)
from agentlab.envs.calls import calling
from agentlab.envs.failures import Violation
from agentlab.errors import AgentlabError, InvalidArgument

STEPS = 200


def check_env(env: gymnasium.Env[Any, Any]) -> None:
    """Check that an environment follows the Gymnasium API, by taking 200 random steps in it.

    Training checks every step too, with the same messages. It tolerates only deviations that lose
    nothing but precision, such as float64 observations in a float32 space.

    Args:
        env: the environment; it is reset and stepped, but not closed.

    Raises:
        AgentlabError: for the first violation, with what was found and what is expected.

    >>> import gymnasium
    >>> check_env(gymnasium.make("CartPole-v1"))
    """
    if isinstance(env, type | str) or (callable(env) and not hasattr(env, "step")):
        raise InvalidArgument(
            f"env={env!r} is not an environment; pass gymnasium.make(ID) or Env()"
        )
    for name in ("reset", "step"):
        if not callable(getattr(env, name, None)):
            raise AgentlabError(f"the environment {env!r} has no method {name}()")
    for name in ("observation_space", "action_space"):
        check_space(name, getattr(env, name, None))
    _check_episodes(env)
    _check_seeds(env)
    if getattr(env, "render_mode", None) == "rgb_array":
        _check_image(env)


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
        raise Violation(f"reset(seed=123) called twice gave two different observations: {advice}")
    if not data_equivalence(first[1], second[1]):
        raise Violation(
            f"step({action!r}) after reset(seed=123) gave two different results: {advice}"
        )


def _reset(env: gymnasium.Env[Any, Any], seed: int | None = None) -> Any:
    with calling(env, "reset", f"seed={seed}"):
        result = env.reset(seed=seed)
    observation, _ = check_reset(result)
    check_member(observation, env.observation_space, "the observation of reset()")
    return observation


def _step(env: gymnasium.Env[Any, Any], action: Any) -> tuple[Any, float, bool, bool, Any]:
    with calling(env, "step", repr(action)):
        result = env.step(action)
    observation, reward, terminated, truncated, info = check_step(result)
    check_member(observation, env.observation_space, "the observation of step()")
    reward = reward_of(reward)
    terminated = flag_of("terminated", terminated, strict=True)
    return observation, reward, terminated, flag_of("truncated", truncated, strict=True), info


def _check_image(env: gymnasium.Env[Any, Any]) -> None:
    with calling(env, "render", ""):
        image: Any = env.render()
    is_array = isinstance(image, np.ndarray)
    if not is_array or image.dtype != np.uint8 or image.shape[2:] != (3,):
        raise Violation(
            f"render() with render_mode='rgb_array' returned {describe(image)}; it must return "
            "an array of uint8 (height, width, 3)"
        )
