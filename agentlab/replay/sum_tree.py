"""A sum tree, to sample indices in proportion to values that change."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.errors import InvalidArgument


class SumTree:
    """A binary tree over ``size`` nonnegative values, initially 0, whose nodes hold their sums.

    Schaul et al. 2016, "Prioritized Experience Replay", appendix B.2.1. Each node is recomputed
    from its two children when a value changes, so rounding errors do not accumulate and the sums
    depend only on the values.

    Args:
        size: number of values.

    Raises:
        InvalidArgument: for a size below 1.

    >>> tree = SumTree(4)
    >>> tree.update([0, 1, 3], [1.0, 2.0, 5.0])
    >>> tree.total
    8.0
    >>> tree.find([0.5, 2.9, 3.0])
    array([0, 1, 3])
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise InvalidArgument(f"size={size} must be 1 or more")
        self.size = size
        self._first_leaf = 1 << (size - 1).bit_length()  # node of value 0; the root is node 1
        self._nodes = np.zeros(2 * self._first_leaf)

    @property
    def total(self) -> float:
        """The sum of all values."""
        return float(self._nodes[1])

    @property
    def nbytes(self) -> int:
        """Bytes of memory used."""
        return self._nodes.nbytes

    def values(self, indices: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the values at ``indices``, in the shape of ``indices``."""
        values: npt.NDArray[np.float64] = self._nodes[self._nodes_of(indices)]
        return values

    def update(self, indices: npt.ArrayLike, values: npt.ArrayLike) -> None:
        """Set the values at ``indices``; if an index is repeated, its last value counts.

        Args:
            indices: integers ``[k]`` from 0 to ``size - 1``.
            values: finite nonnegative numbers, ``[k]`` or a scalar.

        Raises:
            InvalidArgument: for an index or a value out of range.
        """
        nodes = self._nodes_of(indices)
        new = np.asarray(values, np.float64)
        if not ((new >= 0) & (new < np.inf)).all():
            raise InvalidArgument(f"values={values!r} must be finite and 0 or more")
        self._nodes[nodes] = new
        for _ in range(self._first_leaf.bit_length() - 1):
            nodes = nodes >> 1
            children = nodes << 1
            self._nodes[nodes] = self._nodes[children] + self._nodes[children + 1]

    def find(self, masses: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return where the cumulative sum of the values first exceeds each of ``masses``.

        An index whose value is 0 is never returned: masses out of range, due to rounding, give the
        nearest index with a positive value.

        Args:
            masses: ``[k]``, from 0 to ``total``.

        Returns:
            Indices, int64 ``[k]``.

        Raises:
            InvalidArgument: if all values are 0.
        """
        if not self._nodes[1] > 0:
            raise InvalidArgument("cannot sample from a SumTree whose values are all 0")
        remaining = np.maximum(np.asarray(masses, np.float64), 0.0)
        nodes = np.ones(remaining.shape, np.int64)
        for _ in range(self._first_leaf.bit_length() - 1):
            children = nodes << 1
            left = self._nodes[children]
            # A positive node has a positive child; choose one, whatever the rounding errors.
            right = (remaining >= left) & (self._nodes[children + 1] > 0)
            remaining = remaining - left * right
            nodes = children + right
        return nodes - self._first_leaf

    def _nodes_of(self, indices: npt.ArrayLike) -> npt.NDArray[Any]:
        checked = np.asarray(indices, np.int64)
        if checked.size and not (checked.min() >= 0 and checked.max() < self.size):
            raise InvalidArgument(f"indices={indices!r} must be from 0 to {self.size - 1}")
        return checked + self._first_leaf
