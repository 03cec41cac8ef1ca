"""Stopping a run gracefully on Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

PATIENCE = 5.0  # seconds that an environment has to return after a signal


class Hung(KeyboardInterrupt):
    """An environment or a callback did not return within ``PATIENCE`` seconds of a signal."""


class Stop(threading.Event):
    """An event that a signal sets.

    Attributes:
        interruptible: whether an environment is being stepped, or a callback such as an evaluation
            is running. If it has not returned ``PATIENCE`` seconds after the signal, ``Hung`` is
            raised in it.
    """

    interruptible = False


@contextmanager
def stop_signals(ignored: bool = False) -> Iterator[Stop]:
    """Yield an event that the first Ctrl-C or SIGTERM sets; a second one raises an exception.

    A training loop checks the event between steps, so that no step is interrupted, unless an
    environment hangs.

    Args:
        ignored: ignore the first signal, because another process decides when training ends.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread can catch signals
        return

    def handle(number: int, frame: Any) -> None:
        if stop.is_set():  # the second signal: do not wait for the checkpoint
            raise KeyboardInterrupt
        stop.set()
        if ignored:
            return
        with suppress(OSError):  # not print, which the signal may have interrupted
            os.write(2, b"\nstopping and saving; Ctrl-C again stops at once\n")
        signal.setitimer(signal.ITIMER_REAL, PATIENCE, 0.5)

    def wake(number: int, frame: Any) -> None:
        if stop.is_set() and stop.interruptible:
            stop.interruptible = False
            raise Hung

    previous = {name: signal.signal(name, handle) for name in (signal.SIGINT, signal.SIGTERM)}
    previous[signal.SIGALRM] = signal.signal(signal.SIGALRM, wake)
    try:
        yield Stop() if ignored else stop
    finally:
        if stop.is_set():
            signal.setitimer(signal.ITIMER_REAL, 0)
        for name, handler in previous.items():
            signal.signal(name, handler)
