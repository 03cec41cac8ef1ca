"""Environments: made by id, preprocessed, and vectorized."""

from __future__ import annotations

import copy
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec

from agentlab.config import to_dict
from agentlab.envs.atari_vector import AtariVector, supports
from agentlab.envs.catalog import is_atari, list_envs, make_env, newest_version
from agentlab.envs.check import check_env
from agentlab.envs.copies import EnvMaker, check_made, check_maker, name_of
from agentlab.envs.failures import EnvFailure
from agentlab.envs.local_vector import LocalVector
from agentlab.envs.normalizing import without_normalizing_wrappers
from agentlab.envs.parts import Parts
from agentlab.envs.parts_wrappers import ChannelsLast, PartsObservation
from agentlab.envs.preprocessing import Frames, Preprocessed, Preprocessing
from agentlab.envs.registered_vector import FEWEST, RegisteredVector, registers_vector
from agentlab.envs.replayed_vector import ReplayedVector
from agentlab.envs.vector import Step, VectorEnv, check_num_envs
from agentlab.envs.worker_vector import WorkerVector
from agentlab.envs.wrappers import Wrapper, wrap, wrapper_name
from agentlab.errors import InvalidArgument

__all__ = [
    "AtariVector",
    "EnvFailure",
    "Frames",
    "LocalVector",
    "Parts",
    "Preprocessed",
    "Preprocessing",
    "RegisteredVector",
    "Step",
    "VectorEnv",
    "WorkerVector",
    "check_env",
    "list_envs",
    "make_env",
    "make_envs",
    "newest_version",
    "wrap",
]

VectorMaker = Callable[[Callable[[int, int], ReplayedVector], int, str], VectorEnv]
_reported: set[str] = set()  # lines that were printed


def make_envs(
    env: str | Callable[[], gymnasium.Env[Any, Any]],
    n: int = 1,
    *,
    preprocessing: Preprocessing | None = None,
    workers: int | None = None,
    render: bool = False,
    wrappers: Sequence[Wrapper] = (),
    vector: VectorMaker | None = None,
    **kwargs: Any,
) -> VectorEnv:
    """Make a vector of ``n`` copies of an environment, which are stepped together.

    Args:
        env: a Gymnasium id (``"CartPole-v1"``, ``"ALE/Pong-v5"``), ``"gym:ID"`` for an environment
            of the old gym package, ``"module:ID"`` for one that a module registers on import, or a
            function that makes an environment. The id alone decides frame skip, sticky actions and
            time limit; preprocessing is applied after them. No version means the newest one.
        n: number of copies.
        preprocessing: how observations and rewards are preprocessed.
        workers: number of worker processes (threads where ale-py's ``AtariVectorEnv`` supports the
            environment); 0 steps all copies in this process (CartPole vectorized). ``None``
            uses one per core for Atari, whose emulator is slow and holds the global interpreter
            lock, and 0 otherwise.
        render: whether ``render()`` will be called.
        wrappers: applied to each copy before preprocessing, the first one innermost: classes, or
            names such as ``"my_module:MyWrapper"``.
        vector: makes the vectorized environment, such as ``agentlab.scale.RayVector``. It is
            called with a function ``(start, count)`` that makes some of the environments as a
            ``ReplayedVector``, and with ``n`` and the environment's id. ``workers`` is then unused.
        kwargs: passed to the environment's constructor, such as ``map_name="8x8"``.

    Returns:
        The vector. The parts of Dict and Tuple observations are read by name, as in
        ``observations["image"]``; see ``Parts``.

    Raises:
        AgentlabError: if the environment cannot be made, or its copies are the same object; an
            ``InvalidArgument`` if ``env`` is neither an id nor a function, if a number is out of
            range, or if actions are not arrays.

    >>> import numpy as np
    >>> with make_envs("CartPole-v1", 2) as envs:
    ...     observations = envs.reset(seed=0)
    ...     step = envs.step(np.array([0, 1]))
    >>> observations.shape, step.rewards
    ((2, 4), array([1., 1.], dtype=float32))
    """
    check_num_envs(n)
    if workers is not None and workers < 0:
        raise InvalidArgument(f"workers={workers} must be 0 or more")
    check_maker(env)
    preprocessing = preprocessing or Preprocessing()
    env = newest_version(env) if isinstance(env, str) else env
    settings = {
        "env": env if isinstance(env, str) else None,
        "env_kwargs": _storable(kwargs),
        "wrapper": [wrapper_name(wrapper) for wrapper in wrappers],
        "preprocessing": to_dict(preprocessing),
    }
    envs = _make_vector(env, n, preprocessing, workers, render, tuple(wrappers), vector, kwargs)
    envs.settings = settings
    envs.frame_rate = max(envs.frame_rate / preprocessing.frame_skip, 1.0)
    return envs


