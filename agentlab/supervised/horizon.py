"""Errors of forecasts by step of the horizon and by column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from agentlab.data.series import Values
from agentlab.data.windows import Windows


def errors_by_horizon(forecast: Callable[[Any], Any], windows: Windows) -> tuple[Values, Values]:
    """Return the mean squared errors of a forecast and of the naive one.

    Args:
        forecast: returns tensors ``[b, horizon, columns]`` for pasts ``[b, past, columns]``, both
            normalized.
        windows: the windows to forecast.

    Returns:
        Two arrays, float64 ``[columns, horizon]``, in squared units of the series.
    """
    shape = (windows.horizon, len(windows.usual))
    net, naive = np.zeros(shape), np.zeros(shape)
    for batch in windows.epoch(256):
        future, last, spread = batch.targets
        scale = spread[:, None].astype(np.float64) * windows.unit
        outputs = forecast(batch.inputs).numpy()
        net += np.sum(((outputs - future) * scale) ** 2, axis=0)
        naive += np.sum(((last[:, None] - future) * scale) ** 2, axis=0)
    return net.T / windows.size, naive.T / windows.size


def metrics_by_column(
    names: Sequence[str], forecast: Callable[[Any], Any], windows: Windows
) -> dict[str, float]:
    """Return ``rmse/NAME`` and ``ratio/NAME`` of each column, in the units of the series."""
    metrics: dict[str, float] = {}
    for name, *squares in zip(names, *errors_by_horizon(forecast, windows), strict=True):
        rmse, naive = (float(np.sqrt(square.mean())) for square in squares)
        metrics |= {f"rmse/{name}": rmse, f"ratio/{name}": ratio(rmse, naive)}
    return metrics


def ratio(rmse: float, naive: float) -> float:
    """Return the error relative to that of the naive forecast; NaN if that is zero."""
    return rmse / naive if naive else float("nan")
