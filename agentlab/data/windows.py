"""``Windows`` of time series: the past, and the future to be forecast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from agentlab.data.batches import Batch, index_batches
from agentlab.data.series import Values


class Targets(NamedTuple):
    """The targets of a batch of windows.

    Attributes:
        future: normalized like the past, float32 ``[b, horizon, columns]``.
        last: the last values of the past, the naive forecast, float32 ``[b, columns]``.
        spread: factors that convert normalized errors to the units of the series, divided by
            ``Windows.unit``, float32 ``[b, columns]``.
    """

    future: Any
    last: Any
    spread: Any


class Windows:
    """All windows of ``past + horizon`` rows, as ``Batches`` of past and ``Targets``.

    Each window is normalized by the mean and standard deviation of its past, column by column.

    Args:
        values: float64 ``[time, columns]``, at least ``past + horizon`` rows.
        past: number of rows of the past.
        horizon: number of rows to forecast.
        usual: float64 ``[columns]``, the standard deviation for a constant past.

    >>> windows = Windows(np.arange(6.0)[:, None], past=3, horizon=2, usual=np.ones(1))
    >>> windows.size, windows.rows([1])[0, :, 0].tolist()
    (2, [1.0, 2.0, 3.0, 4.0, 5.0])
    """

    ragged = False

    def __init__(self, values: Values, past: int, horizon: int, usual: Values) -> None:
        self.values, self.past, self.horizon, self.usual = values, past, horizon, usual
        self.unit = float(usual.max())
        self.size = len(values) - past - horizon + 1

    def count(self, batch: int) -> int:
        """Return the number of batches per epoch."""
        return -(-self.size // batch)

    def epoch(self, batch: int, seed: int | None = None) -> Iterator[Batch]:
        """Iterate over all windows once; see ``Batches``."""
        for numbers in index_batches(self.size, batch, seed):
            rows = self.rows(numbers)
            mean, std = normalization(rows[:, : self.past], self.usual)
            inputs, future = np.split(
                ((rows - mean[:, None]) / std[:, None]).astype(np.float32), [self.past], axis=1
            )
            targets = Targets(future, inputs[:, -1], (std / self.unit).astype(np.float32))
            yield Batch(inputs, targets, np.ones(len(rows), np.float32))

    def rows(self, numbers: Any) -> Values:
        """Return the windows at some indices, unscaled: float64 ``[n, rows, columns]``."""
        offsets = np.arange(self.past + self.horizon)
        return self.values[np.asarray(numbers)[:, None] + offsets]


def normalization(pasts: Values, usual: Values) -> tuple[Values, Values]:
    """Return mean and deviation of each past ``[n, past, columns]``, float64 ``[n, columns]``.

    The deviation of a constant past is ``usual``, float64 ``[columns]``; its normalized values are
    always zero.
    """
    mean, std = pasts.mean(axis=1), pasts.std(axis=1)
    return mean, np.where(std > 1e-12 * np.abs(mean), std, usual)
