"""The seeds and actions of unfinished episodes, from which a resumed run replays them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import ale_py
import gymnasium
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Origin = int | dict[str, Any] | None  # the seed of an episode, or the emulator's state before it
MAX_LOGGED = 4_000_000  # actions in the log, over all environments


def episode_seed(seed: int, env: int, episode: int) -> int:
    """Derive the seed of an episode from the run's seed and the environment's and episode's index.

    >>> episode_seed(0, 0, 0) == episode_seed(0, 0, 1)
    False
    """
    return int(np.random.SeedSequence([seed, env, episode]).generate_state(1)[0] >> 1)


def emulator_of(env: gymnasium.Env[Any, Any]) -> Any:
    """Return the Arcade Learning Environment that ``env`` runs on, or ``None``.

    Seeding it reloads the game, which takes fifty times as long as a reset.
    """
    ale = getattr(env.unwrapped, "ale", None)
    return ale if isinstance(ale, ale_py.ALEInterface) else None


def emulator_state(env: gymnasium.Env[Any, Any]) -> dict[str, Any]:
    """Return the state of an emulator and of its environment's random generator, as JSON."""
    state = emulator_of(env).cloneSystemState().__getstate__()
    generator = env.unwrapped.np_random.bit_generator.state
    return {"emulator": base64.b64encode(state).decode(), "generator": generator}


def restore_emulator(env: gymnasium.Env[Any, Any], state: Mapping[str, Any]) -> None:
    """Restore a state returned by ``emulator_state``.

    Raises:
        KeyError, TypeError, ValueError: if ``state`` is malformed.
    """
    stored = ale_py.ALEState.__new__(ale_py.ALEState)
    stored.__setstate__(base64.b64decode(state["emulator"]))  # type: ignore[arg-type]
    emulator_of(env).restoreSystemState(stored)
    env.unwrapped.np_random.bit_generator.state = state["generator"]


class ActionLog:
    """The actions of the unfinished episodes of ``num_envs`` environments."""

    def __init__(self, num_envs: int) -> None:
        self._lengths = np.zeros(num_envs, np.int64)
        self._complete = np.ones(num_envs, np.bool_)
        self._actions: list[Array] = []

    def reset(self) -> None:
        """Start new episodes in all environments."""
        self._lengths[:], self._complete[:] = 0, True
        self._actions.clear()

    def begin(self, envs: npt.NDArray[np.bool_]) -> None:
        """Start new episodes in some environments."""
        self._lengths[envs], self._complete[envs] = 0, True

    def add(self, actions: Array, episode_over: npt.NDArray[np.bool_]) -> None:
        """Add the actions of a step, after which the episodes in ``episode_over`` are dropped."""
        self._actions.append(np.array(actions))
        self._lengths += 1
        if np.count_nonzero(episode_over):  # several times faster than any()
            self.begin(episode_over)
        if len(self._actions) % 1024 == 0:
            del self._actions[: len(self._actions) - int(self._lengths.max())]
            if len(self._actions) * len(self._lengths) > MAX_LOGGED:
                self._actions.clear()
                self._complete &= self._lengths == 0

    def state(self) -> dict[str, Array]:
        """Return the log as arrays.

        Returns:
            ``lengths`` of the episodes in steps, int64 ``[n]``; ``complete``, bool ``[n]``, false
            for episodes too long to log; and ``actions`` ``[max(lengths), n, ...]``, whose last
            ``lengths[i]`` rows belong to environment ``i``.
        """
        longest = int(np.where(self._complete, self._lengths, 0).max(initial=0))
        actions = self._actions[len(self._actions) - longest :]
        arrays = {"lengths": self._lengths.copy(), "complete": self._complete.copy()}
        return {**arrays, "actions": np.array(actions)} if actions else arrays

    def restore(self, state: Mapping[str, Array]) -> None:
        """Restore a state returned by ``state``."""
        self._lengths, self._complete = state["lengths"].copy(), state["complete"].copy()
        self._actions = list(state.get("actions", ()))


class Unfinished(NamedTuple):
    """The unfinished episodes of some environments.

    Attributes:
        seed: the seed from which those of the episodes are derived.
        episodes: index of each environment's episode, int64 ``[n]``.
        origins: the seed of each episode, or the emulator's state before it.
        lengths: of the episodes in steps, int64 ``[n]``.
        actions: ``[max(lengths), n, ...]``; the last ``lengths[i]`` rows belong to environment
            ``i``.
    """

    seed: int | None
    episodes: Array
    origins: list[Origin]
    lengths: Array
    actions: Array

    def of(self, envs: slice) -> Unfinished:
        """Return the episodes of some of the environments."""
        return Unfinished(
            self.seed,
            self.episodes[envs],
            self.origins[envs],
            self.lengths[envs],
            self.actions[:, envs],
        )


def origins_to_array(origins: list[Origin]) -> Array:
    """Return the origins of episodes as the bytes of a JSON text, uint8 ``[bytes]``."""
    return np.frombuffer(json.dumps(origins).encode(), np.uint8)


def origins_from_array(array: Array) -> list[Origin]:
    """Return what ``origins_to_array`` was given.

    Raises:
        ValueError: if the bytes are not JSON.
    """
    origins: list[Origin] = json.loads(array.tobytes())
    return origins
