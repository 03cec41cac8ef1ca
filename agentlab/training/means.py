"""Metrics averaged over batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agentlab.data import Batch

GRAD_NORM = "grad_norm"  # a metric of an update, not of examples: all batches have equal weight


class BatchMeans:
    """Averages the metrics of batches, weighted by the sums of their example weights.

    Args:
        state: a state returned by ``to_json`` to continue from.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {"sums": {}, "weight": 0.0, "count": 0}
        self._sums: dict[str, float] = dict(state["sums"])
        self._weight, self._count = float(state["weight"]), int(state["count"])

    def add(self, metrics: Mapping[str, Any], batch: Batch) -> None:
        """Add the metrics of one batch."""
        weight = float(np.sum(batch.weights))
        self._weight, self._count = self._weight + weight, self._count + 1
        for name, value in metrics.items():
            # Rounding to float32 recovers the exact sum from which the mean was computed.
            total = float(np.float32(float(value) * (1 if name == GRAD_NORM else weight)))
            self._sums[name] = self._sums.get(name, 0.0) + total

    def means(self) -> dict[str, float]:
        """Return the means so far, except the gradient norm."""
        weight = max(self._weight, 1e-9)
        return {name: total / weight for name, total in self._sums.items() if name != GRAD_NORM}

    def grad_norm(self) -> dict[str, float]:
        """Return ``{"grad_norm": mean}``, or an empty dictionary if there is none."""
        if GRAD_NORM not in self._sums:
            return {}
        return {GRAD_NORM: self._sums[GRAD_NORM] / self._count}

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON values, for the constructor."""
        return {"sums": self._sums, "weight": self._weight, "count": self._count}
