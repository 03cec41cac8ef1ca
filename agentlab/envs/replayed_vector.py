"""Vectorized environments whose unfinished episodes can be replayed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from agentlab.envs.episodes import (
    ActionLog,
    Origin,
    Unfinished,
    origins_from_array,
    origins_to_array,
)
from agentlab.envs.vector import Array, VectorEnv


class ReplayedVector(VectorEnv):
    """A vector whose unfinished episodes can be replayed.

    A subclass sets ``_log`` and ``_observations``, and steps ``EnvGroup``s.
    """

    repeatable = True
    _log: ActionLog
    _observations: Array

    @property
    def observations(self) -> Array:
        return self._observations

    @abstractmethod
    def group_states(self) -> list[tuple[int | None, Array, list[Origin]]]:
        """Return the seed, the indices of the episodes and their origins for each group."""

    @abstractmethod
    def replay(self, unfinished: Unfinished) -> Array:
        """Replay the episodes of all environments and return the observations, ``[n, ...]``."""

    @abstractmethod
    def begin(self, envs: npt.NDArray[np.bool_]) -> Array:
        """Reset some environments and return the observations of all, ``[n, ...]``."""

    def cut(self, envs: npt.NDArray[np.bool_]) -> Array:
        self._log.begin(envs)
        self._observations = self.begin(envs).copy()
        return self._observations

    def state(self) -> dict[str, Array]:
        groups = self.group_states()
        seed = groups[0][0]
        return {
            **self._log.state(),
            "seed": np.array(-1 if seed is None else seed, np.int64),
            "episodes": np.concatenate([episodes for _, episodes, _ in groups]),
            "origins": origins_to_array([o for *_, origins in groups for o in origins]),
            "observations": self._observations.copy(),
        }

    def restore(self, state: Mapping[str, Array]) -> npt.NDArray[np.bool_]:
        n, known = self.num_envs, state["observations"]
        if known.shape != self._observations.shape or known.dtype != self._observations.dtype:
            raise ValueError("the observations are of another shape or dtype")
        complete, lengths = state["complete"], np.where(state["complete"], state["lengths"], 0)
        actions = state.get("actions", np.zeros((0, n), np.int64))
        origins = origins_from_array(state["origins"])
        if len(origins) != n or lengths.shape != (n,) or lengths.max(initial=0) > len(actions):
            raise ValueError("the episodes are of other environments")
        seed = None if state["seed"] < 0 else int(state["seed"])
        found = self.replay(Unfinished(seed, state["episodes"], origins, lengths, actions))
        same = np.array([np.array_equal(a, b) for a, b in zip(found, known, strict=True)])
        lost = ~same | ~complete
        self._log.restore(state)
        self._observations = found.copy()
        if lost.any():
            self.cut(lost)
        return lost
