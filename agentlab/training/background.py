"""Learning in a background thread while environments are stepped."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class BackgroundLearner:
    """Runs one update at a time in a background thread while the main thread steps environments.

    When results are collected depends only on the number of steps, never on elapsed time, so a run
    is bit-for-bit reproducible.

    Args:
        name: prefix of the thread's name.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"{name}-learner")
        self._running: Future[Any] | None = None

    @property
    def busy(self) -> bool:
        """Whether an update was started whose result has not been collected."""
        return self._running is not None

    def start(self, learn: Callable[..., Any], *arguments: Any) -> None:
        """Run ``learn(*arguments)`` in the background thread.

        Raises:
            RuntimeError: if the result of the previous update has not been collected.
        """
        if self._running is not None:
            raise RuntimeError("call finish() to collect the last result before calling start()")
        self._running = self._pool.submit(learn, *arguments)

    def finish(self) -> Any:
        """Wait for the update in progress and return its result; ``None`` if there is none."""
        if self._running is None:
            return None
        running, self._running = self._running, None
        return running.result()
