"""The format of CSV files: separator, decimal mark, compression and encoding."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from agentlab.data.encodings import encoding_of, refuse_nul, undecodable
from agentlab.data.number_forms import decimal_evidence
from agentlab.errors import AgentlabError
from agentlab.runs.reading import open_regular

SUFFIXES = (".csv", ".csv.gz", ".csv.zip", ".tsv", ".tsv.gz", ".tsv.zip")
MISSING = (  # strings that mean a missing cell in any column
    *("", "?", "NA", "na", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "-NaN"),
    *("null", "NULL", "Null"),
)
BLANK: tuple[list[str], ...] = ([], [""])
SEPARATORS = (",", ";", "\t", "|")
MAX_LINE = 1 << 22  # bytes; a table of 100,000 columns has lines of about 1 MB
MAX_COLUMNS = 100_000
MAX_UNPACKED = 1 << 28  # unpacked bytes to which MAX_EXPANSION does not apply
MAX_EXPANSION = 200  # tables of numbers compress to a third of their size, equal rows further
SEPARATOR_LINE = re.compile(r"\ufeff?(?i:sep)=(.)")
SAMPLE = 1 << 16  # characters from which the separator is inferred
INSPECTED = 20_000  # cells from which the decimal mark is inferred
LINES = 4  # minimum number of lines to infer the dialect from, even if they are long
Source = str | Path | Sequence[str | Path]


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Convert errors of reading a file to an ``AgentlabError``."""
    import pandas as pd

    try:
        yield
    except UnicodeError as error:
        raise undecodable(path, error) from None
    except pd.errors.ParserError as error:
        reason = str(error).rpartition("C error: ")[2].strip()
        raise AgentlabError(f"{path} cannot be read as CSV: {reason}") from None
    except csv.Error as error:
        raise AgentlabError(f"{path} cannot be read as CSV: {error}") from None
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AgentlabError(f"{path} cannot be read: {reason}") from None


class BoundedLines(io.RawIOBase):
    """The bytes of a file with lines of limited length, decompressed if it is ``.gz`` or ``.zip``.

    CSV readers hold a whole line in memory, and each cell takes many times the space of a comma: a
    small compressed file could otherwise exhaust the memory.

    Args:
        path: the file.

    Raises:
        OSError: if the file is not a regular file, has a line of more than ``MAX_LINE`` bytes, or
            unpacks to much more than its size, possibly to one endless cell.
        AgentlabError: for a zip archive of several files.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._line = self._total = 0
        opened = open_regular(path)
        self._file: Any = opened
        if path.suffix.lower() == ".gz":
            self._file = gzip.GzipFile(fileobj=opened)
        elif path.suffix.lower() == ".zip":
            self._file = _only_member(zipfile.ZipFile(opened), path)
        self._opened = opened

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into ``buffer`` and return the number of bytes read."""
        content = self._file.read(min(len(buffer), MAX_LINE))
        buffer[: len(content)] = content
        end = max(content.rfind(b"\n"), content.rfind(b"\r"))
        self._line = self._line + len(content) if end < 0 else len(content) - end - 1
        self._total += len(content)
        if self._total > MAX_UNPACKED and self._total > MAX_EXPANSION * self._opened.tell():
            raise OSError(errno.EFBIG, f"it unpacks to more than {MAX_EXPANSION} times its size")
        if self._line > MAX_LINE:
            raise OSError(errno.EFBIG, f"it has a line of more than {MAX_LINE:,} bytes")
        return len(content)

    def close(self) -> None:
        self._file.close()
        self._opened.close()
        super().close()


def open_bounded(path: Path) -> BinaryIO:
    """Open a file for reading; lines of more than ``MAX_LINE`` bytes raise ``OSError``."""
    return io.BufferedReader(BoundedLines(path), 1 << 18)


def _only_member(archive: zipfile.ZipFile, path: Path) -> Any:
    """Open the only file in a zip archive, apart from folders and macOS's hidden files."""
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir()
        and not member.filename.startswith("__MACOSX/")
        and not Path(member.filename).name.startswith(".")
    ]
    if len(members) != 1:
        raise AgentlabError(f"{path} contains {len(members)} files; unpack it and name one of them")
    try:
        return archive.open(members[0])
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or an unknown compression
        raise AgentlabError(f"{path} cannot be unpacked: {error}; unpack it first") from None


