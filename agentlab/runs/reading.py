"""Reading files from untrusted sources: only regular files, and within limits."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import stat
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

JSON_BYTES = 32 << 20  # 32 MiB; the largest are vocabularies of a few MiB
JSON_VALUES = 2_000_000  # each takes up to 240 bytes in memory


def open_regular(path: Path | str) -> io.BufferedReader:
    """Open a regular file for reading; a pipe or a device could block or never end.

    Raises:
        OSError: if the file does not exist or is not a regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def is_inside(name: str) -> bool:
    """Return whether a relative path stays inside the folder that it is relative to.

    >>> is_inside("learner/arrays.npz"), is_inside("../arrays.npz"), is_inside("/dev/zero")
    (True, False, False)
    """
    return not (PurePath(name).is_absolute() or ".." in PurePath(name).parts)


def read_bytes(path: Path | str, limit: int) -> bytes:
    """Return the content of a regular file.

    Raises:
        OSError: as ``open_regular``, or if the file has more than ``limit`` bytes.
    """
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit:,} bytes", str(path))
    return content


def read_json(path: Path | str) -> Any:
    """Return the content of a JSON file.

    Raises:
        OSError: as ``read_bytes``, with a limit of 32 MiB.
        ValueError: for invalid JSON, deep nesting, or more than 2 million values.
    """
    content = read_bytes(path, JSON_BYTES)
    if count_values(content) > JSON_VALUES:
        raise ValueError(f"it holds more than {JSON_VALUES:,} values")
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def count_values(content: bytes) -> int:
    """Return an upper bound on the number of values in a JSON text.

    >>> count_values(b'{"a": [1, 2]}')
    3
    """
    return sum(map(content.count, (b",", b"[", b"{")))


def unpacked_limit(size: int) -> int:
    """Return how many bytes an archive of ``size`` bytes may unpack to.

    Archives written by agentlab and Keras are not compressed, but a repacked copy may be.
    """
    return 4 * size + (64 << 20)


def check_archive(file: BinaryIO, names: Iterable[str] | None = None) -> None:
    """Check that a zip archive is not a decompression bomb.

    Args:
        file: the archive, open for reading; its position is reset to the start.
        names: the members that will be read; ``None`` for all.

    Raises:
        ValueError: if the file is not a zip archive, or unpacks to more than ``unpacked_limit``.
        KeyError: for a missing member.
    """
    size = file.seek(0, os.SEEK_END)
    try:
        with zipfile.ZipFile(file) as archive:
            wanted = archive.namelist() if names is None else names
            members = [archive.getinfo(name) for name in wanted]
    except (zipfile.BadZipFile, RuntimeError, EOFError) as error:
        raise ValueError(f"it is not a zip archive: {error}") from None
    finally:
        file.seek(0)
    for member in members:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(
                f"{member.filename} in it is compressed by another method than deflate"
            )
    unpacked = sum(member.file_size for member in members)
    if unpacked > unpacked_limit(size):
        raise ValueError(f"{size:,} bytes would unpack to {unpacked:,}")


def read_arrays(
    path: Path | str, names: Iterable[str] | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays in an ``.npz`` file. Runs no code from it.

    Args:
        path: the file.
        names: names of the arrays to read; ``None`` reads all.

    Raises:
        OSError: as ``open_regular``.
        ValueError: for a damaged file, or arrays that take much more memory than the file.
        KeyError: for a missing array.
    """
    with open_regular(path) as file:
        members = None if names is None else [f"{name}.npy" for name in names]
        check_archive(file, members)
        limit = unpacked_limit(os.fstat(file.fileno()).st_size)
        try:
            with zipfile.ZipFile(file) as archive:
                wanted = archive.namelist() if members is None else members
                declared = sum(_declared_bytes(archive, member) for member in wanted)
                if declared > limit:
                    raise ValueError(f"its arrays would take {declared:,} bytes")
                arrays: dict[str, npt.NDArray[Any]] = {}
                for member in wanted:
                    with archive.open(member) as stored:
                        name = member.removesuffix(".npy")
                        arrays[name] = np.lib.format.read_array(stored, allow_pickle=False)
                return arrays
        except (zipfile.BadZipFile, RuntimeError, EOFError, zlib.error) as error:
            raise ValueError(str(error)) from None


def _declared_bytes(archive: zipfile.ZipFile, member: str) -> int:
    """Return the size of an array according to its header."""
    with archive.open(member) as stored:
        version = np.lib.format.read_magic(stored)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(stored)
        else:  # versions other than (2, 0) are refused by this reader
            shape, _, dtype = np.lib.format.read_array_header_2_0(stored)
    return math.prod(shape) * dtype.itemsize
