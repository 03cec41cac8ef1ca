"""Whether a line parts two classes."""

from __future__ import annotations

import numpy as np

from agentlab.data.batches import Array


def common_point(inputs: Array, targets: Array) -> Array | None:
    """Find a point that is a weighted mean of examples of each of two classes.

    It would lie on both sides of a line that parts the classes; so there is no such line if and
    only if there is such a point (Kirchberger 1903).

    Args:
        inputs: float ``[n, d]``.
        targets: 0 or 1, ``[n]``; both occur.

    Returns:
        Each example's weight in its class' mean, ``[n]``, most of them 0. ``None`` where there is
        no such point, or none was found.
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
