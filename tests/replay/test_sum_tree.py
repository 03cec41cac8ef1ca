"""The tree of sums finds what a running sum finds, and never what has no value."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentlab.errors import AgentlabError
from agentlab.replay import SumTree

whole_values = st.lists(st.integers(0, 5), min_size=1, max_size=40)


def test_find_returns_indices_in_proportion_to_values():
    tree = SumTree(5)
    tree.update([0, 1, 3], [2.0, 1.0, 3.0])
    assert tree.total == 6.0
    # 0 has [0, 2), 1 has [2, 3), 3 has [3, 6).
    assert tree.find([0.0, 1.9, 2.0, 2.9, 3.0, 5.9]).tolist() == [0, 0, 1, 1, 3, 3]


@settings(max_examples=100, deadline=None)
@given(whole_values, st.data())
def test_find_agrees_with_a_cumulative_sum(values, data):
    tree = SumTree(len(values))
    tree.update(np.arange(len(values)), values)
    assert tree.total == sum(values)
    if not sum(values):
        return
    masses = np.array(data.draw(st.lists(st.integers(0, sum(values) - 1), min_size=1)))
    expected = np.searchsorted(np.cumsum(values), masses, side="right")
    np.testing.assert_array_equal(tree.find(masses), expected)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 40), st.data())
def test_updates_agree_with_an_array(size, data):
    tree, array = SumTree(size), np.zeros(size)
    pairs = st.lists(st.tuples(st.integers(0, size - 1), st.floats(0, 1e6)), min_size=1)
    for changes in data.draw(st.lists(pairs, max_size=5)):
        for index, value in changes:
            array[index] = value  # of an index that comes twice the last value holds
        tree.update(*map(list, zip(*changes, strict=True)))
        np.testing.assert_array_equal(tree.values(np.arange(size)), array)
        np.testing.assert_allclose(tree.total, array.sum(), rtol=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1e-300, 0.1, 0.3, 1e300]), min_size=1, max_size=30))
def test_find_never_returns_an_index_of_value_0(values):
    tree = SumTree(len(values))
    tree.update(np.arange(len(values)), values)
    if tree.total:
        total = tree.total
        masses = [-1.0, 0.0, np.nextafter(total, 0), total, 2 * total, *(total * np.linspace(0, 1))]
        assert (tree.values(tree.find(masses)) > 0).all()


def test_sums_depend_on_the_values_alone():
    rng = np.random.default_rng(0)
    worn, fresh = SumTree(100), SumTree(100)
    for _ in range(1000):
        worn.update(rng.integers(100, size=7), rng.random(7))
    fresh.update(np.arange(100), worn.values(np.arange(100)))
    assert worn.total == fresh.total


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_values_must_be_finite_and_not_negative(value):
    with pytest.raises(AgentlabError, match="finite and 0 or more"):
        SumTree(3).update([1], [value])


@pytest.mark.parametrize("index", [-1, 3])
def test_indices_must_be_in_range(index):
    with pytest.raises(AgentlabError, match="from 0 to 2"):
        SumTree(3).update([index], [1.0])


def test_an_empty_tree_finds_nothing():
    with pytest.raises(AgentlabError, match="all 0"):
        SumTree(3).find([0.0])
    with pytest.raises(AgentlabError, match="size=0"):
        SumTree(0)
