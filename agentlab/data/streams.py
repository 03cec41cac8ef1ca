"""A long sequence read in parallel streams, so that a net can remember what came before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from agentlab.data.batches import Batch
from agentlab.errors import AgentlabError

Ids = npt.NDArray[np.int32]


class Streams:
    """A sequence cut into equal streams, whose windows follow each other from batch to batch.

    Inputs of a batch are ``(ids, begins)``, int32 and bool ``[streams, length]``, where ``begins``
    marks what follows on nothing; targets are the ids one further on, and weights 0 where there
    are none left. Row ``i`` of a batch goes on where row ``i`` of the last batch ended, as
    truncated backpropagation through time wants (Williams & Peng 1990).

    Args:
        ids: the sequence.
        streams: how many are read side by side; fewer where the sequence is short.
        length: ids of a window.

    Raises:
        AgentlabError: for a sequence of less than two windows.
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
        """Return how many batches an epoch has, whatever ``batch`` is."""
        return self.windows

    def epoch(self, batch: int, seed: int | None = None) -> Iterator[Batch]:
        """Go through the sequence once, ``streams`` windows at a time.

        With a seed a random number of ids, less than a window, are left out at the beginning, and
        others at the end, so that windows begin elsewhere in every epoch. Without one nothing is
        left out.
        """
        if seed is None:
            yield from self._whole()
            return
        offset = int(np.random.default_rng(seed).integers(self.length + 1))
        each = self.windows * self.length
        begins = offset + each * np.arange(self.streams)[:, None]
        weights = np.ones((self.streams, self.length), np.float32)
        for window in range(self.windows):
            places = begins + window * self.length + np.arange(self.length)
            fresh = np.zeros(places.shape, np.bool_)
            fresh[:, 0] = window == 0
            yield Batch((self.ids[places], fresh), self.ids[places + 1], weights)

    def _whole(self) -> Iterator[Batch]:
        """Go through all of it; what fills up the last windows has no weight."""
        last = len(self.ids) - 1
        each = -(-last // self.streams)
        begins = each * np.arange(self.streams)[:, None]
        for start in range(0, each, self.length):
            steps = start + np.arange(self.length)
            places = begins + steps
            weights = (steps < each) & (places < last)
            places = np.minimum(places, last - 1)
            fresh = np.zeros(places.shape, np.bool_)
            fresh[:, 0] = start == 0
            yield Batch((self.ids[places], fresh), self.ids[places + 1], weights.astype(np.float32))
