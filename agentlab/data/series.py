"""Time series from a CSV file: one row per time, in any order, of one series or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.config import check_type
from agentlab.data.batches import split_indices
from agentlab.data.column import numbers_of
from agentlab.data.csv_files import CSVFiles
from agentlab.data.number_forms import NumberForm
from agentlab.data.series_columns import (
    find_forms,
    find_time,
    is_header_missing,
    read_cells,
    row_counter,
)
from agentlab.data.series_rows import Gaps, on_grid, pivot
from agentlab.data.time_columns import find_time_columns, join_times, joined_name
from agentlab.data.time_index import TimeIndex
from agentlab.errors import AgentlabError, InvalidArgument

Values = npt.NDArray[np.float64]
ROWS = "rows"  # in place of a column of times: the rows of the file in their order


@dataclass(frozen=True)
class SeriesForm:
    """What the columns of a file of time series mean; the same for later files.

    Attributes:
        columns: the columns with the values.
        time: the time index; ``None`` if the file has no times.
        group: the column that names the series; ``None`` for one series.
        missing: additional strings that are read as missing cells.
        forms: the number formats of the columns; empty to infer them.
    """

    columns: tuple[str, ...]
    time: TimeIndex | None = None
    group: str | None = None
    missing: tuple[str, ...] = ()
    forms: tuple[NumberForm, ...] = ()

    def read(self, path: Path | str, encoding: str | None = None) -> Series:
        """Read another file of the same form; see ``read_series``."""
        time = None if self.time is None else self.time.name
        step = None if self.time is None else self.time.step
        return read_series(
            path,
            self.columns,
            time=time or ROWS,
            group=self.group,
            frequency=step,
            missing=self.missing,
            encoding=encoding,
            known=self,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the form as JSON values."""
        time = None if self.time is None else asdict(self.time)
        forms = [asdict(form) for form in self.forms]
        return {**asdict(self), "columns": list(self.columns), "time": time, "forms": forms}

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> SeriesForm:
        """Make a form from the output of ``to_json``."""
        time = described["time"]
        index = None if time is None else TimeIndex(**{name: str(v) for name, v in time.items()})
        columns, missing = map(tuple, (described["columns"], described["missing"]))
        forms = tuple(NumberForm(**form) for form in described.get("forms", ()))
        return cls(columns, index, described["group"], missing, forms)


@dataclass(frozen=True)
class Series:
    """Time series with one row per step of time.

    Attributes:
        values: float64 ``[time, columns]``.
        names: names of the columns, such as ``sold of Rome`` if there are several series.
        form: what the columns of the file mean.
        last: the last time, see ``TimeIndex.after``.
        notes: lines for the user about what was inferred, filled and left out.
    """

    values: Values
    names: list[str]
    form: SeriesForm
    last: float = 0.0
    notes: tuple[str, ...] = ()


def read_series(
    path: Path | str,
    columns: Sequence[str] | None = None,
    *,
    time: str | None = None,
    group: str | None = None,
    frequency: str | None = None,
    gaps: Gaps = "interpolate",
    decimal: str | None = None,
    missing: Sequence[str] = (),
    encoding: str | None = None,
    kinds: Mapping[str, str] | None = None,
    known: SeriesForm | None = None,
) -> Series:
    """Read the time series in the columns of a CSV file.

    The rows are sorted by their times, and put on a grid of equal steps. Without times, the rows
    are taken in the order of the file, one step apart. Blank lines at the end are ignored.

    Args:
        path: the file; see ``CSVFiles`` for the supported formats.
        columns: names of the columns with the values, in that order; ``None`` for all columns of
            numbers but the times.
        time: the time column; ``None`` infers it, or joins several (see ``find_time_columns``);
            ``"rows"`` uses the order of the rows.
        group: the column that names the series of each row; each becomes a column of the result.
        frequency: the time step as a pandas frequency, such as ``D`` or ``15min``; rows within a
            step are averaged. ``None`` infers it.
        gaps: what to do with missing values, missing times and duplicate times:
            ``interpolate`` fills them linearly in time (which uses later values) and averages
            duplicate times, ``refuse`` raises an error.
        decimal: the decimal mark; ``None`` infers it.
        missing: additional strings that are read as missing cells.
        encoding: encoding of the file; ``None`` for that of its byte order mark, or UTF-8.
        kinds: ``dayfirst`` or ``monthfirst`` for the dates of a column, or ``drop``, by column.
        known: the form of an earlier file, whose date and number formats are used.

    Raises:
        AgentlabError: for a text among numbers or times, with file, row and column; for irregular
            times without ``frequency``; for a column that does not exist; for a file without
            numbers; for missing values if ``gaps`` is ``refuse``.
    """
    check_type("gaps", gaps, Gaps)
    files = CSVFiles([path], decimal=decimal, missing=missing, encoding=encoding)
    in_order = time == ROWS and ROWS not in files.names
    time = None if in_order else time
    files.need([*(columns or ()), *filter(None, (group,))])
    if columns is None and is_header_missing(files.names):
        raise AgentlabError(
            f"{path}: the first row, {', '.join(files.names[:20])}, seems to be data; it must name "
            "the columns"
        )
    cells = read_cells(files)
    if not len(cells):
        raise AgentlabError(f"{path} has no column of numbers")
    files.need(list(kinds or {}))
    dropped = _dropped(kinds or {})
    cells = cells.drop(columns=list(dropped))
    taken = {*(columns or ()), *filter(None, (group,)), *dropped}
    names = [name for name in files.names if name not in taken]
    found = None
    if not in_order:
        several = find_time_columns(cells, names, files.decimal == ",")
        if several and time in (None, joined_name(several)):
            cells, time = join_times(cells, several), joined_name(several)
        else:
            files.need([*filter(None, (time,))])
        index = None if known is None else known.time
        written = None if index is None else index.format
        found = find_time(files, cells, time, names, kinds, written)
    out = {*dropped, *filter(None, (group, found and found.name))}
    rest = [name for name in cells if name not in out]
    forms = find_forms(
        files, cells, rest if columns is None else list(columns), columns is not None
    )
    if known is not None and known.forms:
        forms = dict(zip(known.columns, known.forms, strict=True))
    values = _numbers(files, cells, forms)
    ignored = [name for name in rest if name not in forms and columns is None]
    counter = row_counter(values, list(forms)) if columns is None else None
    if counter is not None:
        values = np.delete(values, list(forms).index(counter), axis=1)
        del forms[counter]
    notes = [f"{path}: {len(cells):,} rows of {', '.join(forms)}"]
    if ignored:
        notes.append(f"columns left out, because they are not numeric: {', '.join(ignored)}")
    if counter is not None:
        notes.append(f"column left out, because it counts the rows: {counter}")
    if found is None:
        if group is not None:
            raise AgentlabError(f"group={group!r} needs a column of times; name it with --time")
        why = "" if in_order else "no column of times was found: "
        name_one = "" if in_order else "; name one with --time"
        notes.append(f"{why}rows are taken in the order of the file, one step apart{name_one}")
        values = _fill(files, values, list(forms), gaps, notes)
        form = SeriesForm(tuple(forms), missing=tuple(missing), forms=tuple(forms.values()))
        return Series(values, list(forms), form, 0.0, tuple(notes))
    names, times, values = pivot(
        files, cells, found, values, list(forms), group, gaps, frequency, notes
    )
    filled = on_grid(str(path), found, times, values, names, gaps, frequency, notes)
    form = SeriesForm(tuple(forms), filled.time, group, tuple(missing), tuple(forms.values()))
    numbers = np.ascontiguousarray(filled.values)
    return Series(numbers, names, form, filled.last, tuple(notes))


