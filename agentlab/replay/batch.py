"""Minibatches of transitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(slots=True)
class Batch:
    """A minibatch of transitions. Dict and Tuple spaces give dicts and tuples of arrays.

    Attributes:
        observations: ``[b, ...]``. Stacked frames are ``[b, stack, h, w]`` in memory, so that
            ``np.moveaxis(observations, -1, 1)`` is contiguous and takes no copy.
        actions: ``[b, ...]``, in the dtype of the action space.
        returns: n-step returns: discounted sums of up to ``n_step`` rewards, float32 ``[b]``.
        next_observations: the observations to bootstrap from, which followed the last of these
            rewards, ``[b, ...]``; arbitrary where ``discounts`` is 0.
        discounts: factors of the bootstrapped values, float32 ``[b]``: ``gamma ** m`` after ``m``
            rewards, 0 where the episode terminated.
        weights: importance sampling weights, float32 ``[b]``; 1 if sampling is uniform.
        indices: slots of the transitions, int64 ``[b]``, for ``update_priorities``.
    """

    observations: Any
    actions: Any
    returns: npt.NDArray[np.float32]
    next_observations: Any
    discounts: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    indices: npt.NDArray[np.int64]
