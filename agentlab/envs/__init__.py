"""Environments: making them by name, seeing them preprocessed, and stepping many at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium

from agentlab.envs.atari_vector import AtariVector, supports
from agentlab.envs.catalogue import is_atari, list_envs, make_env
from agentlab.envs.check import check_env
from agentlab.envs.preprocessing import Frames, Preprocessed, Preprocessing
from agentlab.envs.vector import LocalVector, Step, VectorEnv, WorkerVector, check_num_envs
from agentlab.errors import AgentlabError

__all__ = [
    "AtariVector",
    "Frames",
    "LocalVector",
    "Preprocessed",
    "Preprocessing",
    "Step",
    "VectorEnv",
    "WorkerVector",
    "check_env",
    "list_envs",
    "make_env",
    "make_envs",
]


def make_envs(
    env: str | Callable[[], gymnasium.Env[Any, Any]],
    n: int = 1,
    *,
    preprocessing: Preprocessing | None = None,
    workers: int | None = None,
    render: bool = False,
    **kwargs: Any,
) -> VectorEnv:
    """Make ``n`` copies of an environment, to be stepped together.

    Args:
        env: an id of Gymnasium's (``"CartPole-v1"``, ``"ALE/Pong-v5"``), ``"gym:ID"`` for one of
            the old gym package's, ``"module:ID"`` for one that a module registers when it is
            imported, or a function that makes an environment. An id keeps its exact meaning.
        n: how many copies.
        preprocessing: what is done to observations and rewards.
        workers: how many processes (or, where ale-py's own vector can express the environment,
            threads) step them; 0 for none but this one. ``None`` chooses: one a core for Atari,
            whose emulator is slow and holds the interpreter lock, none for the rest.
        render: whether ``render()`` will be called.
        kwargs: passed to the environment's constructor.

    Raises:
        AgentlabError: for an unknown id or a number out of range.
    """
    check_num_envs(n)
    if workers is not None and workers < 0:
        raise AgentlabError(f"workers={workers} must be 0 or more")
    preprocessing = preprocessing or Preprocessing()
    if render:
        kwargs["render_mode"] = "rgb_array"
    name = env if isinstance(env, str) else getattr(env, "__qualname__", type(env).__name__)
    spec = gymnasium.spec(env) if isinstance(env, str) and is_atari(env) else None
    if spec is not None and preprocessing.grayscale:
        kwargs.setdefault("obs_type", "grayscale")  # the same screen, without the detour over RGB
    if workers is None:
        workers = min(n, os.cpu_count() or 1) if spec is not None and n > 1 else 0
    if spec is not None and workers and not render and supports(spec, preprocessing, **kwargs):
        return AtariVector(spec, n, preprocessing, workers, **kwargs)
    makers = [partial(_make_one, env, preprocessing, kwargs)] * n
    return WorkerVector(makers, name, workers) if workers else LocalVector(makers, name)


def _make_one(
    env: str | Callable[[], gymnasium.Env[Any, Any]],
    preprocessing: Preprocessing,
    kwargs: dict[str, Any],
) -> gymnasium.Env[Any, Any]:
    made = make_env(env, **kwargs) if isinstance(env, str) else env(**kwargs)
    if isinstance(made.observation_space, gymnasium.spaces.Dict | gymnasium.spaces.Tuple):
        made = gymnasium.wrappers.FlattenObservation(made)
    return Preprocessed(made, preprocessing) if preprocessing.touches_anything else made
