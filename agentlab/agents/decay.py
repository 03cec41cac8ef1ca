"""The decay of an agent's learning rate over its training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from agentlab.config import Options, option


@dataclass(frozen=True)
class LearningRateDecay(Options):
    """Linear decay of the learning rate."""

    decay_steps: int = option(
        0, "steps over which the learning rate decays linearly to 0; 0 for constant", ge=0
    )

    def decayed(self, learning_rate: float, step: int) -> float:
        """Return the learning rate after ``step`` steps, summed over the environments."""
        if not self.decay_steps:
            return learning_rate
        return learning_rate * max(0.0, 1 - step / self.decay_steps)

    def stretched(self, before: int, now: int) -> Self:
        """Return the options for ``now`` steps of training instead of ``before``.

        A decay over the whole training stays one over the whole training.
        """
        return replace(self, decay_steps=now) if self.decay_steps == before else self

    def warning(self, steps: int) -> str | None:
        """Return a sentence if the learning rate is 0 before ``steps`` steps are over."""
        if not 0 < self.decay_steps < steps:
            return None
        return (
            f"decay_steps={self.decay_steps}: the learning rate is 0 from step {self.decay_steps} "
            f"to the end at step {steps}, where nothing is learned; use --decay-steps {steps}"
        )
