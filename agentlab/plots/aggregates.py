"""Interquartile means and bootstrap intervals of several runs (Agarwal et al. 2021, rliable)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
REPETITIONS = 2_000  # bootstrap resamples
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """An estimate and the bounds of its bootstrap interval; arrays of equal shape, or numbers."""

    estimate: Doubles
    low: Doubles
    high: Doubles


def interquartile_mean(scores: Doubles) -> Doubles:
    """Return the mean over the first axis after discarding the lowest and highest quarters.

    A quarter is rounded down to whole scores, as in ``scipy.stats.trim_mean(scores, 0.25)``:
    fewer than four scores are all kept.

    >>> float(interquartile_mean(np.array([0.0, 1.0, 2.0, 3.0, 100.0])))
    2.0
    """
    cut = len(scores) // 4
    kept = np.sort(scores, axis=0)[cut : len(scores) - cut]
    return np.asarray(kept.mean(axis=0))


def bootstrap_interval(strata: Sequence[Doubles], seed: int = 0) -> Interval:
    """Return the interquartile mean of all scores, and its stratified bootstrap interval.

    Runs are drawn with replacement within each stratum, and the bounds are percentiles of
    the means of these resamples: the uncertainty over seeds.

    Args:
        strata: scores of the runs in each task, ``[runs, ...]``; all with the same other axes.
        seed: seed of the resampling.

    Returns:
        A 95 % ``Interval``; its bounds equal the estimate if each task has a single run.
    """
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(REPETITIONS):
        drawn = [scores[rng.integers(len(scores), size=len(scores))] for scores in strata]
        means.append(interquartile_mean(np.concatenate(drawn)))
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.stack(means), [outside, 1 - outside], axis=0)
    return Interval(interquartile_mean(np.concatenate(list(strata))), low, high)
