"""Learning in a thread of its own while environments are stepped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class BackgroundLearner:
    """Runs one piece of learning at a time beside the thread that steps environments.

    Results are taken at moments that follow from the steps made alone, never from the clock, so
    that a run repeats bit for bit under its seed.

    Args:
        name: of the thread.

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

    def wait(self) -> Any:
        """Wait for the learning under way and return its result, which stays to be taken."""
        return None if self._running is None else self._running.result()

    def finish(self) -> Any:
        """Wait for the learning under way and return its result; ``None`` where there is none."""
        result, self._running = self.wait(), None
        return result

    def state(self) -> dict[str, Any]:
        """Return the result that has not been taken, as JSON holds it, under ``result``."""
        return {"result": self.wait()} if self.busy else {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state`` returned."""
        self._running = None
        if "result" in state:
            self._running = Future()
            self._running.set_result(dict(state["result"]))
