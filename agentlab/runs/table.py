"""CSV files of metrics, to which rows and columns are appended."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import TextIO

from agentlab.errors import AgentlabError
from agentlab.runs.files import open_append, replacing
from agentlab.runs.reading import open_regular


class Table:
    """A CSV file with one row for each logged step; its first column is ``step``.

    Equal values give equal bytes: numbers are written by ``repr``, and lines end in a line feed. A
    row is in the file when ``append`` returns. A new name is added as the last column, for which
    the file is rewritten; cells without a value are empty.

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
        self._columns: list[str] = []
        self._file: TextIO | None = None

    def append(self, step: int, values: Mapping[str, float]) -> None:
        """Append a row, unless there are no values."""
        if not values:
            return
        if self._file is None:
            self._columns = next(iter(self._rows()), [])
        row = {"step": step, **values}
        if new := [name for name in row if name not in self._columns]:
            self._add_columns(new)
        if self._file is None:
            self._file = io.TextIOWrapper(open_append(self.path), encoding="utf-8", newline="")
        _write(self._file, [_cell(row[name]) if name in row else "" for name in self._columns])
        self._file.flush()

    def read(self) -> list[dict[str, float]]:
        """Return all rows, oldest first; cells without a value are left out.

        Raises:
            AgentlabError: for a damaged file.
        """
        try:
            names, *rows = self._rows() or [[]]
            pairs = (zip(names, row, strict=True) for row in rows)
            return [{name: float(cell) for name, cell in row if cell} for row in pairs]
        except (OSError, ValueError, csv.Error) as error:
            raise AgentlabError(f"{self.path} cannot be read: {error}") from error

    def copy_to(self, folder: Path) -> None:
        """Copy the file, if it exists, into ``folder``."""
        if self.path.exists():
            shutil.copyfile(self.path, folder / self.path.name)

    def restore(self, folder: Path | None) -> None:
        """Restore the copy that ``copy_to`` made in ``folder``; ``None`` removes the file."""
        self.close()
        if folder is None or not (source := folder / self.path.name).exists():
            self.path.unlink(missing_ok=True)
            return
        with replacing(self.path) as temporary:
            shutil.copyfile(source, temporary)

    def close(self) -> None:
        """Close the file; ``append`` reopens it."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _add_columns(self, names: list[str]) -> None:
        self.close()
        self._columns = self._columns + names
        rows = self._rows()[1:]
        with (
            replacing(self.path) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            _write(file, self._columns)
            for row in rows:
                _write(file, row + [""] * (len(self._columns) - len(row)))

    def _rows(self) -> list[list[str]]:
        if not self.path.exists():
            return []
        with io.TextIOWrapper(open_regular(self.path), encoding="utf-8", newline="") as file:
            return list(csv.reader(file))


def _write(file: TextIO, row: Sequence[str]) -> None:
    csv.writer(file, lineterminator="\n").writerow(row)


def _cell(value: float) -> str:
    return repr(int(value)) if isinstance(value, Integral) else repr(float(value))
