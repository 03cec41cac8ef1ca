"""Epsilon-greedy exploration: schedules of epsilon."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from agentlab.config import Options, option

Schedule = Literal["linear", "exponential"]


def epsilon(step: int, start: float, end: float, steps: int, schedule: Schedule) -> float:
    """Return the probability of a random action after ``step`` steps.

    ``"linear"`` interpolates from ``start`` to ``end`` over ``steps`` steps and then stays constant
    (Mnih et al. 2015, "Methods"). ``"exponential"`` is
    ``end + (start - end) * exp(-step / steps)``: it covers 63 % of the distance to ``end`` after
    ``steps`` steps and 95 % after three times as many, but never reaches ``end``.

    Args:
        step: number of steps made, counted over all environments.
        start: the value at step 0.
        end: the final value.
        steps: length of the schedule (linear) or its time constant (exponential); 0 returns
            ``end`` at every step.
        schedule: ``"linear"`` or ``"exponential"``.
    """
    if steps <= 0:
        return float(end)
    left = max(0.0, 1 - step / steps) if schedule == "linear" else math.exp(-step / steps)
    return float(end + (start - end) * left)


@dataclass(frozen=True)
class EpsilonGreedy(Options):
    """Epsilon-greedy exploration."""

    epsilon_start: float = option(1.0, "initial probability of a random action", ge=0, le=1)
    epsilon_end: float = option(0.05, "final probability of a random action", ge=0, le=1)
    epsilon_steps: int = option(10_000, "steps of the decay of epsilon", ge=0)
    epsilon_schedule: Schedule = option("linear", "linear or exponential decay of epsilon")

    def epsilon_at(self, step: int) -> float:
        """Return the probability of a random action after ``step`` steps."""
        return epsilon(
            step, self.epsilon_start, self.epsilon_end, self.epsilon_steps, self.epsilon_schedule
        )


def random_actions(
    n: int, actions: int, mask: npt.NDArray[np.bool_] | None, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw ``n`` actions, numbered from 0, uniformly from those allowed.

    Args:
        n: number of environments.
        actions: number of actions.
        mask: bool ``[n, actions]``, true for allowed actions; ``None`` if all are.
        rng: random number generator.
    """
    if mask is None:
        return rng.integers(actions, size=n)
    return np.asarray(np.where(mask, rng.random(mask.shape), -1.0).argmax(1))
