"""The time index of a series: its column, its frequency, and the times after its end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.data.dates import ISO, QUARTER, QUARTERS, DateForm, days, find_dates
from agentlab.data.number_forms import NumberForm

CLOCKS = {1.0: "seconds", 1e3: "milliseconds", 1e6: "microseconds", 1e9: "nanoseconds"}
CLOCK = (3e8, 4e9)  # seconds since 1970: the years 1979 to 2096
DAY_SECONDS = 86_400
NUMBER = "number"  # the format of times that are numbers
REGULAR = 0.8  # fraction of the steps that are multiples of the usual one in a regular series
OFFSET = re.compile(r"(:\d\d(?:\.\d+)?) ?(Z|UTC|GMT|[+-]\d\d:?\d\d)$")
UTC = {"Z", "UTC", "GMT", "+00:00", "-00:00", "+0000"}
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TimeIndex:
    """How the times of a series are written, and how far apart they are.

    Attributes:
        name: name of the column.
        format: ``number``, ``ISO8601`` or another format of dates, see ``DateForm``.
        step: the frequency as in pandas, such as ``D`` or ``15min``; for numbers the
            difference between two rows, such as ``1`` or ``3600``.
    """

    name: str
    format: str
    step: str

    def after(self, last: float, count: int) -> list[str]:
        """Return the ``count`` times after ``last`` (days since 1970, or a number) as texts."""
        import pandas as pd

        if self.format == "number":
            return [f"{last + float(self.step) * (i + 1):.15g}" for i in range(count)]
        start = as_times([last])[0]
        times = pd.date_range(start, periods=count + 1, freq=self.step)
        times = times[times > start][:count]
        whole = bool((times == times.normalize()).all())
        if self.format in QUARTERS:
            form = "{0}Q{1}" if self.format == QUARTER else "Q{1} {0}"
            return [form.format(time.year, time.quarter) for time in times]
        if self.format == ISO:
            form = "%Y-%m-%d" if whole else "%Y-%m-%d %H:%M:%S"
            return [time.strftime(form) for time in times]
        return [time.strftime(self.format) for time in times]


def as_times(values: Sequence[float] | Values) -> Any:
    """Return days since 1970 as a pandas index of times, rounded to microseconds."""
    import pandas as pd

    micro = np.round(np.asarray(values, np.float64) * DAY_SECONDS * 1e6).astype("int64")
    return pd.DatetimeIndex(micro.astype("datetime64[us]"))


def read_times(
    texts: Sequence[str], day_first: bool, order: str | None = None, known: str | None = None
) -> tuple[Values, DateForm] | None:
    """Return times as numbers to sort by, and their format; ``None`` if they are not times.

    Args:
        texts: the cells of a column.
        day_first: see ``find_dates``.
        order: see ``find_dates``.
        known: the format of an earlier file of the same form, used if all texts match it.

    Returns:
        Days since 1970 for dates, else the numbers themselves with the format ``number``.
    """
    if known not in (None, NUMBER):
        moments = days(list(texts), known)
        if np.isfinite(moments).all():
            return moments, DateForm(known)
    form = find_dates(list(dict.fromkeys(texts)), order, day_first)
    if form is not None:
        return days(list(texts), form.format), form
    numbers = NumberForm().parse(texts)
    return (numbers, DateForm(NUMBER)) if np.isfinite(numbers).all() else None


def without_offsets(texts: list[str]) -> tuple[list[str], str]:
    """Return local times without UTC offsets, unless they are hourly or finer and offsets differ.

    With daylight saving time, days are equal steps in local time, but hours are equal steps in UTC.

    Args:
        texts: times with or without an offset, such as ``2024-12-31T00:00+01:00``.

    Returns:
        The times, and a remark for the user, empty if none has an offset.

    >>> without_offsets(["2024-03-30T00:00+01:00", "2024-03-31T00:00+01:00"])[0]
    ['2024-03-30T00:00', '2024-03-31T00:00']
    """
    offsets = {match[2] if (match := OFFSET.search(text)) else None for text in texts}
    if None in offsets or not offsets:
        return texts, ""
    local = [OFFSET.sub(r"\1", text) for text in texts]
    if len(offsets) > 1:
        found = read_times(local, False)
        step = None if found is None else find_step(np.unique(found[0]), found[1].format)
        if step is None or step.endswith(("h", "min", "s")):
            return texts, "in UTC"
    return local, "in UTC" if offsets <= UTC else "local times without their offset from UTC"


def is_clock(numbers: Values) -> str | None:
    """Return the unit of numbers that are Unix times, or ``None``."""
    for factor, unit in CLOCKS.items():
        low, high = CLOCK[0] * factor, CLOCK[1] * factor
        whole = bool((numbers == np.round(numbers)).all()) or factor == 1
        if len(numbers) > 2 and low <= numbers.min() and numbers.max() <= high and whole:
            return unit
    return None


def find_step(times: Values, form: str) -> str | None:
    """Return the frequency of sorted, distinct times as in ``TimeIndex``; ``None`` if irregular.

    >>> find_step(np.array([0.0, 1, 2, 4, 5]), "ISO8601")
    'D'
    """
    import pandas as pd

    steps = np.diff(times)
    if not len(steps):
        return None
    if form != "number":
        for freq in ("MS", "QS", "YS", "ME", "QE", "YE"):
            if _all_on(as_times(times), freq) and np.median(steps) >= 27:
                months = {"M": 1, "Q": 3, "Y": 12}[freq[0]]
                if abs(np.median(steps) - 30.44 * months) < 3 * months:
                    return freq
        steps = np.round(steps * DAY_SECONDS, 6)
    values, counts = np.unique(np.round(steps, 9), return_counts=True)
    usual = float(values[counts.argmax()])
    multiples = np.abs(steps / usual - np.round(steps / usual)) < 1e-6
    if multiples.mean() < REGULAR or (steps == usual).mean() < 0.4:
        return None
    if form == "number":
        return f"{usual:.15g}"
    if usual == DAY_SECONDS and len(times) > 10 and (as_times(times).day_of_week < 5).all():
        return "B"
    if usual % DAY_SECONDS == 0:
        return "D" if usual == DAY_SECONDS else f"{round(usual / DAY_SECONDS)}D"
    return str(pd.tseries.frequencies.to_offset(pd.Timedelta(seconds=usual)).freqstr)


def grid(first: float, last: float, index: TimeIndex) -> Values:
    """Return all times from ``first`` to ``last``, as in ``read_times``."""
    import pandas as pd

    if index.format == "number":
        step = float(index.step)
        return np.asarray(first + step * np.arange(round((last - first) / step) + 1), np.float64)
    start, end = as_times([first, last])
    times = pd.date_range(start, end, freq=index.step)
    return np.asarray(times.as_unit("us").asi8 / (DAY_SECONDS * 1e6), np.float64)


def _all_on(times: Any, freq: str) -> bool:
    """Return whether all times are starts or ends of months, quarters or years."""
    from pandas.tseries.frequencies import to_offset

    offset = to_offset(freq)
    return all(offset.is_on_offset(time) for time in times[:1000])
