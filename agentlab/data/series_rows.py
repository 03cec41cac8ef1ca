"""Rows of time series on a grid of equal steps: sorting, several series, duplicates and gaps."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from agentlab.data.csv_files import CSVFiles
from agentlab.data.dates import ISO
from agentlab.data.series_columns import Times
from agentlab.data.time_index import TimeIndex, as_times, find_step, grid
from agentlab.errors import AgentlabError

Gaps = Literal["interpolate", "refuse"]
Values = npt.NDArray[np.float64]
MOST = 0.8  # minimum fraction of the times at which each series has a value
MAX_BETWEEN = 0.1  # fraction of the rows that may lie between the steps
STRAY = 0.05  # fraction of the duplicates that a column which names the series may leave
MAX_FILLED = 10  # rows on the grid for each row of the file


class Gridded(NamedTuple):
    """Series on a grid: the values, the time index, and the last time."""

    values: Values
    time: TimeIndex
    last: float


def pivot(
    files: CSVFiles,
    cells: Any,
    times: Times,
    values: Values,
    columns: list[str],
    group: str | None,
    gaps: Gaps,
    frequency: str | None,
    notes: list[str],
) -> tuple[list[str], Values, Values]:
    """Return names, distinct sorted times and values, with a column for each series.

    Duplicate times are averaged.

    Raises:
        AgentlabError: for duplicate times because there are several series, or any duplicates if
            ``gaps`` is ``refuse``.
    """
    import pandas as pd

    keys = (
        pd.Series("", index=cells.index) if group is None else cells[group].astype(str).str.strip()
    )
    order = np.argsort(times.values, kind="stable")
    if (np.diff(times.values) < 0).any():
        notes.append(f"rows sorted by {times.name}, the times ({times.words})")
    doubled = pd.DataFrame({"time": times.values, "key": keys.to_numpy()}).duplicated()
    if doubled.any() and group is None:
        _refuse_several(files, cells, times, doubled.to_numpy())
    if doubled.any() and frequency is None:
        _tell_doubles(files, cells, times, doubled.to_numpy(), gaps, notes)
    found = sorted(set(keys))
    frame = pd.DataFrame(values[order], columns=range(len(columns)))
    frame["time"], frame["key"] = times.values[order], keys.to_numpy()[order]
    table = frame.groupby(["time", "key"]).mean().unstack("key")
    wide = [(i, key) for key in found for i in range(len(columns))]
    names = [columns[i] if group is None else f"{columns[i]} of {key}" for i, key in wide]
    numbers = table[wide].to_numpy(np.float64)
    rows = table.index.to_numpy(np.float64)
    if group is not None:
        notes.append(f"{len(found)} series by {group}: {', '.join(found[:10])}")
        known = ~np.isnan(numbers)
        first = max(int(column.argmax()) for column in known.T)
        last = min(len(known) - int(column[::-1].argmax()) for column in known.T)
        if last - first < 2:
            raise AgentlabError(
                f"the series by {group} have no times in common; forecast each from its own file"
            )
        if last - first < len(rows):
            notes.append(f"left out: {len(rows) - last + first:,} times that not all series cover")
        rows, numbers = rows[first:last], numbers[first:last]
    return names, rows, numbers


def on_grid(
    path: str,
    times: Times,
    rows: Values,
    values: Values,
    names: list[str],
    gaps: Gaps,
    frequency: str | None,
    notes: list[str],
) -> Gridded:
    """Return series at equal time steps; missing values are filled or refused.

    Raises:
        AgentlabError: for irregular times without a frequency, or missing values or times if
            ``gaps`` is ``refuse``.
    """
    if frequency is not None and times.format == "number" and not _is_step(frequency):
        raise AgentlabError(
            f"frequency={frequency!r} must be a number, since the times in column {times.name!r} "
            f"are {times.words}"
        )
    if len(rows) < 2:
        raise AgentlabError(f"{path} has only one time; a series needs several")
    step = frequency or find_step(rows, times.format)
    irregular = AgentlabError(
        f"{path}: the times in column {times.name!r} are irregular; pass --frequency, such as "
        f"{'1' if times.format == 'number' else 'D or 1h'}, to average them over equal steps, or "
        "--time rows to treat the rows as equally spaced"
    )
    if step is None:
        raise irregular
    index = TimeIndex(times.name, times.format, step)
    if frequency is not None:
        rows, values = _averaged(rows, values, index)
    places = grid(rows[0], rows[-1], index)
    if len(places) > MAX_FILLED * len(rows) + 1000:
        raise AgentlabError(
            f"{path}: {len(rows):,} times in column {times.name!r} span {len(places):,} steps of "
            f"{step}; pass a longer --frequency"
        )
    near = 1e-3 * float(np.diff(places).min()) if len(places) > 1 else 0.0
    at = np.minimum(np.searchsorted(places, rows - near), len(places) - 1)
    fits = np.abs(places[at] - rows) <= near
    if fits.mean() < 1 - MAX_BETWEEN:
        raise irregular
    if not fits.all():
        notes.append(f"left out: {(~fits).sum():,} rows between the steps")
    filled = np.full((len(places), values.shape[1]), np.nan)
    filled[at[fits]] = values[fits]
    absent = np.ones(len(places), bool)
    absent[at[fits]] = False
    span = f"{_say(rows[0], index)} to {_say(rows[-1], index)}"
    notes.insert(1, f"times: {times.name}, {span}, one step is {step} ({times.words})")
    holes = np.isnan(filled)
    if holes.any():
        lost = int(holes[~absent].sum())
        first = _say(places[int(holes.any(axis=1).argmax())], index)
        words = f"{absent.sum():,} missing times and {lost:,} missing values"
        if gaps == "refuse":
            raise AgentlabError(
                f"{path}: the series has {words}, the first at {first}; fill them in, or pass "
                "--gaps interpolate"
            )
        notes.append(f"filled by interpolation: {words}, the first at {first}")
        for column, hole in zip(filled.T, holes.T, strict=True):
            column[hole] = np.interp(places[hole], places[~hole], column[~hole])
    return Gridded(filled, index, float(places[-1]))


def _averaged(rows: Values, values: Values, index: TimeIndex) -> tuple[Values, Values]:
    """Return the means of the rows within each step of the index."""
    import pandas as pd

    frame = pd.DataFrame(values)
    if index.format == "number":
        means = frame.groupby(np.floor(rows / float(index.step))).mean()
        return means.index.to_numpy(np.float64) * float(index.step), means.to_numpy(np.float64)
    try:
        means = frame.set_axis(as_times(rows)).resample(index.step).mean()
    except ValueError:
        raise AgentlabError(
            f"frequency={index.step!r} is unknown; use a pandas frequency: D, h, 15min, W, MS, ..."
        ) from None
    known = means.notna().any(axis=1).to_numpy(copy=True)
    known[[0, -1]] = True  # so that a series does not end before its last time
    means = means[known]
    days = means.index.as_unit("us").asi8 / (86_400 * 1e6)
    return np.asarray(days, np.float64), means.to_numpy(np.float64)


def _refuse_several(
    files: CSVFiles, cells: Any, times: Times, doubled: npt.NDArray[np.bool_]
) -> None:
    """Raise an error if times occur more than once because there are several series."""
    others = [
        name
        for name in cells.columns
        if name != times.name and 1 < cells[name].nunique() <= len(cells) / 2
    ]
    texts = [
        name
        for name in others
        if not cells[name].dropna().astype(str).str.fullmatch(r"[-+\d.,eE ]+").all()
    ]
    candidates = [[name] for name in others] + ([texts] if len(texts) > 1 else [])
    for names in candidates:
        both = cells[[times.name, *names]]
        left = int(both.duplicated().sum())
        numeric = names[0] not in texts
        if left <= (0 if numeric else STRAY * doubled.sum()) and (
            not numeric or _at_all_times(both)
        ):
            advice = f"pass --group {names[0]} to make each a column"
            if len(names) > 1:
                advice = (
                    f"they are named by {', '.join(names)}: join these columns into one and name "
                    "it with --group"
                )
            raise AgentlabError(
                f"{_first(files, cells, times, doubled)} occurs more than once, because there are "
                f"several series; {advice}"
            )


def _tell_doubles(
    files: CSVFiles,
    cells: Any,
    times: Times,
    doubled: npt.NDArray[np.bool_],
    gaps: Gaps,
    notes: list[str],
) -> None:
    if gaps == "refuse":
        raise AgentlabError(
            f"{_first(files, cells, times, doubled)} occurs more than once; correct it, or pass "
            "--gaps interpolate to average such rows, or --group with the column that names the "
            "series"
        )
    notes.append(f"averaged: {doubled.sum():,} rows whose time occurs more than once")


def _first(files: CSVFiles, cells: Any, times: Times, doubled: npt.NDArray[np.bool_]) -> str:
    """Return the place and the text of the first time that occurs more than once."""
    row = int(doubled.argmax())
    return f"{files.place(0, row)}, column {times.name!r}: {cells[times.name].iloc[row]}"


def _at_all_times(both: Any) -> bool:
    """Return whether the same numbers occur at nearly all times, such as store numbers."""
    times, numbers = both.nunique()
    return bool(numbers > 1 and len(both) >= MOST * times * numbers)


def _is_step(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


def _say(time: float, index: TimeIndex) -> str:
    if index.format == "number":
        return f"{time:.15g}"
    moment = as_times([time])[0]
    whole = moment == moment.normalize()
    return str(moment.strftime("%Y-%m-%d" if whole or index.format != ISO else "%Y-%m-%d %H:%M:%S"))
