"""Exits caused from outside a command: SIGTERM, and ``os._exit`` in a user's code."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agentlab.errors import HardExit


@contextmanager
def exits_raised() -> Iterator[None]:
    """Make ``os._exit`` raise ``HardExit`` in the main thread, so that training progress is saved.

    In other threads it exits, but never with exit code 0; in forked processes it behaves as
    usual.
    """
    own, leave = os.getpid(), os._exit

    def raise_exit(status: int) -> None:
        if os.getpid() != own:
            leave(status)
        if threading.current_thread() is threading.main_thread():
            raise HardExit(status)
        os.write(2, b"agentlab: error: os._exit was called by code outside agentlab\n")
        leave(status or 2)

    os._exit = raise_exit  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = leave


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Make SIGTERM raise ``KeyboardInterrupt``, as Ctrl-C does, so that files are cleaned up."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can catch signals
        return

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)
