import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from agentlab.nets.sparse import sparse_matmul, sparse_rows


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 5),
    d=st.integers(1, 40),
    density=st.floats(0, 1),
    signed=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_the_sparse_product_and_its_gradient_equal_the_dense_ones(n, d, density, signed, seed):
    rng = np.random.default_rng(seed)
    values = [-1, 1] if signed else [1]
    matrix = (rng.random((n, d)) < density) * rng.choice(values, (n, d))
    matrix = matrix.astype(np.int8 if signed else np.uint8)
    kernel = tf.Variable(rng.standard_normal((d, 3), np.float32))
    weights = rng.standard_normal((n, 3), np.float32)
    results = []
    for sparse in (False, True):
        with tf.GradientTape() as tape:
            product = (
                sparse_matmul(sparse_rows(matrix), kernel, signed)
                if sparse
                else matrix.astype(np.float32) @ kernel
            )
            total = tf.reduce_sum(product * weights)
        results.append((product.numpy(), tf.convert_to_tensor(tape.gradient(total, kernel))))
    (dense, dense_gradient), (sparse_product, sparse_gradient) = results
    np.testing.assert_allclose(sparse_product, dense, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(sparse_gradient, dense_gradient, rtol=1e-5, atol=1e-5)


def test_places_are_listed_by_row_and_by_column():
    rows = sparse_rows(np.array([[0, 1, 1], [1, 0, 0]], np.uint8))
    assert rows.rows.tolist() == [0, 0, 1]
    assert rows.columns.tolist() == [1, 2, 0]
    assert rows.rows_by_column.tolist() == [1, 0, 0]
    assert rows.columns_sorted.tolist() == [0, 1, 2]
    assert rows.num_rows == 2


@pytest.mark.parametrize("width", [2**14, 2**15, 2**16 + 8])
def test_wide_signed_rows_keep_their_columns_in_order(width):
    matrix = np.zeros((2, width), np.int8)
    matrix[0, [3, width - 1]] = -1
    matrix[1, 5] = 1
    rows = sparse_rows(matrix)
    assert rows.columns_sorted.tolist() == [5, 3 + width, 2 * width - 1]
    assert rows.rows_by_column.tolist() == [1, 0, 0]
