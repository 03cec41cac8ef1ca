"""Incremental saving of a ring of rows: only segments that changed are written again."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path

from agentlab.replay.leaves import Array
from agentlab.runs.files import write_arrays
from agentlab.runs.reading import read_arrays

MAX_SEGMENTS = 64
_FileId = tuple[int, int, int, int]


class Segments:
    """The files in which a ring of ``rows`` rows is saved, a segment of rows in each.

    A file is never modified once it is written: a segment that has not changed since the last
    ``save`` or ``load`` becomes a hard link to its last file, and others get new files.

    Args:
        rows: number of rows in the ring.
    """

    def __init__(self, rows: int) -> None:
        self._length = -(-rows // MAX_SEGMENTS)
        self._current: dict[int, _FileId] = {}  # files in the last folder that are up to date
        self._folder = -1
        self._close: Callable[[], object] = _nothing

    def mark_changed(self, row: int) -> None:
        """Mark the segment of ``row`` as changed."""
        self._current.pop(row // self._length, None)

    def save(
        self, directory: Path, rows: int, read: Callable[[slice], Mapping[str, Array]]
    ) -> None:
        """Write the first ``rows`` rows to ``directory``.

        Args:
            directory: an existing folder.
            rows: number of rows in use.
            read: returns the arrays of a range of rows.

        Raises:
            OSError: if the files cannot be written.
        """
        current = {}
        for number, segment in enumerate(self._segments(rows)):
            path = directory / _file_name(number)
            if not self._link(number, path):
                write_arrays(path, read(segment))
            current[number] = _file_id(path.stat())
        self._set_last(directory, current)

    def load(
        self, directory: Path, rows: int, write: Callable[[slice, Mapping[str, Array]], None]
    ) -> None:
        """Pass the arrays of the first ``rows`` rows in ``directory`` to ``write``."""
        current = {}
        for number, segment in enumerate(self._segments(rows)):
            path = directory / _file_name(number)
            write(segment, read_arrays(path))
            current[number] = _file_id(path.stat())
        self._set_last(directory, current)

    def clear(self) -> None:
        """Mark all segments as changed."""
        self._current.clear()

    def _segments(self, rows: int) -> list[slice]:
        starts = range(0, rows, self._length)
        return [slice(start, min(start + self._length, rows)) for start in starts]

    def _link(self, number: int, path: Path) -> bool:
        """Link ``path`` to the last file of segment ``number``; return whether it is up to date."""
        file_id = self._current.get(number)
        if file_id is None:
            return False
        try:
            if path.exists() and _file_id(path.stat()) == file_id:
                return True  # saved to the same folder again
            if _file_id(os.stat(path.name, dir_fd=self._folder)) != file_id:
                return False
            path.unlink(missing_ok=True)
            os.link(path.name, path, src_dir_fd=self._folder)
        except (OSError, NotImplementedError):  # gone, on another disk, or links are unsupported
            return False
        return True

    def _set_last(self, directory: Path, current: dict[int, _FileId]) -> None:
        self._close()
        self._current = {}
        # A checkpoint's folder is renamed when it is complete; an open descriptor stays valid.
        try:
            self._folder = os.open(directory, os.O_RDONLY)
        except OSError:  # the system cannot open folders
            self._close = _nothing
            return
        self._close = weakref.finalize(self, os.close, self._folder)
        self._current = current


def _file_name(number: int) -> str:
    return f"segment-{number:02d}.npz"


def _file_id(status: os.stat_result) -> _FileId:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _nothing() -> None:
    """Do nothing: there is no folder to close."""
