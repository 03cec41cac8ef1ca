"""Learning in a thread of its own while environments are stepped."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class BackgroundLearner:
    """Runs one piece of learning at a time beside the thread that steps environments.

    Results are taken at moments that follow from the steps made alone, never from the clock, so
    that a run repeats bit for bit under its seed.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"{name}-learner")
        self._running: Future[Any] | None = None

    @property
    def busy(self) -> bool:
        """Whether learning was started whose result has not been taken."""
        return self._running is not None

    def start(self, learn: Callable[..., Any], *arguments: Any) -> None:
        """Let ``learn(*arguments)`` run in the learner's thread.

        Raises:
            RuntimeError: where the result of what was started before has not been taken.
        """
        if self._running is not None:
            raise RuntimeError("finish() must take the last result before learning starts again")
        self._running = self._pool.submit(learn, *arguments)

    def finish(self) -> Any:
        """Wait for the learning under way and return its result; ``None`` where there is none."""
        if self._running is None:
            return None
        running, self._running = self._running, None
        return running.result()
