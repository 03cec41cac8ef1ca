"""Standardization in float32, as other runtimes compute it, without losing digits."""

from __future__ import annotations

from typing import Any

import numpy as np


def shifted_and_scaled(numbers: Any, shift: Any, scale: Any) -> Any:
    """Return ``(numbers - shift) * scale`` for a float32 tensor, accurate to float32.

    Runtimes for phones have no float64. A shift much larger than the deviation would cancel digits
    in float32, so it is subtracted in two parts, whose sum is the float64 value.

    Args:
        numbers: a float32 tensor ``[n, *shape]``.
        shift: float64, ``[*shape]`` or a shape that broadcasts to it.
        scale: float64, as ``shift``.

    >>> import tensorflow as tf
    >>> shifted_and_scaled(tf.constant([16777218.0]), 16777216.25, 1.0).numpy().tolist()
    [1.75]
    """
    shift, scale = np.asarray(shift, np.float64), np.asarray(scale, np.float64)
    high = shift.astype(np.float32)
    low = ((shift - high) * scale).astype(np.float32)
    # Optimizers of graphs would add both parts if one were subtracted right after the other.
    return (numbers - high) * scale.astype(np.float32) - low
