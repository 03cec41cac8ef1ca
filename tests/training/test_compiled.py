"""Functions of nested arrays compiled for one signature."""

import numpy as np
import pytest
import tensorflow as tf

from agentlab.training.compiled import Compiled, can_compile

SPEC = {"x": tf.TensorSpec((None, 2)), "rest": (tf.TensorSpec((), tf.int32), ())}


def scaled(nest):
    return nest["x"] * tf.cast(nest["rest"][0], tf.float32)


@pytest.mark.parametrize("xla", [False, True])
def test_arrays_of_any_batch_size_and_dtype_are_converted(xla):
    compiled = Compiled(scaled, SPEC, xla)
    for rows in (1, 3):
        found = compiled({"x": np.ones((rows, 2)), "rest": (np.int64(3), ())})
        np.testing.assert_array_equal(found, np.full((rows, 2), 3, np.float32))
    found = compiled({"x": tf.ones((2, 2)), "rest": (2, ())})
    np.testing.assert_array_equal(found, np.full((2, 2), 2, np.float32))


def test_it_is_a_part_of_another_compiled_function():
    compiled = Compiled(scaled, SPEC, False)
    outer = tf.function(lambda x: compiled({"x": x, "rest": (tf.constant(2), ())}) + 1)
    np.testing.assert_array_equal(outer(tf.ones((1, 2))), [[3, 3]])


def test_sparse_specifications_are_recognized():
    assert can_compile(SPEC)
    assert not can_compile([tf.SparseTensorSpec((2, 2))])
