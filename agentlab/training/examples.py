"""Conversion of arrays to batches, and errors that name the shape of an example."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeGuard, TypeVar

import numpy as np

from agentlab.data import Arrays, Batch, Batches, split_indices
from agentlab.data.batches import Array
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import tf

T = TypeVar("T")


def is_batches(x: Any) -> TypeGuard[Batches]:
    """Return whether ``x`` is ``Batches`` rather than an array."""
    return hasattr(x, "epoch")


def as_batches(x: Any, y: Any = None) -> Batches:
    """Return an array of inputs, or a tuple of arrays, and targets as ``Batches``.

    Missing targets (``None``) become zeros, ``[n]``. ``Batches`` are returned unchanged.
    """
    if is_batches(x):
        return x
    inputs = tuple(map(np.asarray, x)) if isinstance(x, tuple) else np.asarray(x)
    size = len(inputs[0] if isinstance(inputs, tuple) else inputs)
    return Arrays(inputs, np.zeros(size, np.float32) if y is None else np.asarray(y))


def as_parts(
    x: Any, y: Any, validation: Any, fraction: float, seed: int
) -> tuple[Batches, Batches | None]:
    """Return the training data and the validation data, or ``None`` without validation data.

    Args:
        x: an array, a tuple of arrays, or ``Batches``.
        y: targets; ``None`` for none.
        validation: ``(x, y)`` or ``Batches``; ``None`` splits off a random fraction of arrays.
        fraction: fraction of the examples to split off.
        seed: seeds the split.
    """
    data = as_batches(x, y)
    if validation is not None:
        pair = isinstance(validation, tuple | list)
        return data, as_batches(*validation) if pair else as_batches(validation)
    if not isinstance(data, Arrays) or not fraction:
        return data, None
    rows, held = split_indices(data.size, (1 - fraction, fraction), seed)
    return _take(data, rows), _take(data, held)


def prefetched(items: Iterable[T]) -> Iterator[T]:
    """Yield ``items``, preparing the next one in another thread while one is processed."""
    iterator = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        coming = pool.submit(next, iterator, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, iterator, None)
            yield item


def batch_spec(batch: Batch, ragged: bool) -> Any:
    """Return the TensorSpecs of batches like ``batch``, of any size and, if ragged, length."""

    def spec(array: Array) -> Any:
        free = 2 if ragged and array.ndim > 1 else 1
        return tf.TensorSpec((*[None] * free, *array.shape[free:]), array.dtype)

    return tf.nest.map_structure(spec, batch)


def applied(step: Any, given: Any) -> Any:
    """Return ``step(given)`` for inputs, or for a batch, whose first field is its inputs.

    Raises:
        AgentlabError: if the network cannot be called with inputs of this shape.
    """
    try:
        return step(given)
    except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
        shape = list(tf.nest.flatten(given)[0].shape[1:])
        raise AgentlabError(
            f"the network cannot be called with examples of shape {shape}"
        ) from error


def _take(data: Arrays, rows: Array) -> Arrays:
    def part(arrays: Any) -> Any:
        return tuple(a[rows] for a in arrays) if isinstance(arrays, tuple) else arrays[rows]

    return Arrays(part(data.inputs), part(data.targets), data.weights[rows])


def checked_weights(weights: Any, n: int) -> Array:
    """Return weights of examples as float32 ``[n]``, after a check."""
    array = np.asarray(weights, np.float32)
    if array.shape != (n,) or not np.isfinite(array).all() or (array < 0).any():
        raise InvalidArgument(
            f"sample_weight has the shape {list(array.shape)}; it must be [{n}], with finite "
            "numbers of 0 or more"
        )
    if not array.any():
        raise InvalidArgument(
            "sample_weight is zero for all examples; at least one must be positive"
        )
    return array
