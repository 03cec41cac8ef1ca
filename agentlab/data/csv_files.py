"""``CSVFiles``: column names of CSV files, and their rows in chunks."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from agentlab.config import did_you_mean
from agentlab.data.csv_form import (
    MAX_COLUMNS,
    MAX_LINE,
    Source,
    cells_of,
    find_files,
    first_lines,
    guess_decimal,
    guess_separator,
    open_bounded,
    open_text,
    reading,
)
from agentlab.errors import AgentlabError

MISSING = ("", "?", "NA", "na", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "null", "NULL", "Null")
CELLS = 200_000  # per chunk, so that wide tables need no more memory than narrow ones
BLANK: tuple[list[str], ...] = ([], [""])
BEYOND = "\n beyond the header"  # no column can have this name: names are stripped


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of one file.

    Attributes:
        frame: the requested columns, a pandas DataFrame; missing cells are NaN.
        files: the table that they are part of.
        file: the index of their file in ``files.paths``.
        first: the index of the first row in its file; row 0 follows the header.
    """

    frame: Any
    files: CSVFiles
    file: int
    first: int

    def numbers(self, name: str) -> npt.NDArray[np.float64]:
        """Return a column of texts as numbers; other texts are infinite, missing cells NaN."""
        return self.files.to_numbers(self.frame[name])

    def refuse(self, row: int, name: str, why: str) -> AgentlabError:
        """Return an error about a cell.

        Args:
            row: index of the row in the chunk.
            name: name of the column.
            why: the relative clause that follows the cell's value in the message.
        """
        place = self.files.place(self.file, self.first + row)
        value = self.frame[name].iloc[row]
        return AgentlabError(f"{place}, column {name!r} contains {str(value)!r}, {why}")


