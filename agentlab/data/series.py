"""Time series from a CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from agentlab.data.batches import split_indices
from agentlab.data.csv_files import CSVFiles
from agentlab.errors import AgentlabError, InvalidArgument

Values = npt.NDArray[np.float64]


def read_series(
    path: Path | str,
    columns: Sequence[str] | None = None,
    missing: Literal["refuse", "interpolate"] = "refuse",
) -> tuple[Values, list[str]]:
    """Read the time series in the columns of a CSV file with one row per time step.

    Rows are read in order. Blank lines at the end are ignored.

    Args:
        path: the file; see ``CSVFiles`` for the supported formats.
        columns: names of the columns to read, in that order; ``None`` reads all columns except
            empty ones and those whose first value is a text, such as dates.
        missing: ``"interpolate"`` interpolates linearly in time (and repeats the nearest value at
            both ends), which uses later values; ``"refuse"`` raises an error.

    Returns:
        The values, float64 ``[time, columns]``, and the columns' names.

    Raises:
        AgentlabError: for a missing value or a text among numbers, with file, row and column; for
            a column that does not exist; or for a file without numbers.
    """
    if missing not in ("refuse", "interpolate"):
        raise AgentlabError(f"missing={missing!r} must be refuse or interpolate")
    files = CSVFiles([path])
    if columns is not None:
        files.need(columns)
    elif all(map(_numeric, files.names)):
        raise AgentlabError(
            f"{path}: the first row, {', '.join(files.names[:20])}, seems to be data; it must name "
            "the columns"
        )
    texts = dict.fromkeys(files.names, str)
    parts = [
        np.stack([chunk.numbers(name) for name in files.names], axis=1)
        for chunk in files.chunks(texts)
    ]
    values = np.concatenate([np.empty((0, len(files.names))), *parts])
    known = np.flatnonzero(~np.isnan(values).all(axis=1))
    values = values[: known[-1] + 1 if len(known) else 0]
    names = list(columns) if columns is not None else _numbers_only(values, files.names)
    values = values[:, [files.names.index(name) for name in names]]
    if not values.size:
        raise AgentlabError(f"{path} has no column of numbers")
    if np.isinf(values).any():
        raise files.find_text(names) or AgentlabError(f"{path} contains infinite values")
    gaps = np.isnan(values)
    if gaps.all(axis=0).any():
        raise AgentlabError(f"{path}: column {names[gaps.all(axis=0).argmax()]!r} is empty")
    if gaps.any():
        row, column = np.argwhere(gaps)[0]
        if missing == "refuse":
            raise AgentlabError(
                f"{files.place(0, int(row))}, column {names[column]!r} is empty; fill it in, or "
                "set missing='interpolate'"
            )
        _interpolate(values, gaps)
    return np.ascontiguousarray(values), names


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


def _numbers_only(values: Values, names: Sequence[str]) -> list[str]:
    """Return the names of the columns whose first non-missing value is a number."""
    first = [column[~np.isnan(column)][:1] for column in values.T]
    return [name for name, value in zip(names, first, strict=True) if np.isfinite(value).sum()]


def _interpolate(values: Values, gaps: npt.NDArray[np.bool_]) -> None:
    times = np.arange(len(values))
    for column, gap in zip(values.T, gaps.T, strict=True):
        column[gap] = np.interp(times[gap], times[~gap], column[~gap])


def _numeric(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


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
