"""Forecasts of series in files, with their times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agentlab.data.series import SeriesForm, Values
from agentlab.errors import AgentlabError
from agentlab.training.presented import Table


def tabulate_forecast(
    predict: Callable[[Any], Values],
    form: SeriesForm | None,
    names: Sequence[str] | None,
    source: str,
    encoding: str | None,
) -> Table:
    """Return the header and rows of a forecast: the times, if the file has any, and the values.

    Args:
        predict: returns the forecast after some values, float64 ``[horizon, columns]``.
        form: what the columns of the file mean; ``None`` if fitted on arrays.
        names: names of the columns in training.
        source: the CSV file whose last rows are the past.
        encoding: encoding of the file; ``None`` infers it.

    Raises:
        AgentlabError: for a file with other series.
    """
    form = form or SeriesForm(tuple(names or ()))
    series = form.read(source, encoding)
    if names is not None and series.names != list(names):
        raise AgentlabError(
            f"{source} has the series {', '.join(series.names)}, but the model forecasts "
            f"{', '.join(names)}"
        )
    rows = [[f"{value:.6g}" for value in row] for row in predict(series.values)]
    if form.time is None:
        return series.names, rows
    times = form.time.after(series.last, len(rows))
    table = [[time, *row] for time, row in zip(times, rows, strict=True)]
    return [form.time.name, *series.names], table
