"""``os._exit`` in a user's code, which would end the command as if it had succeeded."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from agentlab.errors import HardExit


@contextmanager
def exits_raised() -> Iterator[None]:
    """Let ``os._exit`` in the main thread raise ``HardExit``, so that what was learned is saved.

    In other threads it exits, but never with the code of success; in forked processes it is as
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
