"""Atomic writes that never follow links.

A folder may come from an untrusted source, so files get random temporary names until they are
complete, and existing links are replaced instead of followed.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError
from agentlab.runs.reading import JSON_BYTES, JSON_VALUES, count_values, open_regular

TEMPORARY = ".tmp-"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, which is renamed to ``path`` on success.

    The temporary file is in the same folder, with a random name and the same suffix. After an
    exception it is removed and ``path`` is unchanged. If ``path`` is a link, the link is replaced,
    not its target.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder) / "notes.txt") as temporary:
    ...         _ = temporary.write_text("done")
    ...     (Path(folder) / "notes.txt").read_text()
    'done'
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        temporary, file = create_beside(path)
        file.close()
        try:
            yield temporary
            sync(temporary)
            os.replace(temporary, path)
        finally:
            with suppress(FileNotFoundError):  # by descriptor, as the folder may have been renamed
                os.unlink(temporary.name, dir_fd=folder)
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder to write to, which is renamed to ``path`` on success.

    An existing ``path`` is replaced, atomically if the system supports that, so that a killed
    process leaves either the old folder or the new one. After an exception the temporary folder is
    removed and ``path`` is unchanged.
    """
    temporary, old = (path.with_name(_random_name(path.name)) for _ in range(2))
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for entry in [*temporary.rglob("*"), temporary]:
            sync(entry)
        if os.path.lexists(path) and exchange(temporary, path):
            os.rename(temporary, old)
        else:
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


def exchange(one: Path, other: Path) -> bool:
    """Exchange two paths atomically; return whether the system could do that."""
    try:
        rename = ctypes.CDLL(None).renameat2  # Linux
    except (AttributeError, OSError):
        return False
    here, exchanged = -100, 2  # AT_FDCWD and RENAME_EXCHANGE
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), exchanged) == 0)


def create_beside(path: Path) -> tuple[Path, io.BufferedWriter]:
    """Create a file with a random name in the folder of ``path``, and open it for writing.

    Raises:
        OSError: if the folder does not exist or is not writable.
    """
    temporary = path.with_name(_random_name(path.name))
    return temporary, open_new(temporary)


def open_new(path: Path) -> io.BufferedWriter:
    """Create a file and open it for writing.

    Raises:
        OSError: if ``path`` exists, be it a link, or the folder is not writable.
    """
    return os.fdopen(os.open(path, _NEW, 0o666), "wb")


def open_append(path: Path) -> io.BufferedWriter:
    """Open a file for appending, and create it if it does not exist.

    Raises:
        OSError: if ``path`` is a link, has other hard links, or is not a regular file.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a link", str(path)) from None
        if error.errno == errno.ENXIO:  # a named pipe without a reader
            raise OSError(errno.ENXIO, "it is not a regular file", str(path)) from None
        raise
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        what = "it has another hard link" if found.st_nlink > 1 else "it is not a regular file"
        raise OSError(errno.EINVAL, what, str(path))
    return os.fdopen(descriptor, "ab")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically, within the limits of ``read_json``.

    Raises:
        AgentlabError: if the content is larger than ``read_json`` accepts.
        OSError: if the file cannot be written.
    """
    text = json.dumps(content, indent=1) + "\n"
    if len(text) > JSON_BYTES or count_values(text.encode()) > JSON_VALUES:
        raise AgentlabError(
            f"{path.name} would hold more than {JSON_VALUES:,} values or {JSON_BYTES >> 20} MiB of "
            "JSON; keep large state in NumPy arrays"
        )
    write_text(path, text)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8.

    Raises:
        OSError: if the file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays to an uncompressed ``.npz`` file atomically, as ``np.savez`` does.

    The file is not synced to disk; ``replacing_folder`` syncs all files of a folder.

    Raises:
        OSError: if the file cannot be written.
    """
    temporary, file = create_beside(path)
    try:
        with file, zipfile.ZipFile(file, "w") as archive:  # np.savez forbids the name "file"
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a file, a link (not its target) or a folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_temporaries(folder: Path) -> None:
    """Remove the temporary files that killed processes left in ``folder``."""
    for path in folder.glob(f"{TEMPORARY}*"):
        remove(path)


def sync(path: Path) -> None:
    """Sync a file, or the entries of a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def folder_name(name: str) -> str:
    """Return the name of a run's folder: characters that are unsafe in file names become ``-``.

    >>> folder_name("ALE/Pong v5")
    'ALE-Pong-v5'
    """
    return re.sub(r"[^\w.+=-]+", "-", name).strip("-.")


def make_numbered_folder(root: Path, name: str) -> Path:
    """Create the folder ``root/name``, with ``-2``, ``-3``, ... appended if it exists.

    Raises:
        OSError: if it cannot be created.
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


@contextmanager
def reporting(failure: str) -> Iterator[None]:
    """Convert an ``OSError`` raised within to an ``AgentlabError``.

    Args:
        failure: start of the message, such as ``"run='a' cannot be written to"``; the reason given
            by the operating system follows.

    >>> with reporting("the file cannot be read"):
    ...     open("/nowhere/file")
    Traceback (most recent call last):
    agentlab.errors.AgentlabError: the file cannot be read: No such file or directory
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error).partition("\n")[0]  # ffmpeg gives many lines
        raise AgentlabError(f"{failure}: {reason}") from error


def _random_name(name: str) -> str:
    return f"{TEMPORARY}{secrets.token_hex(8)}-{name}"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a regular file, in hexadecimal digits."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_json(content: Any) -> str:
    """Return the SHA-256 of a JSON value, in hexadecimal digits."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
