"""Target leakage: columns that determine the target exactly, such as codes of its classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.data.column import Column, Floats

ROWS, CELLS = 10_000, 4_000_000  # maximum training rows and cells to compare
FEW = 20  # minimum number of rows; in fewer, columns may fit the target by chance
EXACT = 1e-10  # maximum 1 - r² of two numeric columns if one is computed from the other


def compared_rows(inputs: int) -> int:
    """Return the number of training rows to compare, given the number of inputs."""
    return min(ROWS, max(FEW, CELLS // max(inputs, 1)))


def leak_notes(
    columns: Sequence[Column], inputs: Floats, targets: npt.NDArray[Any], classes: int
) -> list[str]:
    """Return a note about each column that determines the target exactly.

    Args:
        columns: the columns of the table.
        inputs: encoded training rows, float32 ``[n, inputs]``.
        targets: class indices, or numbers, ``[n]``.
        classes: number of classes; 0 for numbers.
    """
    if len(inputs) < FEW:
        return []
    firsts = np.cumsum([0, *(len(column.inputs) for column in columns)])
    fits = _linear(inputs, targets) if not classes else _constant(inputs, targets)
    notes = []
    for column, first, end in zip(columns, firsts[:-1], firsts[1:], strict=True):
        if first == end or not fits[first:end].all():
            continue
        if classes and len(np.unique(inputs[:, first:end], axis=0)) < len(np.unique(targets)):
            continue
        notes.append(
            f"{column.name!r} determines the target exactly; if it is computed from the target, "
            f"leave it out with --kind {column.name}=drop"
        )
    return notes


def _constant(inputs: Floats, targets: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return which inputs are equal in all rows of each class, ``[inputs]``."""
    fits = np.ones(inputs.shape[1], bool)
    for label in np.unique(targets):
        places = np.flatnonzero(fits)
        rows = inputs[targets == label][:, places]
        fits[places] = (rows == rows[0]).all(axis=0)
    return fits


def _linear(inputs: Floats, targets: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return which inputs are linear functions of the targets, ``[inputs]``."""
    x, y = inputs - inputs.mean(axis=0, dtype=np.float64), targets - targets.mean(dtype=np.float64)
    spread = np.square(x).sum(axis=0) * np.square(y).sum()
    return np.asarray((spread > 0) & (np.square(y @ x) > (1 - EXACT) * spread))
