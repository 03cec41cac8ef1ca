"""Linear separability of two classes."""

from __future__ import annotations

import numpy as np

from agentlab.data.batches import Array


def common_point(inputs: Array, targets: Array) -> Array | None:
    """Find a point in the convex hulls of both classes.

    The classes are linearly separable if and only if there is no such point (Kirchberger 1903).

    Args:
        inputs: float ``[n, d]``.
        targets: 0 or 1, ``[n]``; both occur.

    Returns:
        The weights of the point as a convex combination of the examples of each class, ``[n]``,
        most of them 0; ``None`` if there is no such point or none was found.
    """
    from scipy.optimize import linprog

    first = targets == 0
    size = np.abs(inputs).max(axis=0)
    rows = inputs / np.where(size > 0, size, 1)
    means_differ_by = np.where(first, 1, -1) * rows.T
    conditions = np.vstack([means_differ_by, first, ~first])
    values = np.append(np.zeros(inputs.shape[1]), [1, 1])
    found = linprog(np.zeros(len(rows)), A_eq=conditions, b_eq=values, method="highs")
    return np.asarray(found.x) if found.success else None
