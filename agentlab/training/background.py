"""Learning in a background thread while environments are stepped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class BackgroundLearner:
    """Runs one update at a time in a background thread while the main thread steps environments.

    When results are collected depends only on the number of steps, never on elapsed time, so a run
    is bit-for-bit reproducible.

    Args:
        name: prefix of the thread's name.

    >>> background = BackgroundLearner("doctest")
    >>> background.start(lambda: {"loss": 0.5})
    >>> background.finish()
    {'loss': 0.5}
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

    def wait(self) -> Any:
        """Wait for the update in progress and return its result without collecting it."""
        return None if self._running is None else self._running.result()

    def finish(self) -> Any:
        """Wait for the update in progress and collect its result; ``None`` without one."""
        running, self._running = self._running, None  # also if it raised an error
        return None if running is None else running.result()

    def state(self) -> dict[str, Any]:
        """Return the uncollected result, which must be JSON-serializable, as ``result``."""
        return {"result": self.wait()} if self.busy else {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""
        self._running = None
        if "result" in state:
            self._running = Future()
            self._running.set_result(dict(state["result"]))
