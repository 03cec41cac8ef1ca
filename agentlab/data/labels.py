"""Spellings of labels and categories: spaces around them, ``1`` and ``1.0``, letter case."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# Pairs of words, false first; a column with only the words of one pair is boolean.
BOOLEANS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"), ("off", "on"))
FALSE = frozenset(["0", "0.0", *(false for false, _ in BOOLEANS)])
TRUE = frozenset(["1", "1.0", *(true for _, true in BOOLEANS)])
INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")  # such as zero-width spaces
WHOLE = re.compile(r"([+-]?\d+)\.0*")
RARE = 0.05  # a spelling of a short word is a typo up to this fraction of the usual one


@dataclass(frozen=True)
class Spellings:
    """The distinct labels among texts.

    Attributes:
        counts: how often each label occurs, by its most frequent spelling.
        folded: whether labels ignore case.
        merged: the spellings that were merged with each label, with how often they occur.
    """

    counts: Mapping[str, int]
    folded: bool
    merged: Mapping[str, Mapping[str, int]]

    def notes(self, name: str) -> list[str]:
        """Return a line for the user about each label with several spellings."""
        return [
            f"{name!r}: "
            + ", ".join(f"{text!r} ({n:,})" for text, n in others.items())
            + f" read as {label!r}"
            for label, others in self.merged.items()
        ]


def label_key(text: str, folded: bool) -> str:
    """Return the normalized form that all spellings of a label share.

    >>> label_key(" Cat ", folded=True), label_key("3.0", folded=False)
    ('cat', '3')
    """
    text = clean_label(text)
    if match := WHOLE.fullmatch(text):
        return match[1]
    return text.lower() if folded else text


def clean_label(text: str) -> str:
    """Return a label without invisible characters, with each run of whitespace as one space.

    >>> clean_label(" New  York\u200b ")
    'New York'
    """
    text = " ".join(text.split())
    if text.isascii():
        return text
    return " ".join(unicodedata.normalize("NFC", INVISIBLE.sub("", text)).split())


def find_spellings(counts: Mapping[str, int], exact: bool = False) -> Spellings:
    """Return the distinct labels among texts, merging those that differ only by typos.

    Case is ignored if all labels that differ only in case are taken for typos: words of three or
    more letters, shorter ones of which one spelling is rare, or a pair such as ``yes`` and ``no``.

    Args:
        counts: how often each text occurs.
        exact: whether labels that differ in case are always distinct.

    >>> find_spellings({"cat": 9, "cat ": 2, "Cat": 1, "dog": 8}).counts
    {'cat': 12, 'dog': 8}
    >>> find_spellings({"m": 9, "M": 8}).counts
    {'m': 9, 'M': 8}
    """
    stripped: Counter[str] = Counter()
    for text, count in counts.items():
        stripped[clean_label(text)] += count
    folded = not exact and _only_slips(stripped)
    groups: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for text, count in counts.items():
        groups[label_key(text, folded)][text] += count
    labels, merged = {}, {}
    for spelled in groups.values():
        texts: Counter[str] = Counter()
        for text, count in spelled.items():
            texts[clean_label(text)] += count
        label = texts.most_common(1)[0][0]
        labels[label] = sum(spelled.values())
        others = {text: count for text, count in spelled.items() if text != label}
        if others:
            merged[label] = others
    return Spellings(labels, folded, merged)


def find_labels(
    known: Sequence[str], texts: npt.NDArray[Any], folded: bool = False
) -> npt.NDArray[np.intp]:
    """Return the index of each text in ``known``, -1 where it is unknown or missing.

    Args:
        known: labels, no two of which have the same ``label_key``.
        texts: an array of texts ``[n]``.
        folded: see ``Spellings``.
    """
    places = {label_key(label, folded): i for i, label in enumerate(known)}
    cells = texts.tolist()
    found = {
        cell: places.get(label_key(cell, folded), -1) if isinstance(cell, str) else -1
        for cell in set(cells)
    }
    return np.array([found[cell] for cell in cells], np.intp)


def _only_slips(counts: Mapping[str, int]) -> bool:
    """Return whether all texts that differ only in case are typos; true if there are none."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for text in counts:
        groups[text.lower()].append(text)
    if any(groups.keys() == set(pair) for pair in BOOLEANS):
        return True
    several = [texts for texts in groups.values() if len(texts) > 1]
    return all(
        len(re.findall(r"[^\W\d_]", texts[0])) >= 3
        or sorted(counts[text] for text in texts)[-2] <= RARE * max(counts[text] for text in texts)
        for texts in several
    )
