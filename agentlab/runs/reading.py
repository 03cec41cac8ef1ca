"""Reading files that may come from a stranger: only regular ones, and within limits."""

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
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

JSON_BYTES = 32 << 20  # 32 MiB: vocabularies, the longest that we keep, have a few
JSON_VALUES = 2_000_000  # each takes up to 240 bytes in memory


def open_regular(path: Path | str) -> io.BufferedReader:
    """Open a file for reading; never a pipe or a device, which may give no end of bytes or none.

    Raises:
        OSError: for a missing file, a folder, or what is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path | str, limit: int) -> bytes:
    """Return what a regular file holds.

    Raises:
        OSError: where ``open_regular`` raises it, or the file has more than ``limit`` bytes.
    """
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit:,} bytes", str(path))
    return content


def read_json(path: Path | str) -> Any:
    """Return what a JSON file holds.

    Raises:
        OSError: where ``read_bytes`` raises it; the limit is 32 MiB.
        ValueError: for what is no JSON, is nested too deeply, or has more than 2 million values.
    """
    content = read_bytes(path, JSON_BYTES)
    if count_values(content) > JSON_VALUES:
        raise ValueError(f"it holds more than {JSON_VALUES:,} values")
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def count_values(content: bytes) -> int:
    """Return how many values a text of JSON holds at most."""
    return sum(map(content.count, (b",", b"[", b"{")))


def unpacked_limit(size: int) -> int:
    """Return how many bytes an archive of ``size`` bytes may unpack to.

    Those that we and Keras write are not compressed; a copy that somebody packed again may be.
    """
    return 4 * size + (64 << 20)


def check_archive(file: BinaryIO, names: Iterable[str] | None = None) -> None:
    """Check that what is read of a zip archive unpacks to little more than its size.

    Args:
        file: the archive, open for reading; left at its beginning.
        names: of the members that will be read; ``None`` for all.

    Raises:
        ValueError: for what is no archive, or one that unpacks to more.
        KeyError: for a missing member.
    """
    size = file.seek(0, os.SEEK_END)
    try:
        with zipfile.ZipFile(file) as archive:
            wanted = archive.namelist() if names is None else names
            members = [archive.getinfo(name) for name in wanted]
    except (zipfile.BadZipFile, RuntimeError, EOFError) as error:
        raise ValueError(f"it is no zip archive: {error}") from None
    finally:
        file.seek(0)
    for member in members:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(
                f"{member.filename} in it is compressed in another way than by deflate"
            )
    unpacked = sum(member.file_size for member in members)
    if unpacked > unpacked_limit(size):
        raise ValueError(f"{size:,} bytes would unpack to {unpacked:,}")


def read_arrays(
    path: Path | str, names: Iterable[str] | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Read arrays of an ``.npz`` file. Runs no code from it.

    Args:
        path: the file.
        names: of the arrays that are read; ``None`` reads all.

    Raises:
        OSError: where ``open_regular`` raises it.
        ValueError: for a damaged file, or arrays that need much more memory than the file has
            bytes.
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
    """Return the size of an array as its header tells it."""
    with archive.open(member) as stored:
        version = np.lib.format.read_magic(stored)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(stored)
        else:  # what is no (2, 0) either is refused by its reader
            shape, _, dtype = np.lib.format.read_array_header_2_0(stored)
    return math.prod(shape) * dtype.itemsize
