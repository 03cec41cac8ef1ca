"""Weights of examples by the frequency of their class, and whether a class is rare."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from agentlab.data import Batch, Batches
from agentlab.data.batches import Array
from agentlab.data.target_column import RARE


class Weighted:
    """``Batches`` whose weights are multiplied by a weight of each class.

    Args:
        batches: batches whose targets are class indices.
        by_class: float32 ``[classes]``.
    """

    def __init__(self, batches: Batches, by_class: Array) -> None:
        self.size, self.ragged = batches.size, batches.ragged
        self._batches, self._by_class = batches, by_class

    def count(self, batch: int) -> int:
        """Return the number of batches per epoch."""
        return self._batches.count(batch)

    def epoch(self, batch: int, seed: int | None = None) -> Iterator[Batch]:
        """Iterate over all examples once; see ``Batches``."""
        for inputs, targets, weights in self._batches.epoch(batch, seed):
            yield Batch(inputs, targets, weights * self._by_class[targets])


def balanced_weights(counts: Array) -> Array:
    """Return weights that give all classes the same total weight, float32 ``[classes]``.

    >>> balanced_weights(np.array([30, 10])).tolist()
    [0.6666666865348816, 2.0]
    """
    weights = counts.sum() / (len(counts) * np.maximum(counts, 1))
    return np.asarray(weights, np.float32)


def has_rare(counts: Array) -> bool:
    """Return whether a class is so rare that accuracy is misleading.

    >>> has_rare(np.array([99, 1])), has_rare(np.array([70, 30]))
    (True, False)
    """
    known = counts[counts > 0]
    return bool(known.min() * len(known) < RARE * known.sum())


def class_counts(batches: Batches, classes: int) -> Array:
    """Return the number of examples of each class, int64 ``[classes]``."""
    labels = getattr(batches, "targets", None)  # if available, no inputs are decoded
    parts = [labels] if labels is not None else [b.targets for b in batches.epoch(4096)]
    counts = [np.bincount(np.asarray(part), minlength=classes) for part in parts]
    return np.asarray(np.sum(counts, axis=0))
