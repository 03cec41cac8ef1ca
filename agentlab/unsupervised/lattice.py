"""Lattices of units for self-organizing maps: rectangle, hexagon and torus."""

from __future__ import annotations

from typing import Literal

import numpy as np

from agentlab.data.batches import Array

Topology = Literal["rectangle", "hexagon", "torus"]


class Lattice:
    """Units at ``rows`` times ``columns`` positions on a plane or a torus.

    Args:
        topology: ``rectangle``, where a unit has 8 neighbors; ``hexagon``, where every other row is
            shifted by half a unit and a unit has 6 neighbors; ``torus``, a rectangle with periodic
            boundaries.
        rows, columns: the size.

    >>> Lattice("torus", 4, 5).neighbors(0, 19)
    True
    """

    def __init__(self, topology: Topology, rows: int, columns: int) -> None:
        self.topology, self.rows, self.columns = topology, rows, columns
        self.units = rows * columns
        row, column = np.divmod(np.arange(self.units), columns)
        if topology == "hexagon":
            self.places = np.column_stack([row * np.sqrt(0.75), column + 0.5 * (row % 2)])
        else:
            self.places = np.column_stack([row, column]).astype(np.float64)
        if topology == "hexagon":
            between = self.places[:, None] - self.places  # [units, units, 2]
            self._squares = np.square(between).sum(-1).astype(np.float32)
        else:
            self._along = [self._square_gaps(size) for size in (rows, columns)]

    def _square_gaps(self, size: int) -> Array:
        gaps = np.abs(np.arange(size)[:, None] - np.arange(size))
        gaps = np.minimum(gaps, size - gaps) if self.topology == "torus" else gaps
        return np.asarray(np.square(gaps))

    def smooth(self, sums: Array, sigma: float) -> Array:
        """Return sums over all units, weighted by exp(-distance^2 / (2 sigma^2)).

        Args:
            sums: ``[units, k]``.
            sigma: radius of the neighborhood, in units of the lattice.
        """
        if self.topology == "hexagon":
            smoothed: Array = np.exp(self._squares / (-2 * sigma**2)) @ sums
            return smoothed
        # The weight of a rectangle is a product of one for the rows and one for the columns.
        down, across = (np.exp(gaps / (-2 * sigma**2)).astype(sums.dtype) for gaps in self._along)
        grid = (down @ sums.reshape(self.rows, -1)).reshape(self.rows, self.columns, -1)
        return np.asarray((across @ grid).reshape(self.units, -1))

    def neighbors(self, one: Array | int, other: Array | int) -> Array | bool:
        """Return whether units, given by their indices, are neighbors or the same."""
        if self.topology == "hexagon":
            near = np.square(self.places[one] - self.places[other]).sum(-1) < 1.5
        else:
            (row, column), (row2, column2) = (np.divmod(u, self.columns) for u in (one, other))
            near = (self._along[0][row, row2] <= 1) & (self._along[1][column, column2] <= 1)
        return bool(near) if np.ndim(near) == 0 else np.asarray(near)

    def pairs(self) -> Array:
        """Return all pairs of neighbors, indices ``[n, 2]``, the smaller index first."""
        found = []
        for unit in range(self.units):
            later = np.arange(unit + 1, self.units)
            near = later[np.asarray(self.neighbors(np.full(len(later), unit), later))]
            found.append(np.column_stack([np.full(len(near), unit), near]))
        return np.concatenate(found)
