"""Callbacks: custom code called at fixed points of training, for agents and trainers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from agentlab.learner import Learner
from agentlab.runs import Run


class Callback:
    """Base class of callbacks; override the methods you need.

    A callback that only reads does not change the results of a run.

    Attributes:
        stop_training: set to ``True`` to end training after the current step or epoch; checkpoints
            are saved as usual.

    ::

        class StopAtLoss(Callback):
            def on_metrics(self, step, metrics):
                self.stop_training = metrics.get("loss", 1.0) < 0.01
    """

    stop_training: bool = False

    def on_start(self, learner: Learner, run: Run | None) -> None:
        """Called before the first step, and when a run is resumed."""

    def on_step(self, step: int) -> None:
        """Called after each step of all environments, and after ``on_metrics``; agents only.

        If it has not returned 5 seconds after Ctrl-C or SIGTERM, it is interrupted, and a resumed
        run starts by calling it again.

        Args:
            step: number of steps so far, summed over the environments.
        """

    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Called with each logged row of metrics.

        Args:
            step: environment steps of an agent, epochs of a trainer.
            metrics: metrics by name, without timings.
        """

    def on_checkpoint(self, path: Path) -> None:
        """Called after a checkpoint has been written to ``path``."""

    def on_end(self) -> None:
        """Called after the last step, and when training is interrupted or fails."""


class Callbacks(Callback):
    """A list of callbacks, called in order."""

    def __init__(self, callbacks: Sequence[Callback] = ()) -> None:
        self._callbacks = list(callbacks)

    def __bool__(self) -> bool:
        return bool(self._callbacks)

    @property
    def stopped(self) -> bool:
        """Whether any callback has set ``stop_training``."""
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
