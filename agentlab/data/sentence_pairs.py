"""``SentencePairs``: sentences and their translations, as batches of ids."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from agentlab.data.batches import Batch
from agentlab.data.subwords import START
from agentlab.data.vocabulary import PADDING, Ids

Order = npt.NDArray[np.int64]


class SentencePairs:
    """Pairs of sentences as ids, batched by similar lengths to reduce padding.

    The inputs of a batch are the source ids, and the target ids shifted right after the start
    token; its targets are the target ids, with weight 0 on padding.

    Args:
        sources: int32 ``[n, source_time]``, padded with 0.
        targets: int32 ``[n, target_time]``.
    """

    ragged = True

    def __init__(self, sources: Ids, targets: Ids) -> None:
        self.sources, self.targets, self.size = sources, targets, len(sources)
        self._lengths = (targets != PADDING).sum(axis=1), (sources != PADDING).sum(axis=1)

    def by_length(self) -> SentencePairs:
        """Return the same pairs sorted by length, shortest first."""
        order = self._sorted(np.arange(self.size))
        return SentencePairs(self.sources[order], self.targets[order])

    def count(self, batch: int) -> int:
        """Return the number of batches per epoch."""
        return -(-self.size // batch)

    def epoch(self, batch: int, seed: int | None = None) -> Iterator[Batch]:
        """Iterate over all pairs once; see ``Batches``.

        A seed shuffles both the pairs of equal length and the batches.
        """
        order = np.arange(self.size)
        batches = np.arange(self.count(batch))
        if seed is not None:
            rng = np.random.default_rng(seed)
            order = self._sorted(rng.permutation(self.size))
            rng.shuffle(batches)
        for number in batches:
            rows = order[number * batch : (number + 1) * batch]
            target_time, source_time = (length[rows].max() for length in self._lengths)
            targets = self.targets[rows, :target_time]
            shifted = np.pad(targets[:, :-1], ((0, 0), (1, 0)), constant_values=START)
            sources = self.sources[rows, :source_time]
            yield Batch((sources, shifted), targets, (targets != PADDING).astype(np.float32))

    def _sorted(self, order: Order) -> Order:
        target, source = (length[order] for length in self._lengths)
        return order[np.lexsort((source, target))]