def _make_vector(
    env: str | Callable[[], gymnasium.Env[Any, Any]],
    n: int,
    preprocessing: Preprocessing,
    workers: int | None,
    render: bool,
    wrappers: Sequence[Wrapper],
    make_vector: VectorMaker | None,
    kwargs: dict[str, Any],
) -> VectorEnv:
    if render:
        kwargs["render_mode"] = "rgb_array"
    name = name_of(env)
    spec = gymnasium.registry.get(env) if isinstance(env, str) else None
    atari = isinstance(env, str) and is_atari(env)
    if atari and preprocessing.grayscale:
        kwargs.setdefault("obs_type", "grayscale")  # same values as converting RGB, but faster
    if workers is None:
        workers = min(n, os.cpu_count() or 1) if atari and n > 1 else 0
    vector: VectorEnv
    native = not render and not wrappers and not preprocessing.action_masks
    make = partial(_make_one, env, name, preprocessing, wrappers, kwargs)
    registered = spec is not None and native and registers_vector(spec, n, preprocessing, **kwargs)
    make_part = partial(_make_part, make, name, spec if registered else None)
    if make_vector is not None:
        vector = make_vector(make_part, n, name)
    elif spec and native and workers and supports(spec, preprocessing, **kwargs):
        vector = AtariVector(spec, n, preprocessing, workers, **kwargs)
    elif workers:
        vector = WorkerVector([make] * n, name, workers)
    else:
        vector = make_part(0, n)
    _report_changes(vector)
    return vector


def _make_part(
    make: EnvMaker, name: str, registered: EnvSpec | None, start: int, count: int
) -> ReplayedVector:
    """Make some of the environments of a vector, the first of which has the index ``start``."""
    if registered is not None and count >= FEWEST:
        return RegisteredVector(registered, count, start)
    return LocalVector([make] * count, name, start)


def _make_one(
    env: str | Callable[[], gymnasium.Env[Any, Any]],
    name: str,
    preprocessing: Preprocessing,
    wrappers: Sequence[Wrapper],
    kwargs: dict[str, Any],
) -> gymnasium.Env[Any, Any]:
    made = make_env(env, **kwargs) if isinstance(env, str) else env(**kwargs)
    made = wrap(check_made(made, name), wrappers)
    made, normalized = without_normalizing_wrappers(made, name)
    left_out: dict[str, Any] = {}
    nested = isinstance(made.observation_space, gymnasium.spaces.Dict | gymnasium.spaces.Tuple)
    if nested or preprocessing.action_masks:
        made = PartsObservation(made, preprocessing.action_masks, preprocessing.channels_first)
        left_out = made.left_out
    elif preprocessing.channels_first:
        made = ChannelsLast(made)
    if preprocessing.changes_anything:
        made = Preprocessed(made, preprocessing)
    if normalized or left_out:
        space: Any = copy.deepcopy(made.observation_space)  # the class may share it
        space.normalize = "observations" in normalized  # read by the agents' normalizers
        space.normalize_returns = "returns" in normalized
        space.left_out = left_out
        made.observation_space = space
    return made


def _report_changes(vector: VectorEnv) -> None:
    """Print what ``_make_one`` changed without being asked to, each change once."""
    space: Any = vector.observation_space
    changes = [
        f"the part {part!r} of the observations is left out, since it is not an array "
        f"({type(inner).__name__}); a wrapper could encode it as one"
        for part, inner in getattr(space, "left_out", {}).items()
    ]
    changes += [
        f"{wrapper} is replaced by the agent's own normalizer, whose statistics are saved with the "
        "agent"
        for mark, wrapper in (
            ("normalize", "NormalizeObservation"),
            ("normalize_returns", "NormalizeReward"),
        )
        if getattr(space, mark, False)
    ]
    for change in changes:
        line = f"env={vector.id!r}: {change}"
        if line not in _reported:
            _reported.add(line)
            print(line, file=sys.stderr)


def _storable(kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return arguments as they are saved in JSON, or ``None`` if they cannot be saved."""
    try:
        stored: dict[str, Any] = json.loads(json.dumps(dict(kwargs)))
    except (TypeError, ValueError):
        return None
    return stored
