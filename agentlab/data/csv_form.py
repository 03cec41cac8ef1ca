"""How CSV files are written: their separator, their decimal mark, their encoding."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from agentlab.errors import AgentlabError

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
SEPARATORS = (",", ";", "\t", "|")
SAMPLE = 1 << 16  # characters that the separator is guessed from
Source = str | Path | Sequence[str | Path]


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Tell in one sentence why a file cannot be read."""
    import pandas as pd

    try:
        yield
    except UnicodeDecodeError:
        raise AgentlabError(f"{path} is not text in UTF-8; save it as CSV in UTF-8") from None
    except pd.errors.ParserError as error:
        reason = str(error).rpartition("C error: ")[2].strip()
        raise AgentlabError(f"{path} cannot be read as CSV: {reason}") from None
    except csv.Error as error:
        raise AgentlabError(f"{path} cannot be read as CSV: {error}") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AgentlabError(f"{path} cannot be read: {reason}") from None


def open_text(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def find_files(source: Source) -> list[Path]:
    paths = [Path(source)] if isinstance(source, str | Path) else [Path(path) for path in source]
    if len(paths) == 1 and paths[0].is_dir():
        folder = paths[0]
        paths = sorted(path for path in folder.iterdir() if path.name.lower().endswith(SUFFIXES))
        if not paths:
            raise AgentlabError(f"the folder {folder} holds no CSV file ({', '.join(SUFFIXES)})")
    if not paths:
        raise AgentlabError("no CSV file is given; name one at least")
    for path in paths:
        if not path.is_file():
            raise AgentlabError(f"there is no CSV file {path}")
    return paths


def first_lines(path: Path) -> list[str]:
    """Return the first whole lines of a file."""
    with reading(path), open_text(path) as stream:
        text = stream.read(SAMPLE)
    lines = text.splitlines()
    return lines[:-1] if len(text) == SAMPLE and len(lines) > 1 else lines


def cells_of(lines: Iterable[str], separator: str) -> Any:
    """Return a reader of rows, lists of texts, that knows at which line it is."""
    return csv.reader(lines, delimiter=separator, skipinitialspace=True)


def guess_separator(sample: list[str]) -> str:
    """Return the separator by which most rows are as wide as the header."""

    def fitness(separator: str) -> tuple[float, int]:
        widths = [len(row) for row in cells_of(sample, separator) if row]
        if not widths or widths[0] < 2:
            return 0.0, 0
        return sum(width == widths[0] for width in widths) / len(widths), widths[0]

    return max(SEPARATORS, key=fitness)


def guess_decimal(sample: list[str], separator: str) -> str:
    cells = [cell.strip() for row in cells_of(sample, separator) for cell in row]
    commas, points = (
        any(re.fullmatch(rf"[+-]?\d+{mark}\d+", cell) for cell in cells) for mark in (",", r"\.")
    )
    return "," if commas and not points else "."
