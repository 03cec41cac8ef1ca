"""The lock that allows only one process at a time to write to a run."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import BinaryIO

from agentlab.errors import AgentlabError
from agentlab.runs.files import open_append


def lock_run(path: Path) -> BinaryIO:
    """Lock a run against other writing processes until the returned file is closed.

    Raises:
        AgentlabError: if another process writes to the run.
        OSError: if the folder cannot be written to.
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
