"""``Streams``: a long sequence in parallel streams, for truncated backpropagation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from agentlab.data.batches import Batch
from agentlab.errors import AgentlabError

Ids = npt.NDArray[np.int32]


class Streams:
    """A sequence cut into equal streams, whose windows continue from batch to batch.

    The inputs of a batch are ``(ids, starts)``, int32 and bool ``[streams, length]``, where
    ``starts`` marks the first id of a stream, at which recurrent states are reset. The targets are
    the next ids, with weight 0 if there is none. Row ``i`` of a batch continues row ``i`` of the
    previous batch, for truncated backpropagation through time (Williams & Peng 1990).

    Args:
        ids: the sequence.
        streams: number of parallel streams; fewer if the sequence is short.
        length: ids per window.

    Raises:
        AgentlabError: for a sequence shorter than two windows.

    >>> streams = Streams(np.arange(9, dtype=np.int32), streams=2, length=2)
    >>> [batch.inputs[0].tolist() for batch in streams.epoch(2)]
    [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]
    """

    ragged = False

    def __init__(self, ids: Ids, streams: int, length: int) -> None:
        if len(ids) < 2 * length + 1:
            raise AgentlabError(
                f"the text has {len(ids):,} tokens, but length={length} needs {2 * length + 1}"
            )
        self.ids, self.length = ids, length
        self.streams = min(streams, (len(ids) - 1 - length) // length)
        self.windows = (len(ids) - 1 - length) // (self.streams * length)
        self.size = self.windows * self.streams

    def count(self, batch: int) -> int:
        """Return the number of batches per epoch, whatever ``batch`` is."""
        return self.windows

    def epoch(self, batch: int, seed: int | None = None) -> Iterator[Batch]:
        """Iterate over the sequence once, ``streams`` windows at a time.

        A seed skips a random number of ids, up to a window, at the beginning, and the rest of a
        window at the end, so that windows differ between epochs. Without a seed, nothing is
        skipped.
        """
        if seed is None:
            yield from self._whole()
            return
        offset = int(np.random.default_rng(seed).integers(self.length + 1))
        each = self.windows * self.length
        firsts = offset + each * np.arange(self.streams)[:, None]
        weights = np.ones((self.streams, self.length), np.float32)
        for window in range(self.windows):
            places = firsts + window * self.length + np.arange(self.length)
            starts = np.zeros(places.shape, np.bool_)
            starts[:, 0] = window == 0
            yield Batch((self.ids[places], starts), self.ids[places + 1], weights)

    def _whole(self) -> Iterator[Batch]:
        """Iterate over all ids; padding of the last windows has weight 0."""
        last = len(self.ids) - 1
        each = -(-last // self.streams)
        firsts = each * np.arange(self.streams)[:, None]
        for start in range(0, each, self.length):
            steps = start + np.arange(self.length)
            places = firsts + steps
            weights = (steps < each) & (places < last)
            places = np.minimum(places, last - 1)
            starts = np.zeros(places.shape, np.bool_)
            starts[:, 0] = start == 0
            yield Batch(
                (self.ids[places], starts), self.ids[places + 1], weights.astype(np.float32)
            )