def _dropped(kinds: Mapping[str, str]) -> set[str]:
    """Return the columns of the kind ``drop``; other kinds must be orders of dates."""
    for name, kind in kinds.items():
        if kind not in ("dayfirst", "monthfirst", "drop"):
            raise AgentlabError(
                f"--kind {name}={kind} is for tables; a series takes dayfirst, monthfirst or drop, "
                "and --columns selects its values"
            )
    return {name for name, kind in kinds.items() if kind == "drop"}


def _numbers(files: CSVFiles, cells: Any, forms: dict[str, NumberForm]) -> Values:
    """Return the columns as numbers, float64 ``[rows, columns]``, NaN where missing."""
    if not forms:
        raise AgentlabError(f"{files.paths[0]} has no column of numbers")
    values = np.stack([numbers_of(cells[name], form) for name, form in forms.items()], axis=1)
    if np.isinf(values).any():
        error = files.find_text(forms)
        raise error or AgentlabError(f"{files.paths[0]} contains infinite values")
    empty = np.isnan(values).all(axis=0)
    if empty.any():
        raise AgentlabError(
            f"{files.paths[0]}: column {list(forms)[int(empty.argmax())]!r} is empty"
        )
    return values


def _fill(
    files: CSVFiles, values: Values, names: list[str], gaps: Gaps, notes: list[str]
) -> Values:
    """Fill missing values of rows without times, or refuse them."""
    holes = np.isnan(values)
    if not holes.any():
        return values
    row, column = np.argwhere(holes)[0]
    if gaps == "refuse":
        raise AgentlabError(
            f"{files.place(0, int(row))}, column {names[column]!r} is empty; fill it in, or pass "
            "--gaps interpolate"
        )
    notes.append(f"filled by interpolation: {holes.sum():,} missing values")
    times = np.arange(len(values))
    for series, hole in zip(values.T, holes.T, strict=True):
        series[hole] = np.interp(times[hole], times[~hole], series[~hole])
    return values


def split_series(values: Values, fractions: Sequence[float]) -> list[Values]:
    """Split time series into consecutive parts.

    Args:
        values: ``[time, ...]``.
        fractions: the fraction of each split, the earliest first; they sum to 1. A split with a
            fraction above 0 has at least one row.

    Returns:
        The splits, views of ``values``.

    Raises:
        AgentlabError: if the fractions do not sum to 1, or there are fewer rows than splits.

    >>> [part.tolist() for part in split_series(np.arange(5.0), (0.6, 0.4))]
    [[0.0, 1.0, 2.0], [3.0, 4.0]]
    """
    sizes = [len(part) for part in split_indices(len(values), fractions, seed=0)]
    return np.split(values, np.cumsum(sizes)[:-1])


def as_series(name: str, values: Any) -> Values:
    """Return values as float64 ``[time, columns]``; all must be finite numbers."""
    try:
        series = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"{name} must contain only numbers: {error}") from error
    if series.ndim == 1:
        series = series[:, None]
    if series.ndim != 2 or not series.size:
        raise InvalidArgument(
            f"{name} has the shape {list(series.shape)}; it must be [time, columns], and not empty"
        )
    if not np.isfinite(series).all():
        row, column = np.argwhere(~np.isfinite(series))[0]
        raise InvalidArgument(
            f"{name}[{row}, {column}]={series[row, column]} must be a finite number"
        )
    return series
