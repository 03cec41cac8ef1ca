"""Gradients of a minibatch that is split across replicas: several devices or processes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol

from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import tf

# In the messages of errors that another process caused.
PEERS = re.compile(r"collective|peer|socket|connect|heartbeat|rpc", re.IGNORECASE)


class Replicas(Protocol):
    """Sums vectors over the replicas of a training step.

    Attributes:
        count: number of replicas.
        compiled: whether ``summed`` can be called inside a ``tf.function``.
        remote: whether other processes take part, which may fail.
    """

    count: int
    compiled: bool
    remote: bool

    def summed(self, function: Callable[[Any, int], Any], batch: Any) -> Any:
        """Return the sum of ``function(batch, replica)`` over all replicas, a float32 vector."""


class _Current:
    replicas: ClassVar[Replicas | None] = None


@contextmanager
def using_replicas(replicas: Replicas | None) -> Iterator[None]:
    """Split the minibatches of every ``Update`` that is created in this context."""
    before, _Current.replicas = _Current.replicas, replicas
    try:
        yield
    finally:
        _Current.replicas = before


def current_replicas() -> Replicas | None:
    """Return the replicas of the innermost ``using_replicas``; ``None`` outside of it."""
    return _Current.replicas


class StrategyReplicas:
    """The replicas of a ``tf.distribute`` strategy, whose variables are on the first device.

    Each replica computes the gradient of its part of a minibatch. The gradients are summed by one
    collective operation, and each process applies the optimizer step once.

    Args:
        strategy: a ``MirroredStrategy`` or a ``MultiWorkerMirroredStrategy``.
    """

    compiled = True

    def __init__(self, strategy: Any) -> None:
        self._strategy, self.count = strategy, int(strategy.num_replicas_in_sync)
        self.remote = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)

    def summed(self, function: Callable[[Any, int], Any], batch: Any) -> Any:
        """Return the sum of ``function(batch, replica)`` over all replicas."""

        def run(batch: Any) -> Any:
            replica = tf.distribute.get_replica_context()
            number = int(tf.get_static_value(replica.replica_id_in_sync_group))
            return replica.all_reduce(tf.distribute.ReduceOp.SUM, function(batch, number))

        found = self._strategy.run(run, (batch,))
        return self._strategy.experimental_local_results(found)[0]


class SplitGradients:
    """The gradients and metrics of a minibatch that is split across replicas.

    They are means over the whole minibatch, as without replicas: each replica's part is weighted by
    its number of examples, or by ``Loss.weight``.

    Args:
        replicas: the replicas.
        gradients_of: returns the gradients and the ``Loss`` of a minibatch and what was prepared
            for it.
        names: names of the metrics to return.
        variables: the variables to differentiate by.
        moving: variables that the loss updates, such as moving averages; their changes are
            averaged over the replicas.
    """

    def __init__(
        self,
        replicas: Replicas,
        gradients_of: Callable[[Any, Any], tuple[list[Any], Any]],
        names: Sequence[str],
        variables: Sequence[Any],
        moving: Sequence[Any],
    ) -> None:
        self._replicas, self._gradients_of, self._names = replicas, gradients_of, names
        self._variables, self._moving = list(variables), list(moving)
        self._keeps = False  # whether the loss returns per-example values or sums

    def __call__(self, batch: Any, prepared: tuple[Any, ...]) -> tuple[list[Any], list[Any], Any]:
        """Return the gradients, the metrics, and the per-example values or sums."""
        before = [tf.convert_to_tensor(variable) for variable in self._moving]
        vector = self._replicas.summed(self._part, (batch, prepared))
        sizes = [int(variable.shape.num_elements()) for variable in self._variables]
        changes = [int(variable.shape.num_elements()) for variable in self._moving]
        gradients, metrics, moved, kept, weight = tf.split(
            vector, [sum(sizes), len(self._names), sum(changes), -1, 1]
        )
        for variable, old, change in zip(
            self._moving, before, _unpacked(moved, self._moving), strict=True
        ):
            variable.assign(old + change / self._replicas.count)
        total = tf.maximum(weight[0], 1e-9)
        found = _unpacked(gradients / total, self._variables)
        means = [metrics[i] / total for i in range(len(self._names))]
        return found, means, kept if self._keeps else None

    def _part(self, whole: Any, replica: int) -> Any:
        """Return a replica's terms as one vector, so that a single operation sums them all."""
        count = self._replicas.count
        before = [tf.convert_to_tensor(variable) for variable in self._moving]
        gradients, found = self._gradients_of(*part_of(whole, replica, count))
        changes = [variable - old for variable, old in zip(self._moving, before, strict=True)]
        first, last, size = _rows(whole, replica, count)
        self._keeps = found.sums is not None or found.per_example is not None
        present = tf.cast(last > first, tf.float32)
        weight = tf.cast(last - first, tf.float32) if found.weight is None else found.weight
        weight *= present
        if found.sums is not None:
            kept = found.sums * present
        elif found.per_example is not None:
            kept = tf.pad(found.per_example, [[first, size - last]])
        else:
            kept = tf.zeros(0)
        metrics = [found.metrics[name] for name in self._names]
        scaled = [weight * tf.cast(value, tf.float32) for value in (*gradients, *metrics)]
        return _packed([*scaled, *changes, kept, weight])


