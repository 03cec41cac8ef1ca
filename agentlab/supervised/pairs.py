"""``Pairs``: pairs of examples of the same class or of different ones, resampled each epoch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from agentlab.data import Arrays, Batch
from agentlab.data.batches import Array

Numbers = npt.NDArray[np.int64]


class Pairs:
    """Each example once per epoch with a random partner, of its own class with probability 1/2.

    The inputs of a batch are two arrays ``[b, ...]``, its targets int32 ``[b]``: 1 if both examples
    are of the same class, else 0.

    Args:
        inputs: examples ``[n, ...]``.
        numbers: class indices, int ``[n]``; if there is only one class, all targets are 1.
        seed: of the pairs of an epoch that is iterated without a seed.
    """

    ragged = False

    def __init__(self, inputs: Array, numbers: Numbers, seed: int = 0) -> None:
        self.inputs, self.size, self.seed = inputs, len(inputs), seed
        self._by_class = np.argsort(numbers, kind="stable")
        counts = np.bincount(numbers)
        self._count = counts[numbers]  # of each example's class, and where in by_class it begins
        self._begin = (np.cumsum(counts) - counts)[numbers]
        self._place = np.empty(self.size, np.int64)
        self._place[self._by_class] = np.arange(self.size)

    def count(self, batch: int) -> int:
        """Return the number of batches per epoch."""
        return -(-self.size // batch)

    def epoch(self, batch: int, seed: int | None = None) -> Iterator[Batch]:
        """Iterate over all examples once; see ``Batches``. Without a seed, pairs do not change."""
        rng = np.random.default_rng(self.seed if seed is None else seed)
        first = rng.permutation(self.size)
        lone = self._count[first] == self.size  # its class is the only one
        same = np.where(lone, 1, np.arange(self.size) % 2)
        second = np.where(same, self._alike(first, rng), self._unlike(first, rng))
        for start in range(0, self.size, batch):
            rows = slice(start, start + batch)
            pair = self.inputs[first[rows]], self.inputs[second[rows]]
            targets = same[rows].astype(np.int32)
            yield Batch(pair, targets, np.ones(len(targets), np.float32))

    def singles(self) -> Arrays:
        """Return the examples one by one."""
        return Arrays(self.inputs, np.zeros(self.size, np.int64))

    def _alike(self, first: Numbers, rng: np.random.Generator) -> Numbers:
        """Sample another example of the same class for each (itself if it is the only one)."""
        count, begin = self._count[first], self._begin[first]
        steps = 1 + rng.integers(np.maximum(count - 1, 1))
        return self._by_class[begin + (self._place[first] - begin + steps) % count]

    def _unlike(self, first: Numbers, rng: np.random.Generator) -> Numbers:
        """Sample an example of another class for each."""
        count, begin = self._count[first], self._begin[first]
        places = rng.integers(np.maximum(self.size - count, 1))
        return self._by_class[(places + np.where(places >= begin, count, 0)) % self.size]