def encoding_in(path: Path, encoding: str | None = None) -> str:
    """Return the encoding of a CSV file; ``encoding`` if the user named one."""
    with reading(path), open_bounded(path) as stream:
        return encoding_of(stream.read(4), encoding)


def open_text(path: Path, encoding: str) -> TextIO:
    """Open a CSV file, compressed or not, as text with lines of limited length."""
    return io.TextIOWrapper(open_bounded(path), encoding=encoding, newline="")


def find_files(source: Source) -> list[Path]:
    """Return the CSV files of ``source``: a file, several files or a folder."""
    paths = [Path(source)] if isinstance(source, str | Path) else [Path(path) for path in source]
    if len(paths) == 1 and paths[0].is_dir():
        folder = paths[0]
        paths = sorted(path for path in folder.iterdir() if path.name.lower().endswith(SUFFIXES))
        if not paths:
            raise AgentlabError(f"the folder {folder} contains no CSV file ({', '.join(SUFFIXES)})")
    if not paths:
        raise AgentlabError("source is empty; it must name at least one CSV file")
    for path in paths:
        if not path.is_file():
            raise AgentlabError(f"there is no CSV file {path}")
    return paths


def first_lines(path: Path, encoding: str) -> list[str]:
    """Return the first complete lines of a file."""
    with reading(path), open_text(path, encoding) as stream:
        text = more = stream.read(SAMPLE)
        while more and text.count("\n") < LINES and len(text) < MAX_LINE:  # a very wide table
            text += (more := stream.read(SAMPLE))
    refuse_nul(path, text)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    return lines[:-1] if more and len(lines) > 1 else lines


def cells_of(lines: Iterable[str], separator: str) -> Any:
    """Return a reader of rows, lists of texts; its ``line_num`` is the current line."""
    return csv.reader(lines, delimiter=separator, skipinitialspace=True)


def sample_rows(sample: Sequence[str], separator: str) -> list[list[str]]:
    """Return the rows below the header in some lines; none if they are not CSV."""
    try:
        return [row for row in cells_of(sample, separator) if row not in BLANK][1:]
    except csv.Error:
        return []


def guess_separator(sample: list[str]) -> str:
    """Return the separator with which most rows have as many cells as the header.

    A file of one column has none; the result is then one that no row contains. A first line such
    as ``sep=;``, which Excel understands, names it.
    """
    if sample and (named := SEPARATOR_LINE.fullmatch(sample[0])):
        return named[1]

    def fitness(separator: str) -> tuple[float, int]:
        try:
            widths = [len(row) for row in cells_of(sample, separator) if row]
        except csv.Error:  # such as a cell of more than 131,072 characters
            return 0.0, 0
        if not widths:
            return 0.0, 0
        same = sum(width == widths[0] for width in widths) / len(widths)
        return (same, widths[0]) if widths[0] > 1 or same == 1 else (0.0, 0)

    fits = {separator: fitness(separator) for separator in SEPARATORS}
    several = [separator for separator in SEPARATORS if fits[separator][1] > 1]
    return max(several or SEPARATORS, key=fits.__getitem__)


def guess_decimal(sample: list[str], separator: str) -> str:
    """Return the decimal mark, ``"."`` or ``","``, of the numbers in some lines."""
    cells = [cell for row in cells_of(sample, separator) for cell in row]
    return decimal_evidence(cells[:: max(1, len(cells) // INSPECTED)]) or "."


def read_header(path: Path, separator: str, encoding: str) -> tuple[int, list[str]]:
    """Return the number of rows up to the header, blank lines included, and the column names."""
    with reading(path), open_text(path, encoding) as stream:
        rows = enumerate(cells_of(_bounded(stream, path), separator), 1)
        named = ["sep=", ""]  # a first line that names the separator
        skip, row = next(
            (
                (number, row)
                for number, row in rows
                if row not in BLANK and [cell.lower() for cell in row] != named
            ),
            (0, []),
        )
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
