"""An exported file that gives each row the same result, bit for bit, whatever rows are with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from agentlab.deploy.measuring import size_of
from agentlab.deploy.runtimes import LiteRT, open_file
from agentlab.deploy.samples import random_inputs
from agentlab.deploy.signature import Tensors
from agentlab.errors import AgentlabError

# A runtime may compute a row of a batch by other instructions than a single row, with other
# roundings. Only these sizes of batches are run, so that their results can be compared once.
SIZES = (1, 4, 16)
LARGE = 4 << 20  # bytes of a file of which only the smallest and the largest size is opened
COMPARED = 32  # rows that are compared
SHIFTS = (0, 1, 3, 6, 13)  # rows by which batches are shifted to compare a row at several places


class RowRunner:
    """Runs an exported file on any number of rows, in batches of a few fixed sizes.

    When the file is opened, each size is run on random inputs. Sizes whose rows differ from single
    rows are not used: then all rows are run in batches of one size, or one by one.

    Args:
        path: the file, or the folder of a SavedModel.

    Attributes:
        inputs, outputs: its tensors.
        sizes: the sizes of batches, from the smallest to the largest.

    Raises:
        AgentlabError: for a file that cannot be opened, or does not compute one output per row.
    """

    def __init__(self, path: Path) -> None:
        first = open_file(path)
        self.inputs, self.outputs = first.inputs, first.outputs
        self._opened = {1: first}
        is_open = any(None in info.shape[1:] for info in self.inputs)
        sizes: tuple[int, ...] = SIZES[:1] if is_open else SIZES
        if isinstance(first, LiteRT) and size_of(path) > LARGE:
            sizes = sizes[:: max(1, len(sizes) - 1)]  # each interpreter holds the weights
        for size in sizes[1:]:
            # LiteRT allocates its memory anew when the size changes: one interpreter for each.
            self._opened[size] = open_file(path) if isinstance(first, LiteRT) else first
        self.sizes = self._exact_sizes(sizes)
        self._opened = {size: self._opened[size] for size in self.sizes}

    def __call__(self, inputs: Tensors) -> Tensors:
        """Return the outputs ``[n, ...]`` by name for inputs ``[n, ...]`` by name."""
        return self._run(inputs, self.sizes)

    def _run(self, inputs: Tensors, sizes: tuple[int, ...]) -> Tensors:
        n, start = len(next(iter(inputs.values()))), 0
        parts: list[Tensors] = []
        while start < n:
            size = next_size(n - start, sizes)
            part = {k: _padded(v[start : start + size], size) for k, v in inputs.items()}
            outputs = self._opened[size](part)
            rows = min(size, n - start)
            if any(v.ndim == 0 or len(v) != size for v in outputs.values()):
                raise AgentlabError("the file does not compute one output for each input")
            parts.append({name: value[:rows] for name, value in outputs.items()})
            start += size
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _exact_sizes(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """Return the first choice of sizes with which a row's result does not depend on others."""
        largest = sizes[-1]
        rows = random_inputs(self.inputs, COMPARED)
        for choice in (sizes, (largest,), (1,)):
            alone = [
                self._run({k: v[i : i + 1] for k, v in rows.items()}, choice)
                for i in range(COMPARED)
            ]
            expected = {name: np.concatenate([a[name] for a in alone]) for name in alone[0]}
            if all(
                _equal(self._run({k: v[i:] for k, v in rows.items()}, choice), expected, i)
                for i in SHIFTS
            ) and all(
                _equal(
                    self._run({k: v[:size] for k, v in rows.items()}, (size,)),
                    {name: value[:size] for name, value in expected.items()},
                    0,
                )
                for size in choice
            ):
                return choice
        raise AgentlabError("the file's outputs change from one call to the next")


def next_size(rows: int, sizes: tuple[int, ...]) -> int:
    """Return the size of the next batch, which may be more than ``rows``: then it is padded.

    >>> [next_size(rows, (1, 4, 16)) for rows in (1, 2, 3, 4, 8, 9, 100)]
    [1, 1, 4, 4, 4, 16, 16]
    """
    for size in sizes:
        if rows <= size < 2 * rows:
            return size
    return max((size for size in sizes if size <= rows), default=sizes[0])


def _padded(rows: Any, size: int) -> Any:
    if len(rows) == size:
        return rows
    return np.concatenate([rows, np.repeat(rows[-1:], size - len(rows), axis=0)])


def _equal(found: Tensors, expected: Tensors, start: int) -> bool:
    return all(
        np.array_equal(value, expected[name][start:], equal_nan=value.dtype.kind == "f")
        for name, value in found.items()
    )
