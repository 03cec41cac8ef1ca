"""Stopping a run gracefully on Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C or SIGTERM sets; a second one raises an exception.

    A training loop checks the event between steps, so that no step is interrupted.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread can catch signals
        return

    def handle(number: int, frame: Any) -> None:
        if stop.is_set():  # the second signal: do not wait for the checkpoint
            raise KeyboardInterrupt
        stop.set()

    previous = {name: signal.signal(name, handle) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for name, handler in previous.items():
            signal.signal(name, handler)
