"""The preprocessing of ``Columns`` as TensorFlow operations, for inference models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from agentlab.data.column import Column
from agentlab.data.csv_form import MISSING
from agentlab.lazy import tf

DATE_AND_TIME = (
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?\s*(?:Z|UTC)?(?:([+-])(\d\d):?(\d\d))?)?"
)
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
        numbers = tf.cast(cells, tf.float64)
        missing = tf.math.is_nan(numbers)
        _check(column, ~tf.math.is_inf(numbers), "a finite number")
        values = _standardized(column, numbers, missing)[:, None]
    else:
        missing = _any_equal(cells, MISSING)
        if column.kind == "category":
            usual = tf.one_hot(column.usual, len(column.categories))
            found = tf.cast(cells[:, None] == tf.constant(column.categories)[None], tf.float32)
            values = tf.where(missing[:, None], usual[None], found)
        elif column.kind == "date":
            numbers, valid = days_of_dates(tf.where(missing, "1970-01-01", cells))
            _check(column, valid, "a date such as 2024-12-31")
            values = _standardized(column, numbers, missing)[:, None]
        else:
            words = tf.strings.lower(tf.strings.strip(cells), encoding="utf-8")
            no, yes = (words == word for word in column.categories)
            _check(column, missing | no | yes, " or ".join(column.categories))
            values = tf.where(missing, float(column.usual), tf.cast(yes, tf.float32))[:, None]
    if column.missing:
        values = tf.concat([values, tf.cast(missing, tf.float32)[:, None]], axis=1)
    return values


def days_of_dates(texts: Any) -> tuple[Any, Any]:
    """Return dates (ISO 8601, optionally with a time) as days since 1970, and which are valid.

    Args:
        texts: strings ``[n]`` such as ``2024-12-31`` or ``2024-12-31T23:59:59+01:00``.

    Returns:
        float64 ``[n]``, and booleans ``[n]``.
    """
    written = tf.strings.regex_full_match(texts, DATE_AND_TIME)
    texts = tf.where(written, texts, "1970-01-01")

    def number(group: int, dtype: str = "int64") -> Any:
        # An optional group that does not match is empty, and the 0 before it makes it zero.
        digits = tf.strings.regex_replace(texts, DATE_AND_TIME, rf"0\{group}")
        return tf.strings.to_number(digits, getattr(tf, dtype))

    year, month, day, hour, minute = (number(group) for group in range(1, 6))
    second = number(6, "float64")
    east = tf.strings.regex_replace(texts, DATE_AND_TIME, r"\7") != "-"
    offset = tf.cast(tf.where(east, 1, -1), tf.int64) * (number(8) * 60 + number(9))
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


def _standardized(column: Column, numbers: Any, missing: Any) -> Any:
    # In float64, because a mean much larger than the deviation cancels digits in float32.
    zero = tf.zeros_like(numbers)
    return tf.cast(tf.where(missing, zero, (numbers - column.mean) / column.deviation), tf.float32)


def _any_equal(texts: Any, words: tuple[str, ...]) -> Any:
    return tf.reduce_any(texts[:, None] == tf.constant(words)[None], axis=1)


def _check(column: Column, valid: Any, needed: str) -> None:
    tf.debugging.Assert(tf.reduce_all(valid), [f"a cell of column {column.name!r} is not {needed}"])
