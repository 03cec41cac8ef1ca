"""How often an agent tries something at random: schedules of epsilon."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from agentlab.config import Options, option

Schedule = Literal["linear", "exponential"]


def epsilon(step: int, start: float, end: float, steps: int, schedule: Schedule) -> float:
    """Return the probability of a random action after ``step`` steps.

    ``"linear"`` goes from ``start`` to ``end`` in equal parts and stays there from ``steps`` on
    (Mnih et al. 2015, "Methods"). ``"exponential"`` loses the same fraction of the way to ``end``
    in every step, ``end + (start - end) * exp(-step / steps)``: 63 % of the way lie behind after
    ``steps`` steps, 95 % after three times as many, and ``end`` itself is never reached.

    Args:
        step: how many steps have been made, in all environments together.
        start: the value at step 0.
        end: the value that it comes down (or goes up) to.
        steps: the length of the way; with 0 the value is ``end`` from the beginning.
        schedule: ``"linear"`` or ``"exponential"``.
    """
    if steps <= 0:
        return float(end)
    left = max(0.0, 1 - step / steps) if schedule == "linear" else math.exp(-step / steps)
    return float(end + (start - end) * left)


@dataclass(frozen=True)
class EpsilonGreedy(Options):
    """How often random actions are taken."""

    epsilon_start: float = option(1.0, "probability of a random action at first", ge=0, le=1)
    epsilon_end: float = option(0.05, "probability of a random action at last", ge=0, le=1)
    epsilon_steps: int = option(10_000, "steps of the decay from first to last", ge=0)
    epsilon_schedule: Schedule = option("linear", "linear or exponential decay")

    def epsilon_at(self, step: int) -> float:
        """Return the probability of a random action after ``step`` steps."""
        return epsilon(
            step, self.epsilon_start, self.epsilon_end, self.epsilon_steps, self.epsilon_schedule
        )
