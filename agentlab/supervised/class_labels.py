"""Labels of classes in arrays, and their indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agentlab.data.batches import Array
from agentlab.errors import InvalidArgument

MEASURED = 20  # up to this many distinct fractional numbers may be classes


def class_numbers(y: Any, labels: Sequence[Any]) -> Array:
    """Return the index of each label in ``labels``, int32 ``[n]``.

    Raises:
        InvalidArgument: for a label that is not in ``labels``.
    """
    numbers = {label: number for number, label in enumerate(labels)}
    given = _flat(y).tolist()
    unknown = [label for label in given if label not in numbers]
    if unknown:
        known = ", ".join(map(str, labels[:10])) + (", ..." if len(labels) > 10 else "")
        raise InvalidArgument(f"y contains the class {unknown[0]!r}, which must be one of {known}")
    return np.array([numbers[label] for label in given], np.int32)


def distinct_labels(y: Any) -> list[Any]:
    """Return the distinct labels of ``y``, sorted.

    Raises:
        InvalidArgument: if labels are missing or of different types, or are measurements rather
            than classes: nearly all different, with fractions.
    """
    labels = _flat(y)
    found = set(labels.tolist())
    fractions = any(isinstance(label, float) and label % 1 > 0 for label in found)  # not NaN
    if fractions and len(found) > max(MEASURED, len(labels) // 2):
        raise InvalidArgument(
            f"y contains {len(found)} different numbers in {len(labels)} rows, too many for "
            "classes; use Regressor, or convert y to strings if each is a class"
        )
    if any(label is None or label != label for label in found):
        raise InvalidArgument("y contains None or NaN; every example needs a label")
    try:
        return sorted(found)
    except TypeError:
        raise InvalidArgument(
            "y contains strings and numbers; all labels must be of one type"
        ) from None


def _flat(y: Any) -> Array:
    """Return labels as an array ``[n]``."""
    labels: Array = np.asarray(y)
    if labels.ndim != 1:
        raise InvalidArgument(f"y has the shape {list(labels.shape)}, but labels must be [n]")
    return labels
