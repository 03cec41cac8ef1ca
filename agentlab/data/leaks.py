"""Target leakage: columns that determine the target exactly, such as codes of its classes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.data.column import Column, Floats

ROWS, CELLS = 10_000, 4_000_000  # maximum training rows and cells to compare
FEW = 20  # minimum number of rows; in fewer, columns may fit the target by chance
EXACT = 3e-9  # maximum 1 - r² of two numeric columns if one is computed from the other
RISING = 0.97  # minimum fraction of rows at which a column of row numbers or times rises


def compared_rows(inputs: int) -> int:
    """Return the number of training rows to compare, given the number of inputs."""
    return min(ROWS, max(FEW, CELLS // max(inputs, 1)))


def leak_notes(
    columns: Sequence[Column],
    inputs: Floats,
    targets: npt.NDArray[Any],
    classes: int,
    in_blocks: bool = False,
) -> list[str]:
    """Return a note about each column that leaks the target.

    Args:
        columns: the columns of the table.
        inputs: encoded training rows in the order of the file, float32 ``[n, inputs]``.
        targets: class indices, or numbers, ``[n]``.
        classes: number of classes; 0 for numbers.
        in_blocks: whether the rows of each class are contiguous in the file, so that times or
            row numbers would reveal the class.
    """
    if len(inputs) < FEW:
        return []
    firsts = np.cumsum([0, *(len(column.inputs) for column in columns)])
    fits = _determined(inputs, targets, classes)
    rising = _in_order(inputs) if in_blocks else np.zeros(inputs.shape[1], bool)
    notes = []
    for column, first, end in zip(columns, firsts[:-1], firsts[1:], strict=True):
        if first == end:
            continue
        mine, goals, fit = inputs[:, first:end], targets, fits[first:end]
        if column.missing:  # compare only rows with a value
            known = mine[:, -1] == 0
            mine, goals = mine[known, :-1], targets[known]
            fit = _determined(mine, goals, classes) if known.sum() >= FEW else np.array([False])
        if fit.all() and not (classes and _merges(mine, goals)):
            notes.append(
                f"{column.name!r} determines the target exactly; if it is computed from the "
                f"target, leave it out with --kind {shlex.quote(column.name)}=drop"
            )
        elif column.kind in ("number", "date") and rising[first]:
            notes.append(
                f"{column.name!r} rises or falls from row to row, and the file is sorted by class; "
                "if it is a row number or a timestamp, leave it out with "
                f"--kind {shlex.quote(column.name)}=drop"
            )
    return notes


def _determined(inputs: Floats, targets: npt.NDArray[Any], classes: int) -> npt.NDArray[np.bool_]:
    """Return which inputs are invertible functions of the targets, ``[inputs]``."""
    if classes:
        return _constant(inputs, targets)
    return _linear(inputs, targets)


def _merges(inputs: Floats, targets: npt.NDArray[Any]) -> bool:
    """Return whether a column has fewer distinct values than there are classes."""
    return len(np.unique(inputs, axis=0)) < len(np.unique(targets))


def _in_order(inputs: Floats) -> npt.NDArray[np.bool_]:
    """Return which inputs rise, or fall, in nearly all steps from row to row, ``[inputs]``."""
    steps = np.diff(inputs, axis=0)
    return np.asarray(np.maximum((steps > 0).mean(axis=0), (steps < 0).mean(axis=0)) >= RISING)


def _constant(inputs: Floats, targets: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return which inputs are equal in all rows of each class, ``[inputs]``."""
    fits = np.ones(inputs.shape[1], bool)
    for label in np.unique(targets):
        places = np.flatnonzero(fits)
        rows = inputs[targets == label][:, places]
        fits[places] = (rows == rows[0]).all(axis=0)
    return fits


def _linear(inputs: Floats, targets: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return which inputs are linear functions of the targets or of their powers, ``[inputs]``."""
    fits = np.zeros(inputs.shape[1], bool)
    x = inputs - inputs.mean(axis=0, dtype=np.float64)
    y = targets.astype(np.float64)
    positive = [np.log(y), np.sqrt(y), 1 / y] if y.min() > 0 else []
    for values in (y, np.square(y), *positive):
        values = values - values.mean()
        spread = np.square(x).sum(axis=0) * np.square(values).sum()
        fits |= (spread > 0) & (np.square(values @ x) > (1 - EXACT) * spread)
    return fits
