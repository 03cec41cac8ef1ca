"""``NumberForm``: the decimal mark, thousands separator and unit of the numbers in a column."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

# Strings that mean a missing cell among numbers, dates and booleans, in lower case. Among other
# texts they may be a category.
ABSENT = frozenset(
    [
        *("-", "--", "---", "–", "—", ".", "..", "...", "*", "?", "none", "<na>", "na", "n/a"),
        *("n.a.", "n.a", "#n/a", "nd", "n.d.", "n/d", "nan", "nil", "null", "(null)", "\\n"),
        *("unknown", "unk", "missing", "undefined", "tbd", "not available", "not known"),
        *("no data", "#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!"),
        *("unbekannt", "k.a.", "k. a."),
    ]
)
SPACES = " \xa0\u2007\u2009\u202f"
MINUS = "\u2212\u2012\u2013\ufe63\uff0d"
DIGITS = "０１２３４５６７８９٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹"  # fullwidth, Arabic and Persian digits
MARKS = {"’": "'", "．": ".", "，": ",", "٫": ".", "٬": ","}
TRANSLATION = str.maketrans(
    {
        **dict.fromkeys(SPACES, " "),
        **dict.fromkeys(MINUS, "-"),
        **{digit: str(i % 10) for i, digit in enumerate(DIGITS)},
        **MARKS,
    }
)
BODY = r"[0-9](?:[0-9.,' ]*[0-9])?[.,]?|[.,][0-9]+"
UNIT = (
    r"[^\W\d_]{1,8}[.23]?(?:/[^\W\d_]{1,8}[23²³]?)?[²³]?"  # kg, km/h, m²
    r"|[$€£¥₹₽₩₺฿%‰°º′″]{1,2}[A-Za-z]?|[A-Z]{1,3}\$"
)
WRITTEN = re.compile(
    rf"(?P<sign>[-+]?) ?(?P<before>{UNIT})?[ ]?(?P<inner>[-+]?)(?P<body>{BODY})"
    rf"(?P<power>[eE][-+]?[0-9]{{1,3}})? ?(?P<after>{UNIT})?(?P<last>-?)"
)
GROUPED = {  # thousands in groups of three, or as in India (12,34,567)
    mark: re.compile(
        rf"[1-9][0-9]{{0,2}}(?:{re.escape(mark)}[0-9]{{2,3}})*{re.escape(mark)}[0-9]{{3}}"
    )
    for mark in ",. '"
}
# Decimal mark and thousands separator, in order of preference if several fit.
POINT = ((".", ""), (".", ","), (".", " "), (".", "'"))
COMMA = ((",", ""), (",", "."), (",", " "), (",", "'"))
FACTORS = {"k": 1e3, "K": 1e3, "M": 1e6, "Mio": 1e6, "mn": 1e6, "B": 1e9, "bn": 1e9}
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NumberForm:
    """How the numbers of a column are written.

    Args:
        decimal: the decimal mark.
        thousands: the thousands separator; empty for none.
        unit: what stands before or after each number, such as ``$`` or ``kg``; it is left out.

    >>> NumberForm(",", ".", "€").parse(["1.234,50 €", "(2)", "unknown", "red"]).tolist()
    [1234.5, -2.0, nan, inf]
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    @property
    def plain(self) -> bool:
        """Whether the numbers are written as pandas reads them."""
        return not self.thousands and not self.unit

    def parse(self, texts: Iterable[str]) -> Numbers:
        """Return texts as numbers; words for a missing cell are NaN, other texts are infinite."""
        return np.array([self._number(text) for text in texts], np.float64)

    def _number(self, text: str) -> float:
        parts = _parts(text)
        if parts is None:
            return np.nan if is_absent(text) else np.inf
        sign, body, power, unit = parts
        factor = 1.0
        if unit and unit != self.unit:
            if self.unit or unit not in FACTORS:
                return np.inf
            factor = FACTORS[unit]
        digits = _digits(body, self.decimal, self.thousands, power)
        if digits is None:  # written as in another file, if that is unambiguous
            found = [_digits(body, *marks, power) for marks in (*POINT, *COMMA)]
            values = {digits for digits in found if digits is not None}
            if len(values) != 1:
                return np.inf
            (digits,) = values
        return sign * float(digits + power) * factor


def is_absent(text: str) -> bool:
    """Return whether a text is a word for a missing number, such as ``-`` or ``unknown``."""
    return text.strip().lower() in ABSENT


@dataclass(frozen=True)
class Found:
    """The numbers among texts.

    Attributes:
        form: how the numbers are written.
        numbers: the texts that are numbers, with their values.
        absent: the texts that stand for a missing number.
        others: the remaining texts.
    """

    form: NumberForm
    numbers: Mapping[str, float]
    absent: tuple[str, ...]
    others: tuple[str, ...]


