"""Learning rate schedules."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("agentlab")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A linear warm-up followed by the decay ``name``; see ``make_schedule``.

    Args:
        name: one of ``agentlab.training.optimizers.SCHEDULES``.
        learning_rate: peak learning rate.
        steps: total number of updates, including the warm-up.
        warmup_steps: number of updates of the warm-up.
    """

    def __init__(self, name: str, learning_rate: float, steps: int, warmup_steps: int = 0) -> None:
        self.name, self.learning_rate = name, learning_rate
        self.steps, self.warmup_steps = steps, warmup_steps

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of the next update after ``step`` updates."""
        done = tf.cast(step, tf.float32)
        rise = tf.minimum(1.0, (done + 1) / max(self.warmup_steps, 1))
        past = tf.maximum(0.0, done - self.warmup_steps)
        share = tf.minimum(1.0, past / (self.steps - self.warmup_steps))
        return self.learning_rate * rise * getattr(self, f"_{self.name}")(past, share)

    def _constant(self, past: Any, share: Any) -> Any:
        return tf.ones_like(share)

    def _linear(self, past: Any, share: Any) -> Any:
        return 1 - share

    def _cosine(self, past: Any, share: Any) -> Any:
        return (1 + tf.cos(math.pi * share)) / 2

    def _exponential(self, past: Any, share: Any) -> Any:
        return tf.pow(0.01, share)

    def _inverse_time(self, past: Any, share: Any) -> Any:
        return 1 / (1 + 9 * share)

    def _step(self, past: Any, share: Any) -> Any:
        return tf.where(share < 0.5, 1.0, tf.where(share < 0.75, 0.1, 0.01))

    def _restarts(self, past: Any, share: Any) -> Any:
        # Three cycles of 1/7, 2/7 and 4/7 of all updates.
        begin = tf.where(share < 1 / 7, 0.0, tf.where(share < 3 / 7, 1 / 7, 3 / 7))
        length = tf.where(share < 1 / 7, 1 / 7, tf.where(share < 3 / 7, 2 / 7, 4 / 7))
        return (1 + tf.cos(math.pi * tf.minimum(1.0, (share - begin) / length))) / 2

    def _inverse_sqrt(self, past: Any, share: Any) -> Any:
        peak = max(self.warmup_steps, 1)
        return tf.sqrt(peak / (peak + past))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            "name": self.name,
            "learning_rate": self.learning_rate,
            "steps": self.steps,
            "warmup_steps": self.warmup_steps,
        }
