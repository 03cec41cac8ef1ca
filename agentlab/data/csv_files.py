"""``CSVFiles``: column names of CSV files, and their rows in chunks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.config import did_you_mean
from agentlab.data.codes import sample_widths
from agentlab.data.column import numbers_of
from agentlab.data.csv_form import (
    BLANK,
    MISSING,
    Source,
    cells_of,
    encoding_in,
    find_files,
    first_lines,
    guess_decimal,
    guess_separator,
    open_bounded,
    open_text,
    read_header,
    reading,
    sample_rows,
)
from agentlab.data.kept_rows import KeptRows
from agentlab.data.number_forms import NumberForm
from agentlab.errors import AgentlabError

CELLS = 200_000  # per chunk, so that wide tables need no more memory than narrow ones
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

    def numbers(self, name: str, form: NumberForm) -> npt.NDArray[np.float64]:
        """Return a column of texts as numbers; other texts are infinite, missing cells NaN."""
        return numbers_of(self.frame[name], form)

    def texts(self, names: Sequence[str]) -> npt.NDArray[np.object_]:
        """Return columns as strings, ``[rows, len(names)]``; missing cells are NaN."""
        cells: npt.NDArray[np.object_] = self.frame[list(names)].to_numpy(object)
        return cells

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
    inferred from the first file. Blank lines are skipped. Cells that are empty or in ``MISSING``
    are missing. Files may be compressed (``.gz``, ``.zip``). Messages name a row by its line number
    in the file, as in a spreadsheet.

    Args:
        source: a file, a folder (its ``.csv`` and ``.tsv`` files, by name) or several files.
        separator: the separator of cells; ``None`` infers it.
        decimal: the decimal mark, a point or a comma; ``None`` infers it.
        missing: additional strings that are read as missing cells.
        encoding: encoding of the files; ``None`` for that of their byte order mark, or UTF-8.
        memory_budget: maximum bytes of rows to keep in memory, so that files are parsed only once.

    Attributes:
        paths: the files.
        decimal: the decimal mark to assume for numbers that fit either.
        names: the names of the columns, in the order of the first file.
        rows: number of rows per chunk.
        widths: number of digits of the columns that may be codes, see ``sample_widths``.

    Raises:
        AgentlabError: for a missing or empty file or folder, a duplicate column name, or files
            whose columns differ.
    """

    def __init__(
        self,
        source: Source,
        separator: str | None = None,
        decimal: str | None = None,
        missing: Sequence[str] = (),
        encoding: str | None = None,
        memory_budget: int = 0,
    ) -> None:
        self.paths = find_files(source)
        self.encodings = [encoding_in(path, encoding) for path in self.paths]
        sample = first_lines(self.paths[0], self.encodings[0])
        self.separator = separator or guess_separator(sample)
        self.given_decimal, self.missing = decimal, tuple(missing)
        self.decimal = decimal or guess_decimal(sample, self.separator)
        headers = [
            read_header(path, self.separator, name)
            for path, name in zip(self.paths, self.encodings, strict=True)
        ]
        self._kept = KeptRows(memory_budget)
        self._skip = [skip for skip, _ in headers]
        self._names = [names for _, names in headers]
        self.names = self._names[0]
        self.widths = sample_widths(self.names, sample_rows(sample, self.separator))
        self.rows = max(100, min(50_000, CELLS // len(self.names)))
        for path, names in zip(self.paths[1:], self._names[1:], strict=True):
            for one, other, in_one, in_other in (
                (path, self.paths[0], names, self.names),
                (self.paths[0], path, self.names, names),
            ):
                known = set(in_one)
                if lacking := [name for name in in_other if name not in known]:
                    raise AgentlabError(f"{one} has no column {lacking[0]!r}, but {other} has one")

    def need(self, names: Sequence[str]) -> None:
        """Check that there are columns of these names.

        Raises:
            AgentlabError: for a missing column, or a file that seems to have no header.
        """
        for name in names if not set(names) <= set(self.names) else ():
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
        files = range(len(self.paths)) if order is None else order
        if self._kept.serve(types):
            for file in files:
                for first, frame in self._kept.frames(file):
                    yield Chunk(frame, self, file, first)
            return
        keeps = len(types) == len(self.names) and self._kept.start()
        for file in files:
            first = 0
            for frame in self._frames(file, types):
                keeps = keeps and self._kept.add(file, first, frame)
                yield Chunk(frame, self, file, first)
                first += len(frame)
        if keeps:
            self._kept.complete()

    def forget(self) -> None:
        """Free the memory of rows that were kept for a second pass."""
        self._kept = KeptRows(0)

    def find_text(
        self,
        forms: Mapping[str, NumberForm],
        why: str = "which is not a number",
    ) -> AgentlabError | None:
        """Return an error about the first cell that is not a finite number, if there is one.

        Args:
            forms: how numbers are written in the columns to search.
            why: the relative clause that follows the cell's value in the message.
        """
        for chunk in self.chunks(dict.fromkeys(forms, str)):
            bad = np.stack([np.isinf(chunk.numbers(*column)) for column in forms.items()], axis=1)
            if bad.any():
                row = int(bad.any(1).argmax())
                return chunk.refuse(row, list(forms)[int(bad[row].argmax())], why)
        return None

    def place(self, file: int, row: int) -> str:
        """Return the path and line number of a row; row 0 follows the header."""
        for number, (line, _) in enumerate(self._rows(file)):
            if number == row:
                return f"{self.paths[file]}, row {line}"
        return str(self.paths[file])

    def _rows(self, file: int) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows of a file and the lines at which they begin, by Python's slow reader."""
        path = self.paths[file]
        with reading(path), open_text(path, self.encodings[file]) as stream:
            rows = cells_of(stream, self.separator)
            line = 0
            for number, row in enumerate(rows):
                if row not in BLANK and number >= self._skip[file]:
                    yield line + 1, row
                line = rows.line_num

    def _frames(self, file: int, types: Mapping[str, type | None]) -> Iterator[Any]:
        import pandas as pd

        names, dtypes = self._names[file], {float: "float64", str: object}
        given = {name: dtypes[type] for name, type in types.items() if type is not None}
        whole = set(types) == set(names)  # longer rows can be detected only if all columns are read
        with (
            reading(self.paths[file]),
            open_bounded(self.paths[file]) as stream,
            pd.read_csv(
                stream,
                sep=self.separator,
                decimal="." if self.separator == "," else self.decimal,
                header=None,
                skiprows=self._skip[file],
                names=[*names, BEYOND] if whole else names,
                usecols=None if whole else list(types),
                dtype=given or None,  # even an empty dict makes pandas slow for many columns
                keep_default_na=False,
                na_values=[*MISSING, *self.missing],
                skipinitialspace=True,
                encoding=self.encodings[file],
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
                frame = frame.copy()  # in one block per dtype, which is fast for many columns
                if whole and frame.pop(BEYOND).notna().any():
                    raise self._too_long(file)
                yield frame

    def _explain(self, error: Exception, file: int, types: Mapping[str, type | None]) -> Exception:
        """Return the error for a file that pandas cannot read."""
        import pandas as pd

        if isinstance(error, pd.errors.ParserError | pd.errors.ParserWarning):
            longer = "Expected" in str(error) or "Length of header" in str(error)
            return self._too_long(file) if longer else error
        if isinstance(error, UnicodeError):
            return error
        form = NumberForm(self.decimal)
        numbers = {name: form for name, type in types.items() if type is float}
        return self.find_text(numbers) or AgentlabError(f"{self.paths[file]}: {error}")

    def _too_long(self, file: int) -> AgentlabError:
        width = len(self.names)
        lines = (line for line, row in self._rows(file) if any(row[width:]))
        place = f"{self.paths[file]}, row {next(lines, 1)}"
        return AgentlabError(f"{place} has more cells than the header")


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
