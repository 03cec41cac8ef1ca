"""Products with sparse observations, such as difference frames of Pong.

A row of 12,800 pixels with 60 ones in it times a kernel ``[12800, 200]`` is a sum of 60 of the
kernel's rows: two hundred times less work than the dense product, with the same result.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agentlab.lazy import tf


class SparseRows(NamedTuple):
    """A matrix ``[n, d]`` of -1, 0 and 1, given by the indices of its nonzeros.

    The indices are stored twice, sorted by row for the product and by column for its gradient,
    since a sum over sorted segments is ten times faster than a scatter. A -1 in column ``c`` is
    stored as column ``c + d``. All fields are int32 ``[nonzeros]``, ``num_rows`` is an int32.
    """

    rows: Any
    columns: Any
    rows_by_column: Any
    columns_sorted: Any
    num_rows: Any


def sparse_rows(matrix: npt.NDArray[Any]) -> SparseRows:
    """Convert a matrix ``[n, ...]`` of -1, 0 and 1 (int8, uint8 or bool) to ``SparseRows``.

    >>> sparse_rows(np.array([[0, 1, 0], [1, 0, 1]], np.uint8)).columns
    array([1, 0, 2], dtype=int32)
    """
    n, d = len(matrix), int(np.prod(matrix.shape[1:]))
    flat = np.ascontiguousarray(matrix).reshape(-1)
    nonzeros = _nonzero_bytes(flat)
    rows, columns = np.divmod(nonzeros, d)
    if flat.dtype == np.int8:
        columns += d * (flat[nonzeros] < 0)
    order = np.argsort(columns.astype(np.uint16 if d < 2**15 else np.uint32), kind="stable")
    as_int = np.int32
    return SparseRows(
        rows.astype(as_int),
        columns.astype(as_int),
        rows[order].astype(as_int),
        columns[order].astype(as_int),
        as_int(n),
    )


def _nonzero_bytes(flat: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return ``np.flatnonzero`` of bytes, skipping zeros eight at a time."""
    whole = len(flat) // 8 * 8
    words = flat[:whole].view(np.uint64)
    nonzero_words = np.flatnonzero(words)
    word, byte = np.nonzero(words[nonzero_words].view(np.uint8).reshape(-1, 8))
    return np.concatenate((nonzero_words[word] * 8 + byte, whole + np.flatnonzero(flat[whole:])))


def sparse_matmul(matrix: SparseRows, kernel: Any, signed: bool = False) -> Any:
    """Multiply ``matrix [n, d]`` with ``kernel`` (float32 ``[d, units]``); differentiable in it.

    Args:
        matrix: the result of ``sparse_rows``.
        kernel: float32 ``[d, units]``.
        signed: whether ``matrix`` may contain -1.

    Returns:
        float32 ``[n, units]``.
    """
    if signed:
        kernel = tf.concat([kernel, -kernel], axis=0)

    @tf.custom_gradient
    def product(kernel: Any) -> Any:
        def gradient(upstream: Any) -> Any:
            return tf.raw_ops.SparseSegmentSumWithNumSegments(
                data=upstream,
                indices=matrix.rows_by_column,
                segment_ids=matrix.columns_sorted,
                num_segments=kernel.shape[0],
            )

        result = tf.raw_ops.SparseSegmentSumWithNumSegments(
            data=kernel,
            indices=matrix.columns,
            segment_ids=matrix.rows,
            num_segments=matrix.num_rows,
        )
        return result, gradient

    return product(tf.convert_to_tensor(kernel))
