import numpy as np
import pytest

from agentlab.data import Arrays, Batch, split_indices
from agentlab.errors import AgentlabError


def numbered(n: int) -> Arrays:
    return Arrays(np.arange(n), 10 * np.arange(n))


def inputs(batches: list[Batch]) -> list[list[int]]:
    return [np.asarray(batch.inputs).tolist() for batch in batches]


def test_without_a_seed_order_is_preserved_and_the_last_batch_may_be_smaller() -> None:
    batches = list(numbered(7).epoch(3))
    assert inputs(batches) == [[0, 1, 2], [3, 4, 5], [6]]
    assert [np.asarray(batch.targets).tolist() for batch in batches][-1] == [60]
    assert all(batch.weights.dtype == np.float32 for batch in batches)
    assert [batch.weights.tolist() for batch in batches][-1] == [1.0]


@pytest.mark.parametrize(
    ("size", "batch", "count"), [(6, 3, 2), (7, 3, 3), (1, 64, 1), (64, 64, 1)]
)
def test_count_is_the_number_of_batches_per_epoch(size: int, batch: int, count: int) -> None:
    assert numbered(size).count(batch) == len(list(numbered(size).epoch(batch))) == count


def test_a_seed_shuffles_inputs_targets_and_weights_together() -> None:
    weights = np.arange(100, dtype=np.float32) / 4
    arrays = Arrays(np.arange(100), 10 * np.arange(100), weights)
    order = np.concatenate([np.asarray(batch.inputs) for batch in arrays.epoch(7, seed=3)])
    assert sorted(order) == list(range(100))
    assert order.tolist() != list(range(100))
    for batch in arrays.epoch(7, seed=3):
        np.testing.assert_array_equal(batch.targets, 10 * np.asarray(batch.inputs))
        np.testing.assert_array_equal(batch.weights, np.asarray(batch.inputs) / 4)


def test_equal_seeds_give_equal_orders_and_different_seeds_different_ones() -> None:
    arrays = numbered(50)
    first, again, other = (inputs(list(arrays.epoch(50, seed))) for seed in (1, 1, 2))
    assert first == again != other


def test_several_input_arrays_are_a_tuple() -> None:
    arrays = Arrays((np.arange(4), np.eye(4)), (np.arange(4), np.zeros((4, 2))))
    batch = next(iter(arrays.epoch(2)))
    assert isinstance(batch.inputs, tuple) and isinstance(batch.targets, tuple)
    assert [part.shape for part in batch.inputs] == [(2,), (2, 4)]
    assert [part.shape for part in batch.targets] == [(2,), (2, 2)]


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ((np.zeros((0, 3)), np.zeros(0)), "there are no examples"),
        ((np.zeros(3), np.zeros(2)), "targets has 2 rows, but inputs has 3"),
        ((np.zeros(3), (np.zeros(3), np.zeros(4))), "targets has 4 rows, but inputs has 3"),
        ((np.zeros(3), np.zeros(3), np.ones(2, np.float32)), "weights has 2 rows"),
    ],
)
def test_arrays_of_different_lengths_raise_an_error(arrays: tuple[object], says: str) -> None:
    with pytest.raises(AgentlabError, match=says):
        Arrays(*arrays)  # type: ignore[arg-type]


def test_every_example_is_in_exactly_one_split() -> None:
    parts = split_indices(1000, (0.8, 0.1, 0.1), seed=0)
    assert [len(part) for part in parts] == [800, 100, 100]
    assert sorted(np.concatenate(parts)) == list(range(1000))
    assert all((np.diff(part) > 0).all() for part in parts)
    assert parts[1].tolist() != list(range(800, 900))


def test_the_seed_determines_the_split() -> None:
    first, again, other = (split_indices(100, (0.5, 0.5), seed)[0] for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()


@pytest.mark.parametrize(
    ("n", "fractions", "sizes"),
    [
        (10, (0.99, 0.01), [9, 1]),
        (3, (0.8, 0.1, 0.1), [1, 1, 1]),
        (6, (0.25, 0.25, 0.25, 0.25), None),
        (5, (0.3, 0.3, 0.3, 0.1), None),
        (10, (1.0, 0.0), [10, 0]),
    ],
)
def test_only_splits_with_fraction_0_are_empty(
    n: int, fractions: tuple[float, ...], sizes: list[int] | None
) -> None:
    found = [len(part) for part in split_indices(n, fractions, seed=0)]
    assert sum(found) == n
    assert [size > 0 for size in found] == [fraction > 0 for fraction in fractions]
    assert sizes is None or found == sizes


@pytest.mark.parametrize(
    ("n", "fractions", "says"),
    [
        (10, (0.5, 0.4), "must not be negative and must sum to 1"),
        (10, (1.5, -0.5), "must not be negative and must sum to 1"),
        (1, (0.9, 0.1), "1 examples are too few for 2 splits"),
    ],
)
def test_invalid_fractions_raise_an_error(n: int, fractions: tuple[float, ...], says: str) -> None:
    with pytest.raises(AgentlabError, match=says):
        split_indices(n, fractions, seed=0)
