"""Partially labeled data, for ``DBN``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from agentlab.data import Arrays, Batch, Batches, split_indices
from agentlab.data.batches import Array
from agentlab.data.raw_inputs import as_numbers
from agentlab.errors import InvalidArgument
from agentlab.runs import derive_seed


class PartlyLabeled:
    """Labeled and unlabeled examples; with ``labeled_only`` set, batches of labeled ones only.

    An epoch always has as many batches as both together.

    Args:
        labeled: the examples with labels.
        more: the unlabeled examples.
    """

    ragged = False

    def __init__(self, labeled: Batches, more: Arrays) -> None:
        first = next(iter(labeled.epoch(labeled.size)))
        inputs = np.concatenate([np.asarray(first.inputs), np.asarray(more.inputs)])
        self._all = Arrays(inputs, np.zeros(len(inputs), np.int32))
        self._labeled, self.size, self.labeled_only = labeled, len(inputs), False

    def count(self, batch: int) -> int:
        """Return the number of batches per epoch."""
        return self._all.count(batch)

    def epoch(self, batch: int, seed: int | None = None) -> Iterator[Batch]:
        """Iterate over all examples, or repeatedly over the labeled ones; see ``Batches``."""
        if not self.labeled_only:
            yield from self._all.epoch(batch, seed)
            return
        left, passes = self.count(batch), 0
        while left:
            again = None if seed is None else derive_seed(seed, passes)
            for one in self._labeled.epoch(batch, again):
                if left:
                    left -= 1
                    yield one
            passes += 1


def class_numbers(y: Any, classes: Sequence[Any], indexed: bool) -> Array:
    """Return class indices, int32 ``[n]``.

    Args:
        y: labels ``[n]``.
        classes: the labels of the classes.
        indexed: whether ``y`` already holds class indices.

    Raises:
        InvalidArgument: for a label that is not a class.
    """
    numbers = {label: i for i, label in enumerate(range(len(classes)) if indexed else classes)}
    labels = np.asarray(y).tolist()
    strange = next((label for label in labels if label not in numbers), None)
    if strange is not None:
        raise InvalidArgument(f"y contains {strange!r}, which is not a class of the training data")
    return np.array([numbers[label] for label in labels], np.int32)


def distinct_classes(y: Any, names: Sequence[Any] | None) -> list[Any]:
    """Return the classes: ``names`` if given, else the distinct labels; empty without labels.

    Raises:
        InvalidArgument: for only one class.
    """
    found = np.unique(np.asarray(y)) if names is None else np.asarray(names)
    classes: list[Any] = [] if y is None and names is None else found.tolist()
    if len(classes) == 1:
        raise InvalidArgument(f"there is only one class, {classes[0]!r}; at least 2 are needed")
    return classes


def split_examples(x: Any, y: Array | None, fraction: float, seed: int) -> tuple[Any, Any, Any]:
    """Split off validation data: return training inputs, validation data and training labels.

    Args:
        x: inputs ``[n, ...]``.
        y: labels ``[n]``; ``None`` for none, so that the validation data are inputs only.
        fraction: fraction of the examples to split off.
        seed: seeds the split.
    """
    rows, held = split_indices(len(x), (1 - fraction, fraction), seed)
    first, second = (
        x.iloc[part] if hasattr(x, "iloc") else as_numbers(x)[part] for part in (rows, held)
    )
    return (first, second, None) if y is None else (first, (second, y[held]), y[rows])
