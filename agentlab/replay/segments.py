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
    ``save`` but one becomes a hard link to its file of that time, and others get new files. Two
    saves in a row therefore share no file, so that a damaged file affects only one of them.

    Args:
        rows: number of rows in the ring.
    """

    def __init__(self, rows: int) -> None:
        self._length = -(-rows // MAX_SEGMENTS)
        self._last, self._last_but_one = _Saved(), _Saved()

    def mark_changed(self, row: int) -> None:
        """Mark the segment of ``row`` as changed."""
        number = row // self._length
        self._last.files.pop(number, None)
        self._last_but_one.files.pop(number, None)

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
        files = {}
        for number, segment in enumerate(self._segments(rows)):
            path = directory / _file_name(number)
            if not (self._last.holds(number, path) or self._last_but_one.link(number, path)):
                write_arrays(path, read(segment))
            files[number] = _file_id(path.stat())
        self._last, self._last_but_one = _Saved(directory, files), self._last

    def load(
        self, directory: Path, rows: int, write: Callable[[slice, Mapping[str, Array]], None]
    ) -> None:
        """Pass the arrays of the first ``rows`` rows in ``directory`` to ``write``."""
        files = {}
        for number, segment in enumerate(self._segments(rows)):
            path = directory / _file_name(number)
            write(segment, read_arrays(path))
            files[number] = _file_id(path.stat())
        self._last, self._last_but_one = _Saved(directory, files), _Saved()

    def clear(self) -> None:
        """Mark all segments as changed."""
        self._last, self._last_but_one = _Saved(), _Saved()

    def _segments(self, rows: int) -> list[slice]:
        starts = range(0, rows, self._length)
        return [slice(start, min(start + self._length, rows)) for start in starts]


class _Saved:
    """The files of one ``save`` that are still up to date, by segment number.

    A checkpoint's folder is renamed when it is complete; an open descriptor stays valid.
    """

    def __init__(self, directory: Path | None = None, files: dict[int, _FileId] | None = None):
        self.files: dict[int, _FileId] = {}
        self._folder = -1
        if directory is None or not files:
            return
        try:
            self._folder = os.open(directory, os.O_RDONLY)
        except OSError:  # the system cannot open folders
            return
        weakref.finalize(self, os.close, self._folder)
        self.files = files

    def holds(self, number: int, path: Path) -> bool:
        """Whether ``path`` is the file of this save, as when the same folder is saved to again."""
        file_id = self.files.get(number)
        return file_id is not None and path.exists() and _file_id(path.stat()) == file_id

    def link(self, number: int, path: Path) -> bool:
        """Link ``path`` to the file of segment ``number``; return whether it is up to date."""
        file_id = self.files.get(number)
        if file_id is None:
            return False
        try:
            if _file_id(os.stat(path.name, dir_fd=self._folder)) != file_id:
                return False
            path.unlink(missing_ok=True)
            os.link(path.name, path, src_dir_fd=self._folder)
        except (OSError, NotImplementedError):  # gone, on another disk, or links are unsupported
            return False
        return True


def _file_name(number: int) -> str:
    return f"segment-{number:02d}.npz"


def _file_id(status: os.stat_result) -> _FileId:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
