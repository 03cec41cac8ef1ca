"""Files with reserved disk space, and memory that processes share."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from agentlab.errors import AgentlabError

SHARED = "/dev/shm"


def reserve(file: IO[bytes], nbytes: int) -> None:
    """Make a file ``nbytes`` long, and reserve that space on its device.

    Writing to a memory-mapped file whose device is full kills the process (SIGBUS).

    Raises:
        OSError: if the device has too little space.
    """
    file.truncate(nbytes)
    if hasattr(os, "posix_fallocate") and nbytes:  # not on macOS
        try:
            os.posix_fallocate(file.fileno(), 0, nbytes)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # on some file systems
                raise


def shared_file(nbytes: int, folders: Sequence[str] | None = None) -> IO[bytes]:
    """Create an unnamed file for memory that processes share.

    It lies in ``/dev/shm``; if that is too small, as in many containers, in the folder of temporary
    files, whose pages the kernel keeps in memory too.

    Args:
        nbytes: size of the file.
        folders: the folders to try; ``None`` for these two.

    Raises:
        AgentlabError: if none of them has enough space.
    """
    folders = (SHARED, tempfile.gettempdir()) if folders is None else folders
    for folder in folders:
        if not Path(folder).is_dir():
            continue
        try:
            # Without a name, nothing is left behind even if this process is killed.
            file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - the caller closes it
        except OSError:
            continue
        try:
            reserve(file, nbytes)
        except OSError:
            file.close()
            continue
        return file
    raise AgentlabError(
        f"{nbytes / 2**20:,.1f} MiB of memory shared with worker processes do not fit in "
        f"{' or '.join(folders)}; free some space, set TMPDIR to another folder, or use workers=0"
    )
