"""How often an agent tries something at random: schedules of epsilon."""

from __future__ import annotations

import math
from typing import Literal

from agentlab.errors import AgentlabError

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


def check_exploration(start: float, end: float, steps: int) -> None:
    """Refuse options ``epsilon_start``, ``epsilon_end`` and ``epsilon_steps`` that make no sense.

    Raises:
        AgentlabError: for a probability that is none, or a negative number of steps.
    """
    for name, value in (("epsilon_start", start), ("epsilon_end", end)):
        if not 0 <= value <= 1:
            raise AgentlabError(f"{name}={value} must be between 0 and 1")
    if steps < 0:
        raise AgentlabError(f"epsilon_steps={steps} must be 0 or more")
