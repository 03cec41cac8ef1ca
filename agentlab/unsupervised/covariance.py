"""Principal components, from blocks of rows or from a few rows in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from agentlab.data.batches import Array


class Analysis(NamedTuple):
    """Principal components.

    Attributes:
        mean: float64 ``[inputs]``.
        components: directions in order of decreasing variance, ``[k, inputs]``.
        variances: along the components, ``[k]``.
        column_variances: ``[inputs]``.
    """

    mean: Array
    components: Array
    variances: Array
    column_variances: Array


def diagonalize(blocks: Iterable[Array], largest: int | None = None) -> Analysis:
    """Analyze data with more rows than columns: accumulate the covariance matrix over blocks.

    Args:
        blocks: float64 ``[b, inputs]``.
        largest: number of components; ``None`` for all.
    """
    from scipy.linalg import blas, eigh

    shift: Any = None
    total: Any = 0.0
    product: Any = None
    count = 0
    for block in blocks:
        shift = block.mean(0) if shift is None else shift  # a large mean would lose precision
        block = block - shift
        total, count = total + block.sum(0), count + len(block)
        product = blas.dsyrk(1.0, block.T, c=product, beta=1.0, overwrite_c=product is not None)
    product = np.triu(product) + np.triu(product, 1).T
    mean = total / count
    covariance = (product - count * np.outer(mean, mean)) / (count - 1)
    first = 0 if largest is None else len(mean) - largest
    values, vectors = eigh(covariance, subset_by_index=[first, len(mean) - 1])
    return Analysis(shift + mean, vectors.T[::-1], values[::-1].clip(0), np.diag(covariance))


def decompose(rows: Array) -> Analysis:
    """Analyze data with at most as many rows as columns, by scikit-learn's SVD."""
    from sklearn import decomposition

    variance = rows.var(0, ddof=1)
    if not variance.any():
        return Analysis(rows.mean(0), np.zeros((1, rows.shape[1])), np.zeros(1), variance)
    found = decomposition.PCA(svd_solver="full").fit(rows)
    return Analysis(found.mean_, found.components_, found.explained_variance_, variance)
