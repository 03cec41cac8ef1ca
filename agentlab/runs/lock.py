"""The lock that keeps a run to one writing process at a time."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import BinaryIO

from agentlab.errors import AgentlabError
from agentlab.runs.files import open_append


def lock_run(path: Path) -> BinaryIO:
    """Keep other processes from writing to a run until what is returned is closed.

    Raises:
        AgentlabError: where another process writes to it.
        OSError: where the folder cannot be written to.
    """
    lock = open_append(path / ".lock")
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        lock.close()
        raise AgentlabError(
            f"run={str(path)!r} is being written by another process; stop that one first"
        ) from None
    except OSError:
        pass  # a file system that knows no locks
    return lock
