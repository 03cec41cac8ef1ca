"""Batches: how data reaches a trainer, whether it is in memory or streamed from files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError

Array = npt.NDArray[Any]
ArrayOrTuple = Array | tuple[Array, ...]


class Batch(NamedTuple):
    """A batch of examples.

    Attributes:
        inputs: an array ``[b, ...]``, or several as a tuple.
        targets: likewise.
        weights: float32 ``[b]`` or ``[b, time]``: the sample weights; 0 masks an example or step.
    """

    inputs: ArrayOrTuple
    targets: ArrayOrTuple
    weights: npt.NDArray[np.float32]


class Batches(Protocol):
    """Data that can be iterated over epoch by epoch.

    Attributes:
        size: number of examples per epoch.
        ragged: whether the length of the second axis (time) varies between batches.
    """

    size: int
    ragged: bool

    def count(self, batch: int) -> int:
        """Return the number of batches per epoch."""

    def epoch(self, batch: int, seed: int | None = None) -> Iterator[Batch]:
        """Iterate over all examples once, ``batch`` at a time; the last batch may be smaller.

        Args:
            batch: batch size.
            seed: seed of the shuffling; ``None`` does not shuffle. Equal seeds give equal orders.
        """


class Arrays:
    """Examples in memory, as arrays with a common first axis.

    Args:
        inputs: an array ``[n, ...]``, or several as a tuple.
        targets: likewise.
        weights: float32 ``[n]`` or ``[n, time]``; ``None`` gives every example weight 1.

    Raises:
        AgentlabError: if there are no examples, or the arrays differ in length.

    >>> data = Arrays(np.arange(5.0)[:, None], np.arange(5))
    >>> [batch.targets.tolist() for batch in data.epoch(2)]
    [[0, 1], [2, 3], [4]]
    """

    ragged = False

    def __init__(
        self,
        inputs: ArrayOrTuple,
        targets: ArrayOrTuple,
        weights: npt.NDArray[np.float32] | None = None,
    ) -> None:
        self.size = len(inputs[0] if isinstance(inputs, tuple) else inputs)
        if not self.size:
            raise AgentlabError("there are no examples; at least one is needed")
        if weights is None:
            weights = np.ones(self.size, np.float32)
        self.inputs, self.targets, self.weights = inputs, targets, weights
        for name, array in (("targets", targets), ("weights", weights)):
            for part in array if isinstance(array, tuple) else (array,):
                if len(part) != self.size:
                    raise AgentlabError(
                        f"{name} has {len(part)} rows, but inputs has {self.size}; they must match"
                    )

    def count(self, batch: int) -> int:
        """Return the number of batches per epoch."""
        return -(-self.size // batch)

    def epoch(self, batch: int, seed: int | None = None) -> Iterator[Batch]:
        """Iterate over all examples once; see ``Batches``."""
        order = None if seed is None else np.random.default_rng(seed).permutation(self.size)
        for start in range(0, self.size, batch):
            chosen = slice(start, start + batch) if order is None else order[start : start + batch]
            yield Batch(
                _rows(self.inputs, chosen), _rows(self.targets, chosen), self.weights[chosen]
            )


def _rows(arrays: ArrayOrTuple, chosen: Any) -> ArrayOrTuple:
    if isinstance(arrays, tuple):
        return tuple(array[chosen] for array in arrays)
    chosen_rows: Array = arrays[chosen]
    return chosen_rows


def index_batches(n: int, batch: int, seed: int | None) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the indices of an epoch's batches, shuffled if there is a seed; see ``Batches``.

    >>> [indices.tolist() for indices in index_batches(5, 2, None)]
    [[0, 1], [2, 3], [4]]
    """
    order = np.arange(n) if seed is None else np.random.default_rng(seed).permutation(n)
    for start in range(0, n, batch):
        yield order[start : start + batch]


def evenly_spaced(n: int, count: int) -> npt.NDArray[np.int64]:
    """Return at most ``count`` indices spread evenly over ``n`` examples, which may be sorted.

    >>> evenly_spaced(100, 4).tolist()
    [0, 33, 66, 99]
    """
    return np.linspace(0, n - 1, min(n, count)).astype(np.int64)


def split_indices(n: int, fractions: Sequence[float], seed: int) -> list[npt.NDArray[np.int64]]:
    """Split ``n`` examples at random.

    Args:
        n: number of examples.
        fractions: the fraction of each split; they sum to 1. A split with a fraction above 0 has
            at least one example.
        seed: of the random split.

    Returns:
        The indices of the examples, a sorted array for each split.

    Raises:
        AgentlabError: if the fractions do not sum to 1, or there are fewer examples than splits.

    >>> [len(rows) for rows in split_indices(10, (0.7, 0.1, 0.2), seed=0)]
    [7, 1, 2]
    """
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-9:
        raise AgentlabError(f"fractions={tuple(fractions)} must not be negative and must sum to 1")
    wanted = sum(fraction > 0 for fraction in fractions)
    if n < wanted:
        raise AgentlabError(f"{n} examples are too few for {wanted} splits")
    sizes = np.diff(np.rint(n * np.cumsum([0, *fractions])).astype(np.int64))
    for part in np.flatnonzero((np.asarray(fractions) > 0) & (sizes == 0)):
        sizes[sizes.argmax()] -= 1
        sizes[part] = 1
    order = np.random.default_rng(seed).permutation(n)
    return [np.sort(part) for part in np.split(order, np.cumsum(sizes)[:-1])]
