"""The format of CSV files: separator, decimal mark, compression and encoding."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from agentlab.errors import AgentlabError
from agentlab.runs.reading import open_regular

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
SEPARATORS = (",", ";", "\t", "|")
MAX_LINE = 1 << 22  # bytes; a table of 100,000 columns has lines of about 1 MB
MAX_COLUMNS = 100_000
MAX_UNPACKED = 1 << 28  # unpacked bytes to which MAX_EXPANSION does not apply
MAX_EXPANSION = 200  # tables of numbers compress to a third of their size, equal rows further
SAMPLE = 1 << 16  # characters from which the separator is inferred
Source = str | Path | Sequence[str | Path]


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Convert errors of reading a file to an ``AgentlabError``."""
    import pandas as pd

    try:
        yield
    except UnicodeDecodeError:
        raise AgentlabError(f"{path} is not UTF-8; save it as CSV in UTF-8") from None
    except pd.errors.ParserError as error:
        reason = str(error).rpartition("C error: ")[2].strip()
        raise AgentlabError(f"{path} cannot be read as CSV: {reason}") from None
    except csv.Error as error:
        raise AgentlabError(f"{path} cannot be read as CSV: {error}") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AgentlabError(f"{path} cannot be read: {reason}") from None


class BoundedLines(io.RawIOBase):
    """The bytes of a file with lines of limited length, decompressed if its name ends in ``.gz``.

    CSV readers hold a whole line in memory, and each cell takes many times the space of a comma: a
    small compressed file could otherwise exhaust the memory.

    Args:
        path: the file.

    Raises:
        OSError: if the file is not a regular file, has a line of more than ``MAX_LINE`` bytes, or
            unpacks to much more than its size, possibly to one endless cell.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._line = self._total = 0
        opened = open_regular(path)
        self._file: Any = gzip.GzipFile(fileobj=opened) if path.suffix == ".gz" else opened
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


def open_text(path: Path) -> TextIO:
    """Open a CSV file, compressed or not, as text with lines of limited length."""
    return io.TextIOWrapper(open_bounded(path), encoding="utf-8-sig", newline="")


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


def first_lines(path: Path) -> list[str]:
    """Return the first complete lines of a file."""
    with reading(path), open_text(path) as stream:
        text = stream.read(SAMPLE)
    lines = text.splitlines()
    return lines[:-1] if len(text) == SAMPLE and len(lines) > 1 else lines


def cells_of(lines: Iterable[str], separator: str) -> Any:
    """Return a reader of rows, lists of texts; its ``line_num`` is the current line."""
    return csv.reader(lines, delimiter=separator, skipinitialspace=True)


def guess_separator(sample: list[str]) -> str:
    """Return the separator with which most rows have as many cells as the header."""

    def fitness(separator: str) -> tuple[float, int]:
        widths = [len(row) for row in cells_of(sample, separator) if row]
        if not widths or widths[0] < 2:
            return 0.0, 0
        return sum(width == widths[0] for width in widths) / len(widths), widths[0]

    return max(SEPARATORS, key=fitness)


def guess_decimal(sample: list[str], separator: str) -> str:
    """Return the decimal mark, ``"."`` or ``","``, of the numbers in some lines."""
    cells = [cell.strip() for row in cells_of(sample, separator) for cell in row]
    commas, points = (
        any(re.fullmatch(rf"[+-]?\d+{mark}\d+", cell) for cell in cells) for mark in (",", r"\.")
    )
    return "," if commas and not points else "."
