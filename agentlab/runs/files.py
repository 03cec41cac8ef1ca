"""Writing files so that neither a crash nor a full disk leaves half of one, and through no link.

What lies in a folder may come from a stranger: whatever is made in it gets a random name first.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import secrets
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError
from agentlab.runs.reading import JSON_BYTES, JSON_VALUES, count_values, open_regular

TEMPORARY = ".tmp-"
APPENDED = ("metrics.csv", "timings.csv", "evaluations.csv", ".lock")  # opened to be changed
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, which becomes ``path`` if all goes well.

    The temporary file lies in the same folder, has a random name and the same suffix; where
    something fails it is removed and an older ``path`` stays as it was. A link at ``path`` is
    replaced itself, never what it points to.
    """
    temporary, file = create_beside(path)
    file.close()
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder of a random name, which becomes ``path`` if all goes well.

    An older ``path`` is removed once the new one has its name; where something fails, the new one
    is removed and an older one stays.
    """
    temporary, old = (path.with_name(_random_name(path.name)) for _ in range(2))
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for entry in [*temporary.rglob("*"), temporary]:
            sync(entry)
        if os.path.lexists(path):
            os.rename(path, old)
        os.rename(temporary, path)
    except BaseException:
        if os.path.lexists(old) and not os.path.lexists(path):
            os.rename(old, path)
        remove(temporary)
        raise
    remove(old)
    sync(path.parent)


def create_beside(path: Path) -> tuple[Path, io.BufferedWriter]:
    """Create a file of a random name in the folder of ``path``, and open it for writing.

    Raises:
        OSError: where the folder is missing or cannot be written to.
    """
    temporary = path.with_name(_random_name(path.name))
    return temporary, open_new(temporary)


def open_new(path: Path) -> io.BufferedWriter:
    """Create a file and open it for writing.

    Raises:
        OSError: where the name is taken, also by a link, or the folder cannot be written to.
    """
    return os.fdopen(os.open(path, _NEW, 0o666), "wb")


def open_append(path: Path) -> io.BufferedWriter:
    """Open a file, made if missing, to add to it.

    Raises:
        OSError: for a link, a file that has a second name, or what is no file.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a link", str(path)) from None
        if error.errno == errno.ENXIO:  # a pipe that nobody reads
            raise OSError(errno.ENXIO, "it is not a regular file", str(path)) from None
        raise
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        what = "it has a second name" if found.st_nlink > 1 else "it is not a regular file"
        raise OSError(errno.EINVAL, what, str(path))
    return os.fdopen(descriptor, "ab")


def write_json(path: Path, content: Any) -> None:
    """Write what JSON holds to a file, whole or not at all, so that ``read_json`` can read it.

    Raises:
        AgentlabError: for more than ``read_json`` reads.
        OSError: where the disk is full or refuses.
    """
    text = json.dumps(content, indent=1) + "\n"
    if len(text) > JSON_BYTES or count_values(text.encode()) > JSON_VALUES:
        raise AgentlabError(
            f"{path.name} would hold more than {JSON_VALUES:,} values or {JSON_BYTES >> 20} MiB of "
            "JSON; keep large state in NumPy arrays"
        )
    write_text(path, text)


def write_text(path: Path, text: str) -> None:
    """Write a text to a file, whole or not at all.

    Raises:
        OSError: where the disk is full or refuses.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays uncompressed to an ``.npz`` file, whole or not at all.

    It is not waited for until they are on the disk: ``replacing_folder`` does that for all files.

    Raises:
        OSError: where the disk is full or refuses.
    """
    temporary, file = create_beside(path)
    try:
        with file:
            np.savez(file, allow_pickle=False, **arrays)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def refuse_links(folder: Path, allowed: Collection[str] = ()) -> None:
    """Check that what is written into a folder stays in it.

    Args:
        folder: where something will be written; it may be a link itself.
        allowed: names directly in the folder that may be links.

    Raises:
        AgentlabError: for a symbolic link, what is neither file nor folder, or a file with a second
            name that would be added to.
        OSError: for a folder that cannot be read.
    """
    folders = [folder]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                mode = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(mode.st_mode):
                    folders.append(Path(entry.path))
                    continue
                name = Path(entry.path).relative_to(folder).as_posix()
                if stat.S_ISREG(mode.st_mode):
                    if name not in APPENDED or mode.st_nlink == 1:
                        continue
                    what = "has a second name outside"
                elif stat.S_ISLNK(mode.st_mode):
                    if name in allowed:
                        continue
                    what = "is a link"
                else:
                    what = "is neither a file nor a folder"
                raise AgentlabError(
                    f"{str(folder)!r} is not written to, because {name} in it {what}; copy the "
                    "folder with `cp -rL`, if you trust it"
                )


def remove(path: Path) -> None:
    """Remove a file, a link (not what it points to) or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_temporaries(folder: Path) -> None:
    """Remove what a process that was killed while it wrote into ``folder`` has left there."""
    for path in folder.glob(f"{TEMPORARY}*"):
        remove(path)


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


def _random_name(name: str) -> str:
    return f"{TEMPORARY}{secrets.token_hex(8)}-{name}"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a regular file, in hexadecimal digits."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_json(content: Any) -> str:
    """Return the SHA-256 of what JSON holds, in hexadecimal digits."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
