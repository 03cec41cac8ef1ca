"""Dates as people write them: finding the format of a column, and days since 1970."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.data.number_forms import is_absent

ISO = "ISO8601"
QUARTER, QUARTER_FIRST = "%YQ", "Q%Y"
QUARTERS = {  # the year and the quarter
    QUARTER: r"(?P<year>\d{4})[ -]?[Qq](?P<quarter>[1-4])",
    QUARTER_FIRST: r"[Qq](?P<quarter>[1-4])[ '/-]?(?P<year>\d{4})",
}
DAY_FIRST = ("%d{0}%m{0}%Y", "%d{0}%m{0}%y")
MONTH_FIRST = ("%m{0}%d{0}%Y", "%m{0}%d{0}%y")
NAMED = (
    *("%d %b %Y", "%d-%b-%Y", "%d/%b/%Y", "%d. %b %Y", "%d %b, %Y", "%d %b %y", "%d-%b-%y"),
    *("%b %d, %Y", "%b %d %Y", "%b. %d, %Y", "%Y-%b-%d", "%Y %b %d", "%d.%b.%Y", "%d%b%Y"),
    *("%b %Y", "%b-%Y", "%b %y", "%b-%y", "%Y %b", "%Y-%b", "%a %b %d %Y", "%a %d %b %Y"),
    *("%a, %d %b %Y", "%a, %b %d, %Y", "%b-%d-%Y", "%b %d %y", "%b-%d-%y", "%b/%d/%Y"),
)
WITH_TIME = ("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %z %Y", "%d/%b/%Y:%H:%M:%S %z")  # in logs
COMPACT = {  # the digits after the century
    r"\d{10}": "%Y%m%d%H%M",
    r"\d{12}": "%Y%m%d%H%M%S",
    r"\d{6}T\d{4}": "%Y%m%dT%H%M",
    r"\d{6}T\d{6}": "%Y%m%dT%H%M%S",
    r"\d{6}T\d{6}Z": "%Y%m%dT%H%M%SZ",
}
TIME_FIRST = ("%H:%M ", "%H:%M:%S ", "%I:%M %p ")
TIMES = (
    *("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M:%S", "T%H:%M", " %I:%M %p"),
    *(" %I:%M:%S %p", " %I:%M%p", ", %H:%M", ", %H:%M:%S", ", %I:%M %p", ", %I:%M:%S %p", " %H.%M"),
    *(" %H:%M:%S %z", " %H:%M:%S%z", "T%H:%M:%S%z", " %H"),
)
# Prefixes of month names in English, German, French, Spanish, Italian and Portuguese.
MONTH_WORDS = {
    "Jan": "jan|jän|ene|gen",
    "Feb": "feb|fév|fev",
    "Mar": "mar|mär|mrz",
    "Apr": "apr|avr|abr",
    "May": "may|mai|mag",
    "Jun": "jun|juin|giu",
    "Jul": "jul|juil|lug",
    "Aug": "aug|aoû|aou|ago",
    "Sep": "sep|set",
    "Oct": "oct|okt|ott|out",
    "Nov": "nov",
    "Dec": "dec|dez|dic|déc",
}
MONTH_NAMES = {
    month: re.compile(rf"(?i)\b(?:{names})[^\W\d_]*\.?") for month, names in MONTH_WORDS.items()
}
SHORT_NAME = re.compile(r"([A-Za-z]{3})[a-z]*\.?")  # of a month or weekday
ORDINAL = re.compile(r"(?i)\b(\d{1,2})(?:st|nd|rd|th)\b|\b(?:de|of|del) ")
MICROSECONDS = 86_400e6  # in a day
SAMPLE = 200  # texts on which formats are tried first
SHAPE = re.compile(r"(?=.*\d)[\w\s,.:/+-]{4,40}")
ISO_SHAPE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d(:?\d\d.*)?)?Z?|\d{4}-\d\d")
Days = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DateForm:
    """The format of the dates of a column.

    Attributes:
        format: ``ISO8601``, or as in ``strptime``.
        doubtful: whether day and month could be swapped in all dates.
    """

    format: str = ISO
    doubtful: bool = False

    @property
    def words(self) -> str:
        """The format in words for the user, such as ``day/month/year``."""
        if self.format == ISO:
            return "year-month-day"
        names = {"%Y": "year", "%y": "year", "%m": "month", "%b": "month", "%B": "month"}
        names |= {"%d": "day", "%H": "hour", "%I": "hour", "%M": "minute", "%S": "second"}
        return re.sub("%[A-Za-z]", lambda match: names.get(match[0], match[0][1:]), self.format)


def find_dates(
    texts: Sequence[str], order: str | None = None, day_first: bool = False
) -> DateForm | None:
    """Return the format of dates, or ``None`` if not all texts are dates of one format.

    Args:
        texts: distinct texts in the order of the file, without words for a missing cell.
        order: ``dayfirst`` or ``monthfirst`` if the user gave it.
        day_first: whether to assume the day first if both orders fit all texts, the separator is a
            slash, and the dates of neither are sorted.

    >>> find_dates(["13/04/2021", "01/05/2021"]).words
    'day/month/year'
    >>> find_dates(["red", "13/04/2021"])
    """
    texts = [text.strip() for text in texts]
    if not texts or not all(SHAPE.fullmatch(text) for text in texts[:SAMPLE]):
        return None
    if all(map(ISO_SHAPE.fullmatch, texts[:SAMPLE])) and _all_read(texts, ISO):
        return DateForm(ISO)
    for form, pattern in QUARTERS.items():
        if all(re.fullmatch(pattern, text) for text in texts):
            return DateForm(form)
    found = [form for form in _candidates(texts[0]) if _all_read(texts[:SAMPLE], form)]
    found = [form for form in found if _all_read(texts, form)]
    if not found:
        return None
    first = [form for form in found if form.startswith("%d")]
    second = [form for form in found if form.startswith("%m")]
    if not (first and second):
        return DateForm(found[0])
    if order is not None:
        return DateForm((first if order == "dayfirst" else second)[0])
    if (monthly := _same_day(texts)) is not None:
        return DateForm((first if monthly else second)[0])
    steps = [np.diff(days(texts, form)) for form in (first[0], second[0])]
    for regular in (_equal, _sorted):  # a series has equal steps, or is at least sorted
        chosen = [
            form for form, step in zip((first[0], second[0]), steps, strict=True) if regular(step)
        ]
        if len(chosen) == 1:
            return DateForm(chosen[0])
    day_first = day_first or "/" not in first[0]
    return DateForm((first if day_first else second)[0], doubtful="." not in first[0])


def days(texts: Any, form: str = ISO) -> Days:
    """Return dates as days since 1970 (in UTC if they have a time zone); NaN for anything else.

    Args:
        texts: a sequence or pandas Series of texts; those for a missing cell are NaN.
        form: the format, see ``DateForm``.

    >>> days(["02.01.1970", "unknown"], "%d.%m.%Y").tolist()
    [1.0, nan]
    """
    import pandas as pd

    series = pd.Series(texts, dtype=object).str.strip()
    if form in QUARTERS:
        parts = series.str.extract(f"^{QUARTERS[form]}$")
        months = pd.to_numeric(parts["quarter"]) * 3 - 2
        series = parts["year"] + "-" + months.map("{:02.0f}".format) + "-01"
        form = ISO
    if "%b" in form:
        names = series.dropna().unique()
        series = series.map({name: english(name) for name in names})
    times = pd.to_datetime(series, format=form, errors="coerce", utc=True).dt.tz_localize(None)
    moments = times.to_numpy("datetime64[us]")
    numbers: Days = moments.astype(np.int64) / MICROSECONDS
    numbers[np.isnat(moments)] = np.nan
    return numbers


def english(text: str) -> str:
    """Return a date with the names of months and weekdays in three English letters.

    >>> english("3. März 2021"), english("Tuesday, July 1st, 2021")
    ('3. Mar 2021', 'Tue, Jul 1, 2021')
    """
    text = ORDINAL.sub(r"\1", text)
    for month, names in MONTH_NAMES.items():
        text, found = names.subn(month, text)
        if found:
            break
    return SHORT_NAME.sub(r"\1", text)


def without_absent(texts: Sequence[str]) -> list[str]:
    """Return the texts that are not words for a missing cell, such as ``unknown``."""
    return [text for text in texts if not is_absent(text)]


def _candidates(text: str) -> Iterator[str]:
    """Yield the formats that may fit a text, by its letters and separators."""
    if first := re.match(r"\d{1,2}:\d\d(:\d\d)?( ?[AaPp][Mm])? ", text):
        for time, date in product(TIME_FIRST, _date_forms(text[first.end() :])):
            if _marks(time + date) == _marks(english(text) if "%b" in date else text):
                yield time + date
        return
    for digits, form in COMPACT.items():
        if re.fullmatch(rf"(19|20){digits}", text):
            yield form
    for date, time in product(_date_forms(text), TIMES):
        if "%z" in time or _marks(date + time) == _marks(english(text) if "%b" in date else text):
            yield date + time
    if re.search("[A-Za-z]{3}", text):
        yield from WITH_TIME


def _date_forms(text: str) -> tuple[str, ...]:
    """Return the formats of dates that may fit the beginning of a text."""
    if numeric := re.match(r"(\d{1,4})([./-])\d{1,2}(\2\d{1,4})?(?![\d./-])", text):
        mark = numeric[2]
        if len(numeric[1]) == 4 and numeric[3]:
            return (f"%Y{mark}%m{mark}%d",)
        if len(numeric[1]) == 4 and mark != ".":  # 1234.05 is a number
            return (f"%Y{mark}%m",)
        if numeric[3]:
            year = "%Y" if len(numeric[3]) == 5 else "%y"
            forms = (form.format(mark) for form in (*DAY_FIRST, *MONTH_FIRST))
            return tuple(form for form in forms if form.endswith(year))
    elif re.match(r"\d{1,2}[/-](19|20)\d\d$", text):
        return (f"%m{re.findall('[/-]', text)[0]}%Y",)
    elif re.match(r"(19|20)\d{6}(?!\d)", text):
        return ("%Y%m%d",)
    elif re.fullmatch(r"(19|20)\d\d(0[1-9]|1[0-2])", text):
        return ("%Y%m",)
    elif re.search(r"[^\W\d_]{3}", text):
        return NAMED
    return ()


def _marks(text: str) -> str:
    """Return a text or format of dates with ``x`` for each word, to compare them cheaply.

    >>> _marks("31 Dec 2024 23:59"), _marks("%d %b %Y %H:%M")
    ('x x x x:x', 'x x x x:x')
    """
    return re.sub("[%A-Za-z0-9]+", "x", text)


def _all_read(texts: Sequence[str], form: str) -> bool:
    return not bool(np.isnan(days(texts, form)).any())


def _same_day(texts: Sequence[str]) -> bool | None:
    """Return whether the day comes first, for dates of several years on the same day of the month.

    ``None`` if both or neither of the first two numbers are the same in all dates.
    """
    first, second, years = map(
        set, zip(*(re.findall(r"\d+", text)[:3] for text in texts), strict=True)
    )
    several = len(years) > 1 and (len(first) == 1) != (len(second) == 1)
    return len(first) == 1 if several else None


def _equal(steps: Days) -> bool:
    return len(steps) > 1 and bool(np.allclose(steps, steps[0], rtol=1e-6)) and bool(steps[0] != 0)


def _sorted(steps: Days) -> bool:
    return len(steps) > 1 and bool((steps > 0).all() or (steps < 0).all())
