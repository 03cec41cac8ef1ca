"""The preprocessing of ``Columns`` as TensorFlow operations, for inference models."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from agentlab.data.column import Column
from agentlab.data.csv_form import MISSING
from agentlab.data.dates import ISO, MONTH_WORDS, ORDINAL, QUARTER, QUARTERS, DateForm
from agentlab.data.labels import FALSE, INVISIBLE, TRUE, WHOLE, label_key
from agentlab.data.number_forms import ABSENT
from agentlab.data.standardizing import shifted_and_scaled
from agentlab.lazy import tf

DATE_AND_TIME = (
    r"(\d{4})-(\d\d)(?:-(\d\d))?"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?\s*(?:Z|UTC)?(?:([+-])(\d\d):?(\d\d))?)?"
)
TOKENS = {  # parts of date formats, as regular expressions
    "Y": r"(\d{4})",
    "y": r"(\d\d)",
    "m": r"(\d\d?)",
    "b": r"(\d\d)",
    "d": r"(\d\d?)",
    "H": r"(\d\d?)",
    "I": r"(\d\d?)",
    "M": r"(\d\d?)",
    "S": r"(\d\d?(?:\.\d+)?)",
    "p": "([AaPp][Mm])",
    "a": "[A-Za-z]+",
    "z": r"([+-])(\d\d):?(\d\d)",
    "f": r"\d*",
}
BLANKS = r"[\s\p{Z}\x{85}\x{1c}-\x{1f}]+"  # like Python's str.split
MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # days, February's in a leap year


def signature_names(names: Sequence[str]) -> dict[str, str]:
    """Return names for the columns that are valid in the signature of a SavedModel.

    Valid names are ASCII identifiers that differ in more than upper and lower case.

    >>> signature_names(["age", "age in years", "Age", "2nd (m²)"])
    {'age': 'age', 'age in years': 'age_in_years', 'Age': 'Age_2', '2nd (m²)': 'column_2nd__m__'}
    """
    safe: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)
        plain = plain if re.match("[a-zA-Z]", plain) else f"column_{plain}"
        taken, unique, number = {other.lower() for other in safe.values()}, plain, 1
        while unique.lower() in taken:
            number += 1
            unique = f"{plain}_{number}"
        safe[name] = unique
    return safe


def column_inputs(column: Column, cells: Any) -> Any:
    """Return a column's inputs, a float32 tensor ``[n, len(column.inputs)]``.

    Args:
        column: the fitted column.
        cells: float32 ``[n]`` for numbers, else strings ``[n]``.

    Raises:
        tf.errors.InvalidArgumentError: when the model is called, for a cell that does not match the
            kind of its column.
    """
    if column.kind == "number":
        missing = tf.not_equal(cells, cells)  # other runtimes have no is_nan
        _check(column, tf.abs(cells) != math.inf, "a finite number")
        numbers = shifted_and_scaled(cells, column.mean, 1 / column.deviation)
        values = tf.where(missing, tf.zeros_like(cells), numbers)[:, None]
    else:
        missing = _any_equal(cells, MISSING)
        if column.kind == "category":
            usual = tf.one_hot(column.usual, len(column.categories))
            cells = _padded(cells, column.width) if column.width else cells
            known = [label_key(category, column.folded) for category in column.categories]
            found = tf.cast(_keys(cells, column.folded)[:, None] == tf.constant(known), tf.float32)
            values = tf.where(missing[:, None], usual[None], found)
        elif column.kind == "date":
            missing |= _any_equal(_keys(cells, True), tuple(ABSENT))
            numbers, valid = days_of_dates(cells, column.format)
            _check(column, missing | valid, f"a date ({DateForm(column.format).words})")
            zero = tf.zeros_like(numbers)
            # In float64, because a mean much larger than the deviation cancels digits in float32.
            days = tf.where(missing, zero, (numbers - column.mean) / column.deviation)
            values = tf.cast(days, tf.float32)[:, None]
        else:
            words = _keys(cells, True)
            no, yes = (_any_equal(words, tuple(sorted(known))) for known in (FALSE, TRUE))
            missing = ~(no | yes)
            values = tf.where(missing, float(column.usual), tf.cast(yes, tf.float32))[:, None]
    if column.missing:
        values = tf.concat([values, tf.cast(missing, tf.float32)[:, None]], axis=1)
    return values


def days_of_dates(texts: Any, form: str = ISO) -> tuple[Any, Any]:
    """Return dates as days since 1970, and which texts are dates.

    Args:
        texts: strings ``[n]`` such as ``2024-12-31`` or ``2024-12-31T23:59:59+01:00``.
        form: their format, see ``DateForm``.

    Returns:
        float64 ``[n]``, and booleans ``[n]``.
    """
    texts = tf.strings.strip(texts)
    if "%b" in form:
        texts = tf.strings.regex_replace(texts, ORDINAL.pattern, r"\1")
        for index, names in enumerate(MONTH_WORDS.values(), 1):
            word = rf"(?i)\b(?:{names})\p{{L}}*\.?"
            texts = tf.strings.regex_replace(texts, word, f"{index:02}")
    pattern, groups = _pattern(form)
    written = tf.strings.regex_full_match(texts, pattern)

    def number(token: str, default: int = 0, dtype: str = "int64") -> Any:
        if token not in groups:
            return tf.fill(tf.shape(texts), tf.constant(default, getattr(tf, dtype)))
        # An optional group that does not match is empty, and the 0 before it makes it zero.
        digits = tf.strings.regex_replace(texts, pattern, rf"0\{groups[token]}")
        digits = tf.where(written, digits, f"{default}")
        return tf.strings.to_number(digits, getattr(tf, dtype))

    def text(token: str) -> Any:
        group = groups.get(token, 0)
        return tf.strings.lower(tf.strings.regex_replace(texts, pattern, rf"\{group}"))

    year, month, day = number("Y", 1970), number("m", 1), number("d", 1)
    if "y" in groups:
        short = number("y")
        year = short + tf.where(
            short < 69, tf.constant(2000, tf.int64), tf.constant(1900, tf.int64)
        )
    if "q" in groups:
        month = 3 * number("q", 1) - 2
    if form == ISO:  # a month without a day
        day = tf.where(text("d") == "", tf.constant(1, tf.int64), day)
    hour, minute, second = number("H"), number("M"), number("S", dtype="float64")
    if "p" in groups:
        hour = number("I") % 12 + tf.where(text("p") == "pm", tf.constant(12, tf.int64), 0)
    offset = number("zh") * 60 + number("zm")
    offset = tf.where(text("z") == "-", -offset, offset) if "z" in groups else offset
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = tf.gather(tf.constant(MONTHS, tf.int64), tf.clip_by_value(month - 1, 0, 11))
    last -= tf.cast((month == 2) & ~leap, tf.int64)
    valid = written & (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= last)
    valid &= (hour < 24) & (minute < 60) & (second < 60)
    # Days of the Gregorian calendar, counted from March so that a leap day ends its year.
    start = year - tf.cast(month <= 2, tf.int64)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    count = 365 * start + start // 4 - start // 100 + start // 400 + of_year - 719_468
    seconds = tf.cast((hour * 60 + minute - offset) * 60, tf.float64) + second
    return tf.cast(count, tf.float64) + seconds / 86_400, valid


def _pattern(form: str) -> tuple[str, dict[str, int]]:
    """Return a format of dates as a regular expression, and the group of each of its parts."""
    if form == ISO:
        names = ["Y", "m", "d", "H", "M", "S", "z", "zh", "zm"]
        return DATE_AND_TIME, {name: i for i, name in enumerate(names, 1)}
    if form in QUARTERS:
        pattern = re.sub(r"\?P<\w+>", "", QUARTERS[form])
        return pattern, {"Y": 1, "q": 2} if form == QUARTER else {"q": 1, "Y": 2}
    names, pattern = [], ""
    for part in re.findall(r"%[A-Za-z]|[^%]", form):
        name = part[1:] if part[0] == "%" else ""
        pattern += TOKENS.get(name, re.escape(part))
        found = {"z": ["z", "zh", "zm"], "b": ["m"], "a": [], "": [], "f": []}.get(name, [name])
        names += found
    return pattern, {name: i for i, name in enumerate(names, 1)}


def _keys(cells: Any, folded: bool) -> Any:
    """Return the ``label_key`` of texts."""
    texts = tf.strings.regex_replace(cells, INVISIBLE.pattern, "")
    texts = tf.strings.strip(tf.strings.regex_replace(texts, BLANKS, " "))
    texts = tf.strings.regex_replace(texts, f"^{WHOLE.pattern}$", r"\1")
    return tf.strings.lower(texts, encoding="utf-8") if folded else texts


def _padded(cells: Any, width: int) -> Any:
    """Return codes with all their leading zeros, see ``codes.padded``."""
    texts = tf.strings.strip(cells)
    digits = tf.strings.regex_full_match(texts, f"[0-9]{{1,{width}}}")
    # Zeros are prepended first, because a substring must not exceed its text.
    zeros = tf.strings.join([tf.fill(tf.shape(texts), "0" * width), texts])
    return tf.where(digits, tf.strings.substr(zeros, -width, width), texts)


def _any_equal(texts: Any, words: tuple[str, ...]) -> Any:
    return tf.reduce_any(texts[:, None] == tf.constant(words)[None], axis=1)


def _check(column: Column, valid: Any, needed: str) -> None:
    tf.debugging.Assert(tf.reduce_all(valid), [f"a cell of column {column.name!r} is not {needed}"])
