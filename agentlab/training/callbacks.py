"""Callbacks: code of one's own at fixed moments of a training, of agents and trainers alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from agentlab.learner import Learner
from agentlab.runs import Run


class Callback:
    """Called by the loop that trains a learner; override what is needed.

    A callback that only looks changes no number of a run.

    Attributes:
        stop_training: set it to ``True`` to end the training after the current step or epoch; all
            is saved as usual.

    ::

        class StopAtLoss(Callback):
            def on_metrics(self, step, metrics):
                self.stop_training = metrics.get("loss", 1.0) < 0.01
    """

    stop_training: bool = False

    def on_start(self, learner: Learner, run: Run | None) -> None:
        """Called before the first step, also of a resumed run."""

    def on_step(self, step: int) -> None:
        """Called after each step of an agent in all its environments; trainers do not call it.

        Args:
            step: steps made so far, summed over the environments.
        """

    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Called with each row of metrics that is logged.

        Args:
            step: environment steps of an agent, epochs of a trainer.
            metrics: what the row holds, timings excluded.
        """

    def on_checkpoint(self, path: Path) -> None:
        """Called when a checkpoint has been written to ``path``."""

    def on_end(self) -> None:
        """Called after the last step, also where the training was interrupted."""


class Callbacks(Callback):
    """Several callbacks as one, called in order."""

    def __init__(self, callbacks: Sequence[Callback] = ()) -> None:
        self._callbacks = list(callbacks)

    @property
    def stopped(self) -> bool:
        """Whether one of them asks to stop."""
        return any(callback.stop_training for callback in self._callbacks)

    def on_start(self, learner: Learner, run: Run | None) -> None:
        for callback in self._callbacks:
            callback.on_start(learner, run)

    def on_step(self, step: int) -> None:
        for callback in self._callbacks:
            callback.on_step(step)

    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        for callback in self._callbacks:
            callback.on_metrics(step, metrics)

    def on_checkpoint(self, path: Path) -> None:
        for callback in self._callbacks:
            callback.on_checkpoint(path)

    def on_end(self) -> None:
        for callback in self._callbacks:
            callback.on_end()
