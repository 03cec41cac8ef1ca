"""The confusion matrix of a classifier, and precision, recall and F1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agentlab.data.batches import Array

SHOWN = 12  # most classes for which the confusion matrix is printed
LISTED = 30  # most classes for which precision and recall are printed


def confusion(true: Array, predicted: Array, classes: int) -> Array:
    """Return how often each class (row) is predicted as each class (column), int64."""
    counts = np.bincount(true * classes + predicted, minlength=classes**2)
    return counts.reshape(classes, classes)


def scores(matrix: Array) -> tuple[Array, Array, Array]:
    """Return precision, recall and F1 of each class, 0 where they are not defined.

    >>> [part.round(2).tolist() for part in scores(np.array([[8, 2], [0, 2]]))]
    [[1.0, 0.5], [0.8, 1.0], [0.89, 0.67]]
    """
    right = np.diag(matrix).astype(np.float64)
    precision = right / np.maximum(matrix.sum(axis=0), 1)
    recall = right / np.maximum(matrix.sum(axis=1), 1)
    return precision, recall, 2 * precision * recall / np.maximum(precision + recall, 1e-12)


def balanced_metrics(matrix: Array) -> dict[str, float]:
    """Return the means over the classes that occur: ``balanced_accuracy`` (of recall), ``f1``."""
    occur = matrix.sum(axis=1) > 0
    _, recall, f1 = scores(matrix)
    return {
        "balanced_accuracy": float(recall[occur].mean()),
        "f1": float(f1[occur].mean()),
    }


def say_confusion(matrix: Array, names: Sequence[str]) -> list[str]:
    """Return precision, recall and F1 by class, and the confusion matrix if small."""
    width = max(5, *(len(name) for name in names[:LISTED]))
    lines = [f"{'class':<{width}}  precision  recall     f1   rows"]
    parts = zip(names, *scores(matrix), matrix.sum(axis=1).tolist(), strict=True)
    for name, precision, recall, f1, rows in list(parts)[:LISTED]:
        lines.append(f"{name:<{width}}  {precision:9.3f}  {recall:6.3f}  {f1:5.3f}  {rows:5,}")
    if len(names) > LISTED:
        lines.append(f"... and {len(names) - LISTED:,} more classes")
    if len(names) <= SHOWN:
        cell = max(6, *(len(name) for name in names)) + 1
        lines.append("confusion matrix (rows: true, columns: predicted)")
        lines.append(" " * width + "".join(f"{name:>{cell}}" for name in names))
        for name, row in zip(names, matrix.tolist(), strict=True):
            lines.append(f"{name:<{width}}" + "".join(f"{count:>{cell},}" for count in row))
    return lines
