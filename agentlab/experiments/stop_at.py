"""Stopping training at a target score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from agentlab.learner import Learner
from agentlab.runs import Run
from agentlab.training.callbacks import Callback


class StopAt(Callback):
    """Stops training once the trainer's ``monitor`` metric on validation data reaches a value.

    Args:
        score: the target: a minimum for metrics to maximize, a maximum for those to minimize.
    """

    def __init__(self, score: float) -> None:
        self.score = score

    def on_start(self, learner: Learner, run: Run | None) -> None:
        """Stop at once if a resumed run has already reached the score."""
        self._learner: Any = learner
        if history := getattr(learner, "history", None):
            self.on_metrics(len(history), history[-1])

    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        name, direction = self._learner.monitor
        value = metrics.get(f"validation/{name}", math.nan)
        self.stop_training = value >= self.score if direction == "max" else value <= self.score
