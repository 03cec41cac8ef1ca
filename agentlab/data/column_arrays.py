"""Converting text columns to network inputs in NumPy; ``column_tensors`` uses TensorFlow."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from agentlab.data.codes import padded
from agentlab.data.column import Column, Floats, NumberArray, TextArray
from agentlab.data.dates import ISO, DateForm, days
from agentlab.data.labels import FALSE, TRUE, clean_label, find_labels
from agentlab.data.number_forms import is_absent
from agentlab.errors import AgentlabError

Refuse = Callable[[int, str, str], AgentlabError]  # from a row, a column's name and a reason


def text_inputs(column: Column, texts: TextArray, refuse: Refuse) -> Floats:
    """Return the inputs of a column of categories, dates or booleans.

    Args:
        column: the fitted column.
        texts: its cells, ``[n]``.
        refuse: builds the error about a cell.

    Returns:
        float32 ``[n, len(column.inputs)]``.

    Raises:
        AgentlabError: for a text that is not a date in a column of dates.
    """
    inputs = np.zeros((len(texts), len(column.inputs)), np.float32)
    absent = np.array([cell != cell for cell in texts.tolist()], bool)
    if column.kind == "category":
        texts = padded(texts, column.width) if column.width else texts
        codes = find_labels(column.categories, texts, column.folded)
        tell_unseen(column, texts[(codes < 0) & ~absent], int((~absent).sum()))
        codes[absent] = column.usual
        known = np.flatnonzero(codes >= 0)
        inputs[known, codes[known]] = 1
    elif column.kind == "date":
        values, absent = day_cells(texts, column.format)
        bad = np.isnan(values) & ~absent
        if bad.any():
            example = "" if column.format != ISO else " such as 2024-12-31"
            why = f"which is not a date{example or f' ({DateForm(column.format).words})'}"
            raise refuse(int(bad.argmax()), column.name, why)
        inputs[:, 0] = np.where(absent, 0, (values - column.mean) / column.deviation)
    else:
        values = truths(texts)
        tell_others(column, texts[(values < 0) & ~absent])
        absent = values < 0
        inputs[:, 0] = np.where(absent, column.usual, values)
    if column.missing:
        inputs[:, -1] = absent
    return inputs


def truths(texts: TextArray) -> NumberArray:
    """Return 0 for words such as no, false and 0, 1 for yes, true and 1, and -1 for others."""
    words = texts.tolist()
    keys = {word: clean_label(str(word)).lower() for word in set(words)}
    found = {word: (key in TRUE) - float(key not in TRUE | FALSE) for word, key in keys.items()}
    return np.array([found[word] for word in words], np.float64)


def day_cells(texts: TextArray, form: str) -> tuple[NumberArray, npt.NDArray[np.bool_]]:
    """Return dates as days since 1970 (NaN if missing or invalid), and a mask of missing ones."""
    values = days(texts, form)
    absent = np.isnan(values)
    absent[absent] = [cell != cell or is_absent(cell) for cell in texts[absent].tolist()]
    return values, absent


def tell_others(column: Column, texts: TextArray) -> None:
    """Warn about words in a boolean column that are neither of its two, and so are missing."""
    words = [text for text in dict.fromkeys(texts.tolist()) if not is_absent(text)]
    if words:
        warnings.warn(
            f"column {column.name!r} contains {words[0]!r}, which is neither "
            f"{' nor '.join(column.categories)}; {len(texts):,} such cells are read as missing",
            stacklevel=3,
        )


def tell_unseen(column: Column, texts: TextArray, known: int) -> None:
    """Warn if most cells are of unseen categories: the column's meaning may have changed."""
    if 2 * len(texts) > known:
        listed = ", ".join(column.categories[:3]) + ", ..." * (len(column.categories) > 3)
        warnings.warn(
            f"column {column.name!r} contains {texts[0]!r}, but {listed} in training; "
            f"{len(texts):,} of {known:,} cells belong to no known category and become zeros",
            stacklevel=3,
        )