def check_rows(spec: Any, replicas: Replicas) -> None:
    """Check that minibatches of a fixed size can be divided among replicas.

    Args:
        spec: TensorSpecs of a minibatch.
        replicas: the replicas.

    Raises:
        InvalidArgument: if the number of examples is not a multiple of the number of replicas.
    """
    rows = tf.nest.flatten(spec)[0].shape[0]
    if rows is not None and rows % replicas.count:
        raise InvalidArgument(
            f"a minibatch of {rows} examples cannot be divided among {replicas.count} replicas; "
            "choose a minibatch size that is a multiple of the number of replicas"
        )


def part_of(batch: Any, replica: int, count: int) -> Any:
    """Return a replica's part of a minibatch.

    Arrays with a multiple of the rows of the first array are split in the same proportion, as the
    steps of sequences are; others, such as random seeds, are not split. A replica for which no rows
    are left gets the first row.

    Args:
        batch: a nest of tensors; the first axis of the first one counts examples.
        replica: number of the replica.
        count: number of replicas.
    """
    rows = tf.nest.flatten(batch)[0].shape[0]

    def part(tensor: Any) -> Any:
        if not tensor.shape.rank:
            return tensor
        known = tensor.shape[0]
        if rows is None:
            size = tf.shape(tensor)[0]
            start, end = size * replica // count, size * (replica + 1) // count
            start = tf.minimum(start, size - 1)
            return tensor[start : tf.maximum(end, start + 1)]
        if known is None or known % rows:
            return tensor
        return tensor[known * replica // count : known * (replica + 1) // count]

    return tf.nest.map_structure(part, batch)


def _rows(batch: Any, replica: int, count: int) -> tuple[Any, Any, Any]:
    """Return the first row of a replica's part, the row after its last, and the row count."""
    size = tf.shape(tf.nest.flatten(batch)[0])[0]
    return size * replica // count, size * (replica + 1) // count, size


def _packed(tensors: Sequence[Any]) -> Any:
    """Return tensors as one float32 vector."""
    return tf.concat([tf.reshape(tf.cast(tensor, tf.float32), [-1]) for tensor in tensors], 0)


def _unpacked(vector: Any, like: Sequence[Any]) -> list[Any]:
    """Return the parts of a vector in the shapes and dtypes of the variables ``like``."""
    if not like:
        return []
    parts = tf.split(vector, [int(variable.shape.num_elements()) for variable in like])
    return [
        tf.cast(tf.reshape(part, variable.shape), variable.dtype)
        for part, variable in zip(parts, like, strict=True)
    ]


@contextmanager
def reporting_lost_workers() -> Iterator[None]:
    """Report that a collective operation failed because another process exited.

    Raises:
        AgentlabError: in place of TensorFlow's error. Its ``InternalError``, which has many causes,
            is replaced only if its message mentions a collective operation or a connection.
    """
    try:
        yield
    except (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
        tf.errors.InternalError,
    ) as error:
        if isinstance(error, tf.errors.InternalError) and not PEERS.search(str(error)):
            raise
        raise AgentlabError(
            "another worker exited, so this one cannot continue; restart all workers with --resume"
        ) from error
