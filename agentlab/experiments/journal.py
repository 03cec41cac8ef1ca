"""The journal of a search, repaired after a process was killed while writing it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from agentlab.errors import AgentlabError, printable
from agentlab.runs.files import remove, reporting
from agentlab.runs.lock import lock_run


class Journal:
    """``study.log``, a file of JSON lines in which Optuna records the trials of a search.

    The search's folder is locked as a run is, by a lock that ends with the process. Optuna's own
    lock, a link that a killed process leaves behind, is not needed, since only one process writes.

    Args:
        path: the file; its folder must exist.

    Raises:
        AgentlabError: if another process writes to the search, or the file cannot be repaired.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with reporting(f"search={str(path.parent)!r} cannot be written to"):
            self._lock = lock_run(path.parent)
            remove(path.with_name(f"{path.name}.lock"))  # left by a process that was killed
            self._repair()

    def backend(self) -> Any:
        """Return Optuna's storage for the file."""
        from optuna.storages.journal import JournalFileBackend

        unlocked: Any = _Unlocked()  # Optuna's base class of locks is private
        return JournalFileBackend(str(self.path), unlocked)

    def _repair(self) -> None:
        """Cut off a last line that a killed process did not finish."""
        if not self.path.exists():
            return
        descriptor = os.open(self.path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "r+b") as file:
            if os.fstat(descriptor).st_nlink > 1:
                raise AgentlabError(f"{self.path} is not written to: it has another hard link")
            end = _end_of_last_line(file)
            if end == file.seek(0, os.SEEK_END):
                return
            file.truncate(end)
        told = f"{self.path} ended in half a line, which was removed; its process was killed"
        print(printable(told), file=sys.stderr)


class _Unlocked:
    """A lock that does nothing, since ``lock_run`` excludes other processes."""

    def acquire(self) -> bool:
        """Return that the lock is held."""
        return True

    def release(self) -> None:
        """Do nothing."""


def _end_of_last_line(file: Any, block: int = 1 << 16) -> int:
    """Return the offset after the last line feed of a binary file; 0 if it has none."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - block)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return int(start + found + 1)
        end = start
    return 0
