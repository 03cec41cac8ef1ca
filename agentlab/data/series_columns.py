"""Which columns of a file of time series are times, and which are values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.data.csv_files import CSVFiles
from agentlab.data.dates import ISO, find_dates, without_absent
from agentlab.data.number_columns import COUNTER
from agentlab.data.number_forms import NumberForm, find_numbers
from agentlab.data.time_index import NUMBER, find_step, is_clock, read_times, without_offsets
from agentlab.errors import AgentlabError

Values = npt.NDArray[np.float64]
YEARS = (1700, 2200)  # consecutive numbers in this range are years
FEW = 12  # distinct texts; no more than these may be names of days or months
SAMPLE = 2000  # distinct texts from which the form of numbers is inferred
NAME = re.compile(
    r"(?i)(.*[\W_])?(time|times|timestamp|date|dates|datetime|day|days|month|week|year|years|hour|"
    r"period|quarter|ts|ds|epoch|unix|step|t|index|datum|jahr|monat|zeit|fecha|mes)([\W_].*)?"
)


@dataclass(frozen=True)
class Times:
    """The times of all rows.

    Attributes:
        name: name of the column.
        format: see ``TimeIndex``.
        values: see ``read_times``, float64 ``[rows]``.
        words: how the times are written, for the user.
    """

    name: str
    format: str
    values: Values
    words: str


def read_cells(files: CSVFiles) -> Any:
    """Return all cells as texts, a DataFrame, without empty rows at the end."""
    import pandas as pd

    frames = [chunk.frame for chunk in files.chunks(dict.fromkeys(files.names, str))]
    cells = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=files.names)
    filled = np.flatnonzero(cells.notna().any(axis=1))
    return cells.iloc[: filled[-1] + 1 if len(filled) else 0]


def is_header_missing(names: Sequence[str]) -> bool:
    """Return whether names of columns are all numbers or dates, so that they are data.

    >>> is_header_missing(["2021-01-01", "99.87"]), is_header_missing(["date", "2021"])
    (True, False)
    """
    return all(find_numbers([name]).numbers or find_dates([name]) is not None for name in names)


def find_time(
    files: CSVFiles,
    cells: Any,
    given: str | None,
    names: Sequence[str],
    orders: Mapping[str, str] | None = None,
    known: str | None = None,
) -> Times | None:
    """Return the times of a file: in the column that the user named, or the first that fits.

    Columns of dates fit; without any, numbers that are Unix times, or whose column has a name such
    as ``step`` and regular values.

    Args:
        files: the file.
        cells: its cells.
        given: the column that the user named, or ``None``.
        names: the columns that may be times.
        orders: ``dayfirst`` or ``monthfirst`` by column, if the user gave it.
        known: see ``read_times``.

    Raises:
        AgentlabError: for a cell that is not a time in the column that the user named, or a
            missing time.
    """
    day_first = files.decimal == ","
    counted = None
    for name in names if given is None else [given]:
        texts, zone = without_offsets([str(text) for text in cells[name].dropna()])
        order = (orders or {}).get(name)
        found = read_times(texts, day_first, order, known) if texts else None
        if found is None:
            if given is not None or _mostly_dates(texts, day_first):
                raise _no_time(files, cells, name, day_first)
            continue
        values, form = found
        counted_time = form.format == NUMBER
        clock = is_clock(values) if counted_time else None
        if given is None and counted_time:
            if counted is None and _counts_time(name, values, clock):
                counted = name
            continue
        if len(texts) < len(cells):
            row = int(np.flatnonzero(cells[name].isna())[0])
            raise AgentlabError(
                f"{files.place(0, row)}, column {name!r} is empty; every row needs a time: correct "
                "it, or pass --time rows to take them in the order of the file"
            )
        words = f"{clock} since 1970" if clock else "numbers"
        if not counted_time:
            words = "dates" if form.format == ISO else f"dates, {form.words}"
        if form.doubtful:
            words += f"; day and month could be swapped: --kind {name}=dayfirst or monthfirst"
        words += f", {zone}" if zone else ""
        return Times(name, form.format, values, words)
    if counted is not None:
        return find_time(files, cells, counted, names)
    _refuse_unknown_times(files, cells, names)
    return None


def _refuse_unknown_times(files: CSVFiles, cells: Any, names: Sequence[str]) -> None:
    """Raise an error for a column whose name suggests times, but not its cells."""
    for name in filter(NAME.fullmatch, names):
        texts = [str(text) for text in cells[name].dropna().unique()[:SAMPLE]]
        several = FEW < len(texts) > len(cells) / 2  # unlike names of days or seasons
        found = find_numbers(texts)
        if several and len(found.others) > len(found.numbers):
            raise AgentlabError(
                f"{files.paths[0]}: column {name!r} seems to contain times, but {texts[0]!r} is "
                "not in a known format; write times as 2024-12-31 or 2024-12-31 23:59, name "
                "another column with --time, or pass --time rows to take the rows in order"
            )


def find_forms(files: CSVFiles, cells: Any, names: list[str], given: bool) -> dict[str, NumberForm]:
    """Return how the numbers of the columns of values are written; other columns are left out.

    Args:
        files: the file.
        cells: its cells.
        names: the columns.
        given: whether the user named them, so that none is left out.
    """
    forms = {}
    for name in names:
        texts = [str(text) for text in cells[name].dropna().unique()[:SAMPLE]]
        found = find_numbers(texts, files.given_decimal, files.decimal)
        if given or len(found.numbers) > len(found.others):
            forms[name] = found.form
    return forms


def row_counter(values: Values, names: Sequence[str]) -> str | None:
    """Return the column that is just a row counter, judging by its name and values.

    If a file has a single column, it is never a row counter.

    Args:
        values: the columns, float64 ``[rows, columns]``, in the order of the file.
        names: their names.
    """
    rows = np.arange(len(values))
    for name, column in zip(names, values.T, strict=True):
        least = column.min()
        counts = least in (0, 1) and np.array_equal(np.sort(column), rows + least)
        if counts and len(names) > 1 and COUNTER.fullmatch(name):
            return name
    return None


def _counts_time(name: str, values: Values, clock: str | None) -> bool:
    """Return whether the numbers of a column are times, by its name, values and step."""
    ordered = np.sort(values)
    if YEARS[0] <= ordered[0] and ordered[-1] <= YEARS[1] and (np.diff(ordered) == 1).all():
        return len(ordered) > 2
    if clock is None and not NAME.fullmatch(name):
        return False
    distinct = np.unique(values)
    named = NAME.fullmatch(name) is not None
    several = len(distinct) > 2 and find_step(distinct, "number") is not None
    if clock is not None:
        return several or named
    return several and (len(distinct) == len(values) or len(distinct) < 0.5 * len(values))


def _mostly_dates(texts: list[str], day_first: bool) -> bool:
    """Return whether the first or second half are dates, so that others look like mistakes."""
    texts = list(dict.fromkeys(without_absent(texts)))
    half = len(texts) // 2
    parts = (texts[:half], texts[half:]) if half > 2 else ()
    return any(find_dates(part, None, day_first) is not None for part in parts)


def _no_time(files: CSVFiles, cells: Any, name: str, day_first: bool) -> AgentlabError:
    """Return the error for a column of times that contains something else."""
    texts = cells[name].astype(object)
    sample = [str(text) for text in texts.dropna().head(3)]
    form = find_dates(sample, None, day_first)
    for row, text in enumerate(texts):
        known = text == text and (
            read_times([str(text)], day_first) is not None
            if form is None
            else bool(read_times([*sample, str(text)], day_first))
        )
        if not known:
            return AgentlabError(
                f"{files.place(0, row)}, column {name!r} contains {str(text)!r}, which is not a "
                "time like the others; correct it, or pass --time with another column or rows"
            )
    return AgentlabError(
        f"{files.paths[0]}: the times in column {name!r} are not all of one format; write them as "
        "2024-12-31, or pass --time with another column, or --time rows"
    )