def find_numbers(texts: Sequence[str], decimal: str | None = None, hint: str = ".") -> Found:
    """Return how numbers are written in distinct texts, and which texts are numbers.

    Units must be the same in all texts that have one, and percentages must all have a percent
    sign; texts with a rarer unit are not numbers.

    Args:
        texts: distinct texts.
        decimal: the decimal mark, if the user gave it.
        hint: the decimal mark of the rest of the file, for texts such as ``1,234``.
    """
    split = {text: parts for text in texts if (parts := _parts(text)) is not None}
    absent = tuple(text for text in texts if text not in split and is_absent(text))
    unit = _unit(Counter(parts[3] for parts in split.values()))
    split = {
        text: parts
        for text, parts in split.items()
        if parts[3] == unit
        or (unit == "" and parts[3] in FACTORS)
        or (parts[3] == "" and unit not in ("%", "‰", *FACTORS))
    }
    kinds: tuple[tuple[str, str], ...] = POINT + COMMA if hint == "." else COMMA + POINT
    if decimal is not None:
        kinds = POINT if decimal == "." else COMMA
    bodies = {parts[1:3] for parts in split.values()}

    def fitness(marks: tuple[str, str]) -> int:
        return sum(_digits(body, *marks, power) is not None for body, power in bodies)

    marks = max(kinds, key=fitness)
    form = NumberForm(*marks, unit)
    values = {}
    for text, (sign, body, power, its) in split.items():
        digits = _digits(body, *marks, power)
        if digits is not None:
            factor = 1.0 if its == unit or its == "" else FACTORS[its]
            values[text] = sign * float(digits + power) * factor
    values = {text: value for text, value in values.items() if np.isfinite(value)}
    rest = {*values, *absent}
    return Found(form, values, absent, tuple(text for text in texts if text not in rest))


def decimal_evidence(texts: Iterable[str]) -> str | None:
    """Return the decimal mark that texts show unambiguously; ``None`` for neither or both."""
    marks = set()
    for text in texts:
        parts = _parts(text)
        if parts is not None and (
            match := re.fullmatch(r"[0-9.' ]*,([0-9]+)|[0-9,' ]*\.([0-9]+)", parts[1])
        ):
            mark, after = ("," if match[1] else "."), match[1] or match[2]
            other = "." if mark == "," else ","
            if len(after) != 3 or other in parts[1] or parts[2] or parts[1][0] in f"0{mark}":
                marks.add(mark)
    return marks.pop() if len(marks) == 1 else None


@lru_cache(maxsize=20_000)
def _parts(text: str) -> tuple[int, str, str, str] | None:
    """Return the sign, digits with marks, exponent and unit of a number; ``None`` for others."""
    plain = text.translate(TRANSLATION).strip()
    sign = 1
    if plain.startswith("(") and plain.endswith(")"):  # a negative amount in accounting
        plain, sign = plain[1:-1].strip(), -1
    match = WRITTEN.fullmatch(plain)
    if match is None:
        return None
    signs = match["sign"] + match["inner"] + match["last"]
    if len(signs) > 1 or (signs and sign < 0):
        return None
    before, after, power = match["before"] or "", match["after"] or "", match["power"] or ""
    if before and after:  # $1.5M
        if after not in FACTORS or power:
            return None
        after, power = "", f"{FACTORS[after]:.0e}"[1:]
    currency = before.endswith("$") or before in ("Rs", "Rs.") or re.fullmatch("[A-Z]{3}", before)
    if before[:1].isalpha() and not currency:
        return None  # a code such as a1
    return (
        (-sign if "-" in signs else sign),
        match["body"],
        power,
        before or after,
    )


def _unit(counts: Counter[str]) -> str:
    """Return the unit of a column: the most frequent one, unless most numbers have none."""
    named = {unit: count for unit, count in counts.items() if unit}
    if not named or set(named) <= FACTORS.keys() and (len(named) > 1 or counts[""]):
        return ""
    return max(named, key=lambda unit: named[unit]) if counts[""] <= sum(named.values()) else ""


def _digits(body: str, decimal: str, thousands: str, power: str = "") -> str | None:
    """Return the digits of a number with a decimal point; ``None`` if the marks do not fit.

    Numbers with a ``power``, such as ``e-3``, have no thousands separators.
    """
    whole, mark, rest = body.partition(decimal)
    if mark and not rest.isdigit() and rest:
        return None
    if not whole.isdigit() and (whole or not rest):
        if not thousands or "e" in power.lower() or not GROUPED[thousands].fullmatch(whole):
            return None
        whole = whole.replace(thousands, "")
    return f"{whole or '0'}.{rest or '0'}"
