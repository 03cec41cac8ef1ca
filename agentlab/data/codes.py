"""Numeric codes with leading zeros, such as ZIP codes: categories, not numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.data.number_forms import is_absent


def find_width(texts: Iterable[str]) -> int:
    """Return the number of digits of texts that are codes; 0 if they are not.

    Texts are codes if all have the same number of digits and nothing else, and one begins with a
    zero. Words that mark missing cells are ignored.

    >>> find_width(["00501", "10001", "unknown"]), find_width(["07", "123"])
    (5, 0)
    """
    width, zero = 0, False
    for text in texts:
        text = text.strip()
        if not (text.isascii() and text.isdigit()):
            if is_absent(text):
                continue
            return 0
        if len(text) < 2 or (width and len(text) != width):
            return 0
        width, zero = len(text), zero or text[0] == "0"
    return width if zero else 0


def sample_widths(names: Sequence[str], rows: Iterable[Sequence[str]]) -> dict[str, int]:
    """Return the number of digits of the columns that may be codes, inferred from a few rows.

    Args:
        names: the names of the columns.
        rows: the first rows below the header.

    Returns:
        1 for each column with a leading zero; else the number of digits, if it is the same in all
        cells and 2 or more.
    """
    widths: dict[str, int] = {}
    for name, cells in zip(names, zip(*rows, strict=False), strict=False):
        lengths = {len(cell) if cell.isdigit() else 0 for cell in cells if cell}
        if any(cell[0] == "0" and len(cell) > 1 and cell.isdigit() for cell in cells if cell):
            widths[name] = 1
        elif len(lengths) == 1 and min(lengths) > 1:
            widths[name] = min(lengths)
    return widths


def padded(texts: npt.NDArray[Any], width: int) -> npt.NDArray[np.object_]:
    """Restore the leading zeros that spreadsheets and pandas strip from codes.

    Args:
        texts: strings ``[n]``, NaN where missing.
        width: the number of digits of the codes.

    >>> padded(np.array(["501", "00501", "x", np.nan], object), 5).tolist()
    ['00501', '00501', 'x', nan]
    """
    changed = texts.astype(object)
    for i, text in enumerate(texts.tolist()):
        if isinstance(text, str) and (digits := text.strip()).isdigit():
            changed[i] = digits.zfill(width)
    return changed


def code_note(name: str, width: int) -> str:
    """Return the note to print about a column of codes."""
    return f"{width}-digit codes with leading zeros (--kind {name}=number reads numbers)"


def shorter(low: Mapping[str, float], widths: Mapping[str, int]) -> list[str]:
    """Return the columns of numbers that have fewer digits in some rows than in the first rows.

    Args:
        low: the minimum of each column.
        widths: see ``sample_widths``.
    """
    return [name for name, width in widths.items() if low.get(name, np.inf) < 10 ** (width - 1)]
