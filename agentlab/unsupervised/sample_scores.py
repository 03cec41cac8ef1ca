"""Scores of generated samples: the distribution of their features against real examples'."""

from __future__ import annotations

import numpy as np

from agentlab.data.batches import Array

NEIGHBORS = 3  # k: the k-th neighbor's distance is an example's radius (Kynkaanniemi et al. 2019)
MOST = 2000  # examples for the scores that compare all pairs


def frechet_distance(real: Array, generated: Array) -> float:
    """Return the Frechet distance between two normal distributions (Heusel et al. 2017).

    Args:
        real: features, float ``[n, d]``.
        generated: features, float ``[m, d]``.

    Returns:
        ``|mean difference|^2 + trace(A + B - 2 sqrt(A B))`` of the covariances ``A`` and ``B``.

    >>> x = np.random.default_rng(0).normal(size=(5000, 2))
    >>> round(frechet_distance(x, x), 6), round(frechet_distance(x, x + [3, 0]), 3)
    (0.0, 9.0)
    """
    real, generated = real.astype(np.float64), generated.astype(np.float64)
    difference = real.mean(0) - generated.mean(0)
    first, second = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (real, generated))
    root = _root(first)
    # sqrt(A B) has the eigenvalues of sqrt(sqrt(A) B sqrt(A)), which is symmetric.
    values = np.linalg.eigvalsh(root @ second @ root)
    crossed = np.sqrt(np.clip(values, 0, None)).sum()
    distance = difference @ difference + np.trace(first) + np.trace(second) - 2 * crossed
    return float(max(distance, 0.0))


def kernel_distance(real: Array, generated: Array) -> float:
    """Return the unbiased squared maximum mean discrepancy (Binkowski et al. 2018).

    The kernel is ``(x y / d + 1)^3``. The expected value for equal distributions is 0, so that it
    can be slightly negative.

    Args:
        real: features, float ``[n, d]``, of which the first 2,000 are used.
        generated: likewise, ``[m, d]``.
    """
    x, y = (part[:MOST].astype(np.float64) for part in (real, generated))
    within = [_kernel(part, part) for part in (x, y)]
    means = [(k.sum() - np.trace(k)) / max(len(k) * (len(k) - 1), 1) for k in within]
    return float(means[0] + means[1] - 2 * _kernel(x, y).mean())


def precision_recall(real: Array, generated: Array) -> tuple[float, float]:
    """Return precision and recall: the fractions of realistic samples, and of covered examples.

    A sample is realistic (and a real example covered) if it is closer to some example of the other
    set than that example's third-nearest neighbor (Kynkaanniemi et al. 2019).

    Args:
        real: features, float ``[n, d]``, of which the first 2,000 are used.
        generated: likewise, ``[m, d]``.

    >>> x = np.random.default_rng(0).normal(size=(300, 2))
    >>> precision, recall = precision_recall(x, 0.01 * x)
    >>> precision > 0.9, recall < 0.1
    (True, True)
    """
    x, y = real[:MOST].astype(np.float64), generated[:MOST].astype(np.float64)
    between = _squared_distances(x, y)  # [n, m]
    radius = [_radius(part)[:, None] for part in (x, y)]
    precision = (between <= radius[0]).any(0).mean()
    recall = (radius[1] >= between.T).any(0).mean()
    return float(precision), float(recall)


def diversity(real: Array, generated: Array) -> float:
    """Return the mean distance between samples divided by that between real examples.

    It is near 1 for a good generator, and near 0 after mode collapse.
    """
    spread = [
        float(np.sqrt(_squared_distances(part[: len(part) // 2], part[len(part) // 2 :])).mean())
        for part in (real[:MOST].astype(np.float64), generated[:MOST].astype(np.float64))
    ]
    return spread[1] / max(spread[0], 1e-12)


def sample_scores(real: Array, generated: Array) -> dict[str, float]:
    """Return all scores of generated features against real ones, by name."""
    precision, recall = precision_recall(real, generated)
    return {
        "frechet": frechet_distance(real, generated),
        "kernel": kernel_distance(real, generated),
        "precision": precision,
        "recall": recall,
        "diversity": diversity(real, generated),
    }


def _root(matrix: Array) -> Array:
    """Return the square root of a symmetric positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T)


def _kernel(x: Array, y: Array) -> Array:
    return np.asarray((x @ y.T / x.shape[1] + 1) ** 3)


def _radius(x: Array) -> Array:
    """Return the squared distance of each example to its third-nearest neighbor, ``[n]``."""
    k = min(NEIGHBORS, len(x) - 1)
    return np.asarray(np.partition(_squared_distances(x, x), k, axis=1)[:, k])  # itself is first


def _squared_distances(x: Array, y: Array) -> Array:
    squared = np.square(x).sum(1)[:, None] + np.square(y).sum(1) - 2 * x @ y.T
    return np.asarray(np.clip(squared, 0, None))
