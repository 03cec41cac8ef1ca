"""Normalization of observations and returns by running statistics, as components of an agent."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.components import State
from agentlab.config import Options, option
from agentlab.data.standardizing import shifted_and_scaled
from agentlab.lazy import tf

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
LARGE = 100.0  # first observations beyond this are normalized unless the user says otherwise
FIRST_STEPS = 200  # per environment; a return beyond LARGE within them turns normalization on
CLIP = 10.0  # normalized observations and rewards are clipped to this, as in VecNormalize
EPSILON = 1e-8  # added to variances, as in VecNormalize


@dataclass(frozen=True)
class NormalizerOptions(Options):
    """What an agent normalizes by running statistics (Stable-Baselines3's ``VecNormalize``)."""

    normalize_observations: bool | None = option(
        None,
        "normalize observations by their running mean and standard deviation; none: only if the "
        f"first ones exceed {LARGE:g}",
    )
    normalize_returns: bool | None = option(
        False,
        "divide rewards by the running standard deviation of the discounted return; none: only if "
        f"it exceeds {LARGE:g} in the first steps",
    )

    def make_return_normalizer(self, agent: Any, gamma: float) -> ReturnNormalizer:
        """Return the normalizer of an agent's rewards.

        It is also on if the environment was wrapped in Gymnasium's NormalizeReward.
        """
        replaced = getattr(agent.observation_space, "normalize_returns", False)
        return ReturnNormalizer(agent.num_envs, gamma, replaced or self.normalize_returns)


class RunningStatistics:
    """Mean and variance of all rows seen so far, exact and in float64.

    Batches are merged by the parallel algorithm of Chan et al. 1979, "Updating Formulae and a
    Pairwise Algorithm for Computing Sample Variances", equation 2.1.

    Attributes:
        count: number of rows.
        mean: float64 ``[size]``.
        squares: sum of squared deviations from the mean, float64 ``[size]``.

    >>> statistics = RunningStatistics(1)
    >>> statistics.add(np.array([[1.0], [2.0]]))
    >>> statistics.add(np.array([[6.0]]))
    >>> statistics.mean, statistics.variance
    (array([3.]), array([4.66666667]))
    """

    def __init__(self, size: int) -> None:
        self.count = 0
        self.mean: Doubles = np.zeros(size)
        self.squares: Doubles = np.zeros(size)

    def add(self, rows: npt.NDArray[Any]) -> None:
        """Add rows, ``[n, size]``."""
        values = rows.astype(np.float64)
        total = self.count + len(values)
        mean = values.mean(0)
        delta = mean - self.mean
        self.squares = self.squares + ((values - mean) ** 2).sum(0)
        self.squares = self.squares + delta**2 * (self.count * len(values) / total)
        self.mean = self.mean + delta * (len(values) / total)
        self.count = total

    @property
    def variance(self) -> Doubles:
        """The variance of the rows (ddof 0), float64 ``[size]``; 0 before the first."""
        return self.squares / max(self.count, 1)

    def state(self) -> State:
        """Return the statistics, for a checkpoint."""
        return {"count": self.count, "mean": self.mean.copy(), "squares": self.squares.copy()}

    def restore(self, state: State) -> None:
        """Restore a state returned by ``state``.

        Raises:
            ValueError: if it has another number of columns.
        """
        mean, squares = np.array(state["mean"]), np.array(state["squares"])
        if not mean.shape == squares.shape == self.mean.shape:
            raise ValueError(f"statistics of shape {mean.shape} instead of {self.mean.shape}")
        self.count, self.mean, self.squares = int(state["count"]), mean, squares


class ObservationNormalizer:
    """Normalizes network inputs x to ``(x - mean) / std``, clipped to [-10, 10].

    Statistics change only in ``observe``, so evaluation leaves them as they are. Before the first
    ``observe`` the inputs are 0.

    Args:
        shape: shape of one input.
        keep: bool ``[*shape]``, true for inputs that are not normalized, such as one-hot ones.
        on: whether to normalize; ``None`` decides at the first ``observe``: if an input exceeds
            100 in absolute value.
    """

    def __init__(
        self, shape: tuple[int, ...], keep: npt.NDArray[np.bool_], on: bool | None
    ) -> None:
        self.shape, self.on, self._keep = shape, on, keep.ravel()
        self.statistics = RunningStatistics(self._keep.size)
        self._prepare()

    def _prepare(self) -> None:
        """Compute the shift and scale of inputs from the statistics."""
        mean, deviation = self.statistics.mean, np.sqrt(self.statistics.variance + EPSILON)
        scale = np.where(self._keep, 1, 1 / deviation if self.statistics.count else 0)
        self._shift = np.where(self._keep, 0, mean).reshape(self.shape)
        self._scale = scale.reshape(self.shape)
        limit = np.where(self._keep, np.inf, CLIP).reshape(self.shape)
        self._limit = limit.astype(np.float32)

    def __call__(self, inputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return normalized inputs, float32 ``[n, *shape]``; the inputs themselves if it is off."""
        if self.on is False or (self.on is None and not self._large(inputs)):
            return inputs
        normalized = ((inputs - self._shift) * self._scale).astype(np.float32)
        return np.clip(normalized, -self._limit, self._limit)

    def tensor(self, inputs: Any) -> Any:
        """Return what a call returns for a tensor, with the current statistics as constants."""
        if not self.on:
            return inputs
        numbers = tf.cast(inputs, tf.float32)
        normalized = shifted_and_scaled(numbers, self._shift, self._scale)
        return tf.clip_by_value(normalized, -self._limit, self._limit)

    def observe(self, inputs: npt.NDArray[Any], next_inputs: npt.NDArray[Any]) -> None:
        """Add the inputs after a step to the statistics; before the first step, also the others.

        Args:
            inputs: those that were acted on, ``[n, *shape]``.
            next_inputs: those to act on next, ``[n, *shape]``.
        """
        if self.on is None:
            self.on = self._large(inputs)
            if self.on:
                print(
                    f"observations reach {np.abs(inputs).max():,.0f}, so they are normalized by "
                    "their running mean and standard deviation; "
                    "normalize_observations=False turns this off",
                    file=sys.stderr,
                )
        if not self.on:
            return
        if not self.statistics.count:
            self.statistics.add(inputs.reshape(len(inputs), -1))
        self.statistics.add(next_inputs.reshape(len(next_inputs), -1))
        self._prepare()

    def _large(self, inputs: npt.NDArray[Any]) -> bool:
        """Return whether an input that can be normalized is large."""
        columns = inputs.reshape(len(inputs), -1)[:, ~self._keep]
        return bool((np.abs(columns) > LARGE).any())

    def state(self) -> State:
        """Return the statistics and whether they are used, for a checkpoint."""
        return {"on": self.on, **self.statistics.state()}

    def restore(self, state: State) -> None:
        """Restore a state returned by ``state``; an empty one means no normalization."""
        if not state:
            self.on = False
            return
        self.on = state["on"]
        self.statistics.restore(state)
        self._prepare()


class ReturnNormalizer:
    """Divides rewards by the standard deviation of the discounted return, as in VecNormalize.

    The return is ``R <- gamma R + r`` in each environment, from 0 at the start of an episode.

    Args:
        num_envs: number of environments.
        gamma: discount factor.
        on: whether to normalize; otherwise rewards are returned as they are. ``None`` normalizes
            only if a return exceeds 100 in absolute value within the first 200 steps.
    """

    def __init__(self, num_envs: int, gamma: float, on: bool | None = True) -> None:
        self.gamma, self.on, self._may_be_on = gamma, on, on is not False
        self.statistics = RunningStatistics(1)
        self._returns: Doubles = np.zeros(num_envs)

    def observe(self, rewards: npt.NDArray[Any], ended: npt.NDArray[np.bool_]) -> None:
        """Add the rewards of a step, ``[n]``, after which the episodes in ``ended`` are over."""
        if self.on is False:
            return
        self._returns = self._returns * self.gamma + rewards
        self.statistics.add(self._returns[:, None])
        if self.on is None:
            self._decide()
        self._returns = np.where(ended, 0.0, self._returns)

    def _decide(self) -> None:
        largest = self._returns[np.abs(self._returns).argmax()]
        if abs(largest) > LARGE:
            self.on = True
            print(
                f"discounted returns reach {largest:,.0f}, so rewards are divided by the "
                "running standard deviation of returns; normalize_returns=False turns this off",
                file=sys.stderr,
            )
        elif self.statistics.count >= FIRST_STEPS * len(self._returns):
            self.on = False

    def __call__(self, rewards: npt.NDArray[Any], limit: float = CLIP) -> Floats:
        """Return normalized rewards, or sums of rewards, float32, clipped to ``limit``."""
        if not self.on:
            return rewards
        deviation = np.sqrt(self.statistics.variance[0] + EPSILON)
        scaled = rewards / deviation if self.statistics.count else rewards
        return np.asarray(np.clip(scaled, -limit, limit), np.float32)

    def components(self) -> dict[str, Any]:
        """Return this normalizer by name, unless it is off from the start."""
        return {"return_normalizer": self} if self._may_be_on else {}

    def state(self) -> State:
        """Return the statistics and the returns so far, for a checkpoint."""
        return {"on": self.on, "returns": self._returns.copy(), **self.statistics.state()}

    def restore(self, state: State) -> None:
        """Restore a state returned by ``state``; returns only if ``num_envs`` is the same."""
        self.statistics.restore(state)
        self.on = state.get("on", True)
        if state["returns"].shape == self._returns.shape:
            self._returns = np.array(state["returns"])
