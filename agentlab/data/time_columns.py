"""Times of a series in several columns: a date and a time, or a year and a month."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from agentlab.data.dates import find_dates, without_absent

PARTS = ("year", "month", "day", "hour", "minute")
CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AaPp][Mm])?")
Cells = Any  # a pandas DataFrame of strings


def find_time_columns(cells: Cells, names: Sequence[str], day_first: bool) -> tuple[str, ...]:
    """Return the columns that together contain the times; empty unless there are several.

    They are a date column followed by a column of times such as ``23:59``, or the columns ``year``
    and ``month``, with ``day``, ``hour`` and ``minute`` if present.

    Args:
        cells: the cells of a file.
        names: the columns to consider.
        day_first: see ``find_dates``.
    """
    by_name = {name.lower(): name for name in names}
    found = [by_name[part] for part in PARTS if part in by_name]
    if {"year", "month"} <= by_name.keys() and all(
        cells[name].str.fullmatch(r" *\d{1,4}(\.0*)? *").eq(True).all() for name in found
    ):
        whole = [part in by_name for part in PARTS]
        return tuple(found[: whole.index(False) if False in whole else len(whole)])
    clocks = [name for name in names if _all(CLOCK, cells[name])]
    for name in names if len(clocks) == 1 else ():
        texts = without_absent([str(text) for text in cells[name].dropna().unique()])
        form = find_dates(texts, None, day_first) if name not in clocks and texts else None
        if form is not None and ":" not in texts[0] and not re.search("%[HI]", form.format):
            return (name, clocks[0])
    return ()


def joined_name(columns: Sequence[str]) -> str:
    """Return the name of the time column joined from several columns."""
    return " ".join(columns)


def join_times(cells: Cells, columns: Sequence[str]) -> Cells:
    """Return cells in which a single time column, the first, replaces the given columns."""
    parts = [cells[name].str.strip() for name in columns]
    if len(columns) == 2 and _all(CLOCK, cells[columns[1]]):
        texts = parts[0] + " " + parts[1]
    else:
        year, *rest = (part.str.replace(r"\.0*$", "", regex=True).str.zfill(2) for part in parts)
        texts = year
        for separator, part in zip("-- :", rest, strict=False):
            texts = texts + separator + part
        texts = texts + (":00" if len(columns) == 4 else "")
    others = cells.drop(columns=list(columns))
    others.insert(0, joined_name(columns), texts)
    return others


def _all(pattern: re.Pattern[str], texts: Any) -> bool:
    texts = texts.dropna()
    return len(texts) > 0 and bool(texts.str.strip().str.fullmatch(pattern).all())
