"""CSV files of metrics, to which rows and columns are appended."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from typing import BinaryIO

from agentlab.errors import AgentlabError
from agentlab.runs.aside import tell
from agentlab.runs.files import open_append, replacing
from agentlab.runs.reading import open_regular


class Table:
    """A CSV file with one row for each logged step; its first column is ``step``.

    Equal values give equal bytes: numbers are written by ``repr``, and lines end in a line feed. A
    row is in the file when ``append`` returns. A new name is added as the last column, for which
    the file is rewritten; cells without a value are empty. A file that is deleted, replaced or
    shortened by someone else while rows are appended is written again, with a warning.

    Args:
        path: the file, created with the first row.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Table(Path(folder) / "metrics.csv")
    ...     table.append(1, {"loss": 0.5})
    ...     table.append(2, {"loss": 0.25, "accuracy": 1})
    ...     table.close()
    ...     print(table.path.read_text())
    step,loss,accuracy
    1,0.5,
    2,0.25,1
    <BLANKLINE>
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: list[list[str]] = []  # of the open file; the first has the column names
        self._size = 0  # bytes of the open file
        self._file: BinaryIO | None = None

    def append(self, step: int, values: Mapping[str, float]) -> None:
        """Append a row, unless there are no values.

        Raises:
            OSError: if the file cannot be written.
            AgentlabError: if the file is not such a table.
        """
        if not values:
            return
        if self._file is None:
            self._rows = self._read()
        row = {"step": step, **values}
        columns = self._rows[0] if self._rows else []
        if new := [name for name in row if name not in columns]:
            columns = columns + new
            added = [cells + [""] * (len(columns) - len(cells)) for cells in self._rows[1:]]
            self._write_all([columns, *added])
        else:
            self.repair()
        if self._file is None:
            self._open()
        assert self._file is not None
        cells = [_cell(row[name]) if name in row else "" for name in columns]
        line = _text([cells])
        self._file.write(line)
        self._file.flush()
        self._size += len(line)
        self._rows.append(cells)

    def repair(self) -> None:
        """Write the file again, with a warning, if someone else has changed or deleted it."""
        if not self._is_unchanged():
            tell(f"{self.path} was changed or deleted during training, and is written again")
            self._write_all(self._rows)

    def read(self) -> list[dict[str, float]]:
        """Return all rows, oldest first; cells without a value are left out.

        Raises:
            AgentlabError: for a damaged file.
        """
        names, *rows = self._read() or [[]]
        try:
            pairs = (zip(names, row, strict=True) for row in rows)
            return [{name: float(cell) for name, cell in row if cell} for row in pairs]
        except ValueError as error:
            raise AgentlabError(f"{self.path} cannot be read: {error}") from error

    def copy_to(self, folder: Path) -> None:
        """Copy the rows, if there are any, into ``folder``."""
        if self._file is not None:
            (folder / self.path.name).write_bytes(_text(self._rows))
        elif self.path.exists():
            with open_regular(self.path) as file:
                (folder / self.path.name).write_bytes(file.read())

    def restore(self, folder: Path | None) -> None:
        """Restore the copy that ``copy_to`` made in ``folder``; ``None`` removes the file."""
        self.close()
        if folder is None or not (source := folder / self.path.name).exists():
            self.path.unlink(missing_ok=True)
            return
        with replacing(self.path) as temporary, open_regular(source) as file:
            temporary.write_bytes(file.read())

    def close(self) -> None:
        """Close the file; ``append`` reopens it."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _open(self) -> None:
        self._file = open_append(self.path)
        self._size = os.fstat(self._file.fileno()).st_size

    def _is_unchanged(self) -> bool:
        """Whether the open file is still at its path, with the rows that were written to it."""
        if self._file is None:
            return True
        try:
            found, own = os.lstat(self.path), os.fstat(self._file.fileno())
        except FileNotFoundError:
            return False
        return os.path.samestat(found, own) and own.st_size == self._size

    def _write_all(self, rows: list[list[str]]) -> None:
        with replacing(self.path) as temporary:
            temporary.write_bytes(_text(rows))
        self.close()
        self._rows = rows
        self._open()

    def _read(self) -> list[list[str]]:
        if not self.path.exists():
            return []
        try:
            with io.TextIOWrapper(open_regular(self.path), encoding="utf-8", newline="") as file:
                return list(csv.reader(file))
        except (OSError, ValueError, csv.Error) as error:
            raise AgentlabError(f"{self.path} cannot be read: {error}") from error


def _text(rows: list[list[str]]) -> bytes:
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return lines.getvalue().encode()


def _cell(value: float) -> str:
    return repr(int(value)) if isinstance(value, Integral) else repr(float(value))
