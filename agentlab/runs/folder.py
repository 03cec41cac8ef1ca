"""A run's folder: made once, and written to by one process at a time."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import BinaryIO

from agentlab.errors import AgentlabError
from agentlab.runs.files import open_append


def make_run_folder(root: Path, name: str) -> Path:
    """Make a new folder ``name`` in ``root``, or ``name-2``, ``name-3``, ... where it exists.

    Raises:
        OSError: where ``root`` is a file or cannot be written to.
    """
    if root.is_file():
        raise NotADirectoryError(None, "it is a file")
    root.mkdir(parents=True, exist_ok=True)
    path, count = root / name, 1
    while True:
        try:
            path.mkdir()
            return path
        except FileExistsError:
            count += 1
            path = root / f"{name}-{count}"


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
            f"run={str(path)!r} is being trained by another process; stop that first"
        ) from None
    except OSError:
        pass  # a file system that knows no locks
    return lock
