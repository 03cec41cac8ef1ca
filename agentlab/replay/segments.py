"""Saving a ring of rows in pieces, so that only those that changed are written again."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path

from agentlab.replay.leaves import Array
from agentlab.runs.files import write_arrays
from agentlab.runs.reading import read_arrays

PIECES = 64
_Identity = tuple[int, int, int, int]


class Segments:
    """The files that a ring of ``rows`` rows is saved in.

    A file is never changed once it is written: a segment without a change since the last ``save``
    or ``load`` becomes a hard link to the file of then, and the others are written anew.

    Args:
        rows: of the whole ring.
    """

    def __init__(self, rows: int) -> None:
        self._length = -(-rows // PIECES)
        self._known: dict[int, _Identity] = {}  # files of the last folder that still hold
        self._folder = -1
        self._close: Callable[[], object] = _nothing

    def touch(self, row: int) -> None:
        """Take note that ``row`` has changed."""
        self._known.pop(row // self._length, None)

    def save(
        self, directory: Path, rows: int, read: Callable[[slice], Mapping[str, Array]]
    ) -> None:
        """Write the first ``rows`` rows to ``directory``; ``read`` returns the arrays of some.

        Raises:
            OSError: where the disk is full or refuses.
        """
        known = {}
        for number, part in enumerate(self._parts(rows)):
            path = directory / _name(number)
            if not self._link(number, path):
                write_arrays(path, read(part))
            known[number] = _identity(path.stat())
        self._remember(directory, known)

    def load(
        self, directory: Path, rows: int, write: Callable[[slice, Mapping[str, Array]], None]
    ) -> None:
        """Give the arrays of the first ``rows`` rows in ``directory`` to ``write``."""
        known = {}
        for number, part in enumerate(self._parts(rows)):
            path = directory / _name(number)
            write(part, read_arrays(path))
            known[number] = _identity(path.stat())
        self._remember(directory, known)

    def forget(self) -> None:
        """Write everything at the next ``save``."""
        self._known.clear()

    def _parts(self, rows: int) -> list[slice]:
        starts = range(0, rows, self._length)
        return [slice(start, min(start + self._length, rows)) for start in starts]

    def _link(self, number: int, path: Path) -> bool:
        """Make ``path`` a link to the last file of segment ``number``, if that still holds."""
        known = self._known.get(number)
        if known is None:
            return False
        try:
            if path.exists() and _identity(path.stat()) == known:
                return True  # saved into the same folder again
            if _identity(os.stat(path.name, dir_fd=self._folder)) != known:
                return False
            path.unlink(missing_ok=True)
            os.link(path.name, path, src_dir_fd=self._folder)
        except (OSError, NotImplementedError):  # gone, on another disk, or a system without links
            return False
        return True

    def _remember(self, directory: Path, known: dict[int, _Identity]) -> None:
        self._close()
        self._known = {}
        # A checkpoint's folder is renamed once it is whole; what is open stays the same folder.
        try:
            self._folder = os.open(directory, os.O_RDONLY)
        except OSError:  # a system that opens no folders
            self._close = _nothing
            return
        self._close = weakref.finalize(self, os.close, self._folder)
        self._known = known


def _name(number: int) -> str:
    return f"segment-{number:02d}.npz"


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _nothing() -> None:
    """Close nothing."""
