"""A binary tree of sums, to draw indices in proportion to values that change."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError


class SumTree:
    """``size`` values of 0 or more, all 0 at first, and the sums over them.

    Schaul et al. 2016, "Prioritized Experience Replay", appendix B.2.1. Every node is the sum of
    its two children, recomputed from them at each change, so that rounding errors never add up
    and the sums depend on nothing but the values.

    Args:
        size: how many values.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise AgentlabError(f"size={size} must be 1 or more")
        self.size = size
        self._first = 1 << (size - 1).bit_length()  # the node of value 0; the root is node 1
        self._nodes = np.zeros(2 * self._first)

    @property
    def total(self) -> float:
        """The sum of all values."""
        return float(self._nodes[1])

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return self._nodes.nbytes

    def values(self, indices: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the values at ``indices``, in the shape of these."""
        values: npt.NDArray[np.float64] = self._nodes[self._nodes_of(indices)]
        return values

    def update(self, indices: npt.ArrayLike, values: npt.ArrayLike) -> None:
        """Set the values at ``indices``; of an index that comes twice the last value holds.

        Args:
            indices: integers ``[k]`` from 0 to ``size - 1``.
            values: finite numbers of 0 or more, ``[k]`` or one for all.

        Raises:
            AgentlabError: for an index or a value out of range.
        """
        nodes = self._nodes_of(indices)
        numbers = np.asarray(values, np.float64)
        if not ((numbers >= 0) & (numbers < np.inf)).all():
            raise AgentlabError(f"values={values!r} must be finite numbers of 0 or more")
        self._nodes[nodes] = numbers
        for _ in range(self._first.bit_length() - 1):
            nodes = nodes >> 1
            children = nodes << 1
            self._nodes[nodes] = self._nodes[children] + self._nodes[children + 1]

    def find(self, masses: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return where the running sum of the values first exceeds each of ``masses``.

        An index whose value is 0 is never returned: masses beyond the edges, as rounding makes
        them, give the nearest index that has one.

        Args:
            masses: ``[k]``, from 0 to ``total``.

        Returns:
            Indices, int64 ``[k]``.

        Raises:
            AgentlabError: where all values are 0.
        """
        if not self._nodes[1] > 0:
            raise AgentlabError("nothing can be found in a SumTree whose values are all 0")
        left_over = np.maximum(np.asarray(masses, np.float64), 0.0)
        nodes = np.ones(left_over.shape, np.int64)
        for _ in range(self._first.bit_length() - 1):
            children = nodes << 1
            left = self._nodes[children]
            # A node above 0 has a child above 0; this takes one that is, whatever the rounding.
            right = (left_over >= left) & (self._nodes[children + 1] > 0)
            left_over = left_over - left * right
            nodes = children + right
        return nodes - self._first

    def _nodes_of(self, indices: npt.ArrayLike) -> npt.NDArray[Any]:
        whole = np.asarray(indices, np.int64)
        if whole.size and not (whole.min() >= 0 and whole.max() < self.size):
            raise AgentlabError(f"indices={indices!r} must be from 0 to {self.size - 1}")
        return whole + self._first
