"""Stopping a training once it is good enough."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from agentlab.learner import Learner
from agentlab.runs import Run
from agentlab.training.callbacks import Callback


class StopAt(Callback):
    """Stops a training once the held-out metric by which epochs are judged is good enough.

    Args:
        score: the value to reach: at least this of an accuracy, at most this of an error.
    """

    def __init__(self, score: float) -> None:
        self.score = score

    def on_start(self, learner: Learner, run: Run | None) -> None:
        """Look up the metric, and stop where an interrupted run has reached the score already."""
        self._learner: Any = learner
        if history := getattr(learner, "history", None):
            self.on_metrics(len(history), history[-1])

    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        name, direction = self._learner.monitor
        value = metrics.get(f"validation/{name}", math.nan)
        self.stop_training = value >= self.score if direction == "max" else value <= self.score
