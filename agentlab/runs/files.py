"""Writing files so that neither a crash nor a full disk leaves half of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentlab.errors import AgentlabError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, which becomes ``path`` if all goes well.

    The temporary file lies in the same folder and has the same suffix; where something fails it
    is removed and an older ``path`` stays as it was.
    """
    temporary = path.with_name(f".tmp-{path.name}")
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file's contents, or a folder's list of names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def reporting(failure: str) -> Iterator[None]:
    """Turn what the operating system refuses within into an ``AgentlabError``.

    Args:
        failure: the sentence to begin with, such as ``"run='a' cannot be written to"``; the
            system's reason (no space left, permission denied) follows.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error).partition("\n")[0]  # of ffmpeg's many lines the first
        raise AgentlabError(f"{failure}: {reason}") from error