class CSVFiles:
    """One or several CSV files with the same columns, read as one table in chunks.

    The first row names the columns. Cells are separated by a comma, semicolon, tab or bar, as
    inferred from the first file; decimal commas are supported if the separator is not a comma.
    Blank lines are skipped. Cells that are empty or in ``MISSING`` are missing. Files are UTF-8 and
    may be compressed with gzip (``.gz``). Messages name a row by its line number in the file, as in
    a spreadsheet.

    Args:
        source: a file, a folder (its ``.csv`` and ``.tsv`` files, by name) or several files.
        separator: the separator of cells; ``None`` infers it.

    Attributes:
        paths: the files.
        names: the names of the columns, in the order of the first file.
        rows: number of rows per chunk.

    Raises:
        AgentlabError: for a missing or empty file or folder, a duplicate column name, or files
            whose columns differ.
    """

    def __init__(self, source: Source, separator: str | None = None) -> None:
        self.paths = find_files(source)
        sample = first_lines(self.paths[0])
        self.separator = separator or guess_separator(sample)
        self.decimal = "." if self.separator == "," else guess_decimal(sample, self.separator)
        headers = [_header(path, self.separator) for path in self.paths]
        self._skip = [skip for skip, _ in headers]
        self._names = [names for _, names in headers]
        self.names = self._names[0]
        self.rows = max(100, min(50_000, CELLS // len(self.names)))
        for path, names in zip(self.paths, self._names, strict=True):
            for one, other, in_one, in_other in (
                (path, self.paths[0], names, self.names),
                (self.paths[0], path, self.names, names),
            ):
                if lacking := [name for name in in_other if name not in in_one]:
                    raise AgentlabError(f"{one} has no column {lacking[0]!r}, but {other} has one")

    def need(self, names: Sequence[str]) -> None:
        """Check that there are columns of these names.

        Raises:
            AgentlabError: for a missing column, or a file that seems to have no header.
        """
        for name in names:
            if name in self.names:
                continue
            listed = ", ".join(self.names[:20]) + (", ..." if len(self.names) > 20 else "")
            if any(_is_number(cell) for cell in self.names):
                raise AgentlabError(
                    f"{self.paths[0]} has no column {name!r}: its first row, {listed}, seems to "
                    "be data; it must name the columns"
                )
            hint = did_you_mean(name, self.names) or f"; it has {listed}"
            raise AgentlabError(f"{self.paths[0]} has no column {name!r}{hint}")

    def chunks(
        self, types: Mapping[str, type | None], order: Sequence[int] | None = None
    ) -> Iterator[Chunk]:
        """Read the columns that ``types`` names, ``rows`` rows at a time.

        Args:
            types: ``float`` reads a column as numbers, ``str`` as strings without conversion, and
                ``None`` as numbers or strings, depending on the chunk.
            order: the indices of the files in the order to read them; ``None`` for the original.

        Raises:
            AgentlabError: for text in a column of numbers, a row that is longer than the header,
                or a file that is damaged or not UTF-8.
        """
        for file in range(len(self.paths)) if order is None else order:
            first = 0
            for frame in self._frames(file, types):
                yield Chunk(frame, self, file, first)
                first += len(frame)

    def to_numbers(self, texts: Any) -> npt.NDArray[np.float64]:
        """Return texts as numbers; other texts are infinite, missing cells NaN."""
        import pandas as pd

        if self.decimal == "," and texts.dtype.kind not in "iuf":
            texts = texts.str.replace(",", ".")
        numbers: npt.NDArray[np.float64]
        numbers = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64, copy=True)
        numbers[np.isnan(numbers) & texts.notna().to_numpy()] = np.inf
        return numbers

    def find_text(
        self, names: Sequence[str], why: str = "which is not a number"
    ) -> AgentlabError | None:
        """Return an error about the first cell that is not a finite number, if there is one.

        Args:
            names: the columns to search.
            why: the relative clause that follows the cell's value in the message.
        """
        for chunk in self.chunks(dict.fromkeys(names, str)):
            bad = np.stack([np.isinf(chunk.numbers(name)) for name in names], axis=1)
            if bad.any():
                row = int(bad.any(1).argmax())
                return chunk.refuse(row, names[int(bad[row].argmax())], why)
        return None

    def place(self, file: int, row: int) -> str:
        """Return the path and line number of a row; row 0 follows the header."""
        for number, (line, _) in enumerate(self._rows(file)):
            if number == row:
                return f"{self.paths[file]}, row {line}"
        return str(self.paths[file])

    def _rows(self, file: int) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows of a file and the lines at which they begin, by Python's slow reader."""
        with reading(self.paths[file]), open_text(self.paths[file]) as stream:
            rows = cells_of(stream, self.separator)
            header, line = True, 0
            for row in rows:
                if row not in BLANK:
                    if not header:
                        yield line + 1, row
                    header = False
                line = rows.line_num

    def _frames(self, file: int, types: Mapping[str, type | None]) -> Iterator[Any]:
        import pandas as pd

        names, dtypes = self._names[file], {float: "float64", str: object}
        whole = set(types) == set(names)  # longer rows can be detected only if all columns are read
        with (
            reading(self.paths[file]),
            open_bounded(self.paths[file]) as stream,
            pd.read_csv(
                stream,
                sep=self.separator,
                decimal=self.decimal,
                header=None,
                skiprows=self._skip[file],
                names=[*names, BEYOND] if whole else names,
                usecols=None if whole else list(types),
                dtype={name: dtypes[type] for name, type in types.items() if type is not None},
                keep_default_na=False,
                na_values=list(MISSING),
                skipinitialspace=True,
                encoding="utf-8-sig",
                index_col=False,
                low_memory=False,
                chunksize=self.rows,
            ) as reader,
        ):
            while True:
                try:
                    frame = _next_whole(reader) if whole else next(reader)
                except StopIteration:
                    return
                except (ValueError, pd.errors.ParserWarning) as error:
                    raise self._explain(error, file, types) from None
                if whole and frame.pop(BEYOND).notna().any():
                    raise self._too_long(file)
                yield frame

    def _explain(self, error: Exception, file: int, types: Mapping[str, type | None]) -> Exception:
        """Return the error for a file that pandas cannot read."""
        import pandas as pd

        if isinstance(error, pd.errors.ParserError | pd.errors.ParserWarning):
            longer = "Expected" in str(error) or "Length of header" in str(error)
            return self._too_long(file) if longer else error
        if isinstance(error, UnicodeDecodeError):
            return error
        numbers = [name for name, type in types.items() if type is float]
        return self.find_text(numbers) or AgentlabError(f"{self.paths[file]}: {error}")

    def _too_long(self, file: int) -> AgentlabError:
        width = len(self.names)
        lines = (line for line, row in self._rows(file) if any(row[width:]))
        place = f"{self.paths[file]}, row {next(lines, 1)}"
        return AgentlabError(f"{place} has more cells than the header")


def _header(path: Path, separator: str) -> tuple[int, list[str]]:
    """Return the number of rows up to the header, blank lines included, and the column names."""
    with reading(path), open_text(path) as stream:
        rows = enumerate(cells_of(_bounded(stream, path), separator), 1)
        skip, row = next(((n, row) for n, row in rows if row not in BLANK), (0, []))
    if not row:
        raise AgentlabError(f"{path} is empty; its first row must name the columns")
    if len(row) > MAX_COLUMNS:
        raise AgentlabError(f"{path} has {len(row):,} columns; at most {MAX_COLUMNS:,} are read")
    names = [name.strip() or f"column {i + 1}" for i, name in enumerate(row)]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise AgentlabError(f"{path} has two columns {twice[0]!r}; column names must be unique")
    return skip, names


def _bounded(stream: TextIO, path: Path) -> Iterator[str]:
    """Yield the lines of the header, up to a limit of their length."""
    left = MAX_LINE
    for line in stream:
        left -= len(line)
        if left < 0:
            raise AgentlabError(f"{path} has a header of more than {MAX_LINE:,} characters")
        yield line


def _next_whole(reader: Any) -> Any:
    """Return the next rows; raise a ``ParserWarning`` if the first is longer than the header."""
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return next(reader)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
