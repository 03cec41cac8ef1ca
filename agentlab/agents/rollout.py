"""Rollouts of all environments, and generalized advantage estimation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.envs.vector import Array

Floats = npt.NDArray[np.float32]


class Rollout:
    """``length`` steps of ``n`` environments, in order."""

    FIELDS = (
        "inputs",  # network inputs, [n, ...]
        "actions",  # sampled actions, [n, ...]
        "log_probs",  # log-probabilities of the actions, float32 [n]
        "values",  # V(s_t), float32 [n]
        "rewards",  # float32 [n]
        "final_values",  # V of the final observation of a truncated episode, otherwise 0
        "cut",  # bool [n]: the return ends here, with an episode or at a reward
        "masks",  # allowed actions, bool [n, actions], in environments with action masks only
        "episode_starts",  # bool [n], recurrent policies only: the first step of an episode
    )

    def __init__(self, length: int) -> None:
        self.length = length
        self.recurrent_state: list[Floats] = []  # at the start of the rollout, [n, units] each
        self._columns: dict[str, list[Array]] = {name: [] for name in self.FIELDS}

    @property
    def full(self) -> bool:
        """Whether ``length`` steps have been added."""
        return len(self._columns["rewards"]) == self.length

    @property
    def num_envs(self) -> int:
        """The number of environments that the steps were made in; 0 before the first."""
        return len(self._columns["rewards"][0]) if self._columns["rewards"] else 0

    def add(self, recurrent_state: list[Floats] | None = None, **fields: Array) -> None:
        """Add a step, by the names in ``FIELDS``; only the first ``recurrent_state`` is stored."""
        if recurrent_state is not None and not self._columns["rewards"]:
            self.recurrent_state = recurrent_state
        for name, value in fields.items():
            self._columns[name].append(value)

    def cut(self, envs: npt.NDArray[np.bool_]) -> None:
        """Truncate the episodes in ``envs`` at the last step, unless they ended there.

        Their final observation is unknown, so they bootstrap from the value before the last step.
        """
        if not self._columns["cut"]:
            return
        running = envs & ~self._columns["cut"][-1]
        if running.any():
            self._columns["cut"][-1] = self._columns["cut"][-1] | running
            values = np.where(
                running, self._columns["values"][-1], self._columns["final_values"][-1]
            )
            self._columns["final_values"][-1] = values

    def state(self) -> dict[str, Array]:
        """Return the steps so far as arrays, for a checkpoint."""
        columns = {name: np.stack(column) for name, column in self._columns.items() if column}
        return columns | {f"recurrent/{i}": part for i, part in enumerate(self.recurrent_state)}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Restore a state returned by ``state``."""
        self._columns = {name: list(state.get(name, ())) for name in self.FIELDS}
        parts = sorted((n for n in state if n.startswith("recurrent/")), key=_index)
        self.recurrent_state = [state[name] for name in parts]

    def flat(self, name: str) -> Array:
        """Return a field with time and environments merged into one axis, ``[length * n, ...]``."""
        return np.concatenate(self._columns[name])

    def stacked(self, name: str) -> Array:
        """Return a field as ``[length, n, ...]``."""
        return np.stack(self._columns[name])

    def sequences(self, rows: npt.NDArray[np.int64]) -> tuple[Array, list[Floats], Array]:
        """Return the inputs of a recurrent network as sequences.

        Args:
            rows: indices into ``flat`` fields, ``[minibatches, environments, length]``: all steps
                of each environment in order.

        Returns:
            Inputs ``[*rows.shape, ...]``, the initial recurrent state, a list of
            ``[minibatches, environments, units]``, and ``episode_starts``, bool ``[*rows.shape]``.
        """
        envs = rows[..., 0]  # the rows of the first step
        recurrent_state = [part[envs] for part in self.recurrent_state]
        return self.flat("inputs")[rows], recurrent_state, self.flat("episode_starts")[rows]

    def next_values(self, last_values: Floats) -> Floats:
        """Return V of each step's true next observation, float32 ``[length, n]``.

        Args:
            last_values: V of the observations after the last step, float32 ``[n]``.
        """
        following = np.concatenate((self.stacked("values")[1:], last_values[None]))
        return np.where(self.stacked("cut"), self.stacked("final_values"), following)

    def targets(
        self, last_values: Floats, gamma: float, gae_lambda: float, baseline: bool = True
    ) -> tuple[Floats, Floats]:
        """Return advantages and value targets (returns), ``[length, n]`` each.

        Args:
            last_values: V of the observations after the last step, float32 ``[n]``.
            gamma: discount factor.
            gae_lambda: 0 for one-step TD errors, 1 for Monte Carlo returns.
            baseline: whether to use the values as a baseline; otherwise they are taken as 0.
        """
        values, next_values = self.stacked("values"), self.next_values(last_values)
        if not baseline:
            values, next_values = np.zeros_like(values), np.zeros_like(values)
        rewards, cut = self.stacked("rewards"), self.stacked("cut")
        estimates = advantages(rewards, values, next_values, cut, gamma, gae_lambda)
        return estimates, estimates + values


def _index(name: str) -> int:
    return int(name.rpartition("/")[2])


def advantages(
    rewards: Floats,
    values: Floats,
    next_values: Floats,
    cut: npt.NDArray[Any],
    gamma: float,
    gae_lambda: float,
) -> Floats:
    """Generalized advantage estimates (Schulman et al. 2016, equation 16).

    delta_t = r_t + gamma V(s'_t) - V(s_t) and A_t = delta_t + gamma lambda (1 - cut_t) A_{t+1}.
    With ``gae_lambda=1`` and zero values these are the discounted returns (Williams 1992).

    Args:
        rewards: float32 ``[time, n]``.
        values: V(s_t), float32 ``[time, n]``.
        next_values: V of the true next state, float32 ``[time, n]``: 0 after termination, V of the
            final observation after truncation.
        cut: bool ``[time, n]``, true if the return ends at this step.
        gamma: discount factor.
        gae_lambda: 0 for one-step TD errors, 1 for full returns.

    Returns:
        Float32 ``[time, n]``.
    """
    deltas = rewards + np.float32(gamma) * next_values - values
    keep = np.float32(gamma * gae_lambda) * ~cut
    result = np.empty_like(deltas)
    running = np.zeros_like(deltas[0])
    for t in range(len(deltas) - 1, -1, -1):
        running = deltas[t] + keep[t] * running
        result[t] = running
    return result
