"""Compiled gradient descent: epochs over minibatches in a single TensorFlow call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

from agentlab.lazy import tf
from agentlab.training.compiled import Compiled, can_compile
from agentlab.training.optimizers import compiled_apply
from agentlab.training.replicas import (
    SplitGradients,
    check_rows,
    current_replicas,
    reporting_lost_workers,
)


class Loss(NamedTuple):
    """The return value of a loss function for a minibatch.

    Attributes:
        loss: the scalar to minimize.
        metrics: scalars to report, by name.
        per_example: float32 ``[b]`` to return, such as TD errors for priorities.
        sums: float32 ``[n]``, sums over the minibatch to return in place of ``per_example``.
        weight: the sum of the weights of the examples; ``None`` if all weights are 1.
    """

    loss: Any
    metrics: Mapping[str, Any]
    per_example: Any = None
    sums: Any = None
    weight: Any = None


class Update:
    """Gradient descent on a loss, compiled into one TensorFlow call.

    ::

        update = make_update(self.loss, ("loss",), net.trainable_variables, optimizer)
        metrics, _ = update([batch])

    Attributes:
        metrics: names of the reported metrics; the last is the gradient's norm, ``grad_norm``.
        started, finished: whether the first call, which compiles, has begun and has ended.
    """

    started = finished = False

    def __init__(
        self,
        loss: Callable[..., Loss],
        metrics: Sequence[str],
        variables: Sequence[Any],
        optimizer: Any,
        *,
        spec: Any = None,
        epochs: int = 1,
        max_grad_norm: float | None = None,
        xla: bool = False,
        xla_apply: bool | None = None,
        prepare: Callable[[Any], Any] | None = None,
        stop: Callable[[Mapping[str, Any]], Any] | None = None,
        moving: Sequence[Any] = (),
    ) -> None:
        self.metrics = (*metrics, "grad_norm")
        self._loss, self._variables, self._prepare = loss, list(variables), prepare
        self._epochs, self._stop = epochs, stop
        if not optimizer.built:
            optimizer.build(self._variables)
        fused = xla if xla_apply is None else xla_apply
        replicas = current_replicas()
        self._split: SplitGradients | None = None
        if replicas is not None:
            given = (self._gradients_of, metrics, self._variables, moving)
            self._split = SplitGradients(replicas, *given)
            xla = False  # it does not compile sums over devices
        self._remote = replicas is not None and replicas.remote
        central = replicas is not None and not replicas.compiled
        self._apply = compiled_apply(optimizer, self._variables, max_grad_norm, fused, not central)
        stacked = spec is not None and not isinstance(spec, list)
        run = self._run_stacked if stacked else self._run_list
        self._compiled: Callable[[Any], Any] = run
        if not central and spec is not None and can_compile(spec):
            self._compiled = Compiled(run, spec, xla)
        elif not central:
            self._compiled = tf.function(
                run, None if spec is None else [spec], jit_compile=xla, reduce_retracing=True
            )
        minibatch = (
            tf.nest.map_structure(_without_first_axis, spec) if stacked else spec and spec[0]
        )
        if replicas is not None and minibatch is not None:
            check_rows(minibatch, replicas)
        self._gradients = tf.function(
            self._gradients_alone, None if spec is None else [minibatch], reduce_retracing=True
        )

    def __call__(self, batches: Any) -> tuple[dict[str, float], Any]:
        """Train on all minibatches, ``epochs`` times.

        Args:
            batches: a list of minibatches or, if ``spec`` is not a list, a nest of arrays
                ``[minibatches, b, ...]``.

        Returns:
            The mean of each metric, and the per-example values ``[minibatches, b]`` of the last
            epoch. For a list of minibatches these are a list, which is empty if ``epochs > 1``.
        """
        means, per_example = self.tensors(batches)
        return dict(zip(self.metrics, means.numpy().tolist(), strict=True)), per_example

    def tensors(self, batches: Any) -> tuple[Any, Any]:
        """Do the same as a call, but return the means as a tensor in the order of ``metrics``."""
        self.started = True
        with reporting_lost_workers() if self._remote else nullcontext():
            means, per_example = self._compiled(batches)
        self.finished = True
        return means, per_example

    def gradients(self, batch: Any) -> list[Any]:
        """Return the gradients of one minibatch without applying them, for histograms."""
        found: list[Any] = self._gradients(batch)
        return found

    def _gradients_of(self, batch: Any, prepared: tuple[Any, ...]) -> tuple[list[Any], Loss]:
        with tf.GradientTape() as tape:
            found = self._loss(batch, *prepared)
        gradients = tape.gradient(found.loss, self._variables)
        return list(map(_dense, gradients, self._variables)), found

    def _gradients_alone(self, batch: Any) -> list[Any]:
        return self._gradients_of(batch, self._prepared(batch))[0]

    def _step(self, batch: Any, prepared: tuple[Any, ...]) -> tuple[Any, Any]:
        if self._split is not None:
            gradients, values, kept = self._split(batch, prepared)
        else:
            gradients, found = self._gradients_of(batch, prepared)
            values = [found.metrics[name] for name in self.metrics[:-1]]
            kept = found.per_example if found.sums is None else found.sums
        return tf.stack([*values, self._apply(gradients)]), kept

    def _run_list(self, batches: Any) -> tuple[Any, Any]:
        """Train on a list of minibatches, which may differ in size."""
        prepared = [self._prepared(batch) for batch in batches]
        if self._epochs == 1:
            return self._run_once(batches, prepared)

        def run_epoch(total: Any, kept: Any) -> Any:
            values = total
            for batch, given in zip(batches, prepared, strict=True):
                values = self._step(batch, given)[0]
                total += values
            return values, total, kept

        total, _, epochs = self._run_epochs(run_epoch, tf.zeros(0))
        return total / tf.cast(epochs * len(batches), tf.float32), ()

    def _run_once(self, batches: Any, prepared: Any) -> tuple[Any, Any]:
        total, kept = tf.zeros(len(self.metrics)), []
        for batch, given in zip(batches, prepared, strict=True):
            values, per_example = self._step(batch, given)
            total += values
            kept.append(() if per_example is None else per_example)
        return total / len(batches), kept

    def _prepared(self, batch: Any) -> tuple[Any, ...]:
        return () if self._prepare is None else (self._prepare(batch),)

    def _run_stacked(self, batches: Any) -> tuple[Any, Any]:
        """Train on minibatches of equal size, stacked along the first axis of every array."""
        rows = tf.shape(tf.nest.flatten(batches)[0])[:2]
        starts: Any = ()
        if self._prepare is not None:
            starts = tf.map_fn(self._prepare, batches, fn_output_signature=tf.float32)

        def run_epoch(total: Any, kept: Any) -> Any:
            values = total
            for i in tf.range(rows[0]):
                batch = tf.nest.map_structure(lambda field, i=i: field[i], batches)
                given = () if self._prepare is None else (starts[i],)
                values, per_example = self._step(batch, given)
                total += values
                if per_example is not None:
                    kept = tf.tensor_scatter_nd_update(kept, [[i]], per_example[None])
            return values, total, kept

        total, kept, epochs = self._run_epochs(run_epoch, tf.zeros(rows))
        return total / tf.cast(epochs * rows[0], tf.float32), kept

    def _run_epochs(self, run_epoch: Callable[[Any, Any], Any], kept: Any) -> tuple[Any, Any, Any]:
        """Return the sum of the metrics, what is kept of the last epoch, and how many were run.

        Args:
            run_epoch: a function of both, returning also the metrics of the last minibatch.
            kept: what is kept, before the first epoch.
        """
        total, epoch = tf.zeros(len(self.metrics)), tf.constant(0)
        if self._stop is None:  # XLA optimizes loops whose number of iterations is known
            for _ in tf.range(self._epochs):
                _, total, kept = run_epoch(total, kept)
            return total, kept, tf.constant(self._epochs)
        stopped = tf.constant(False)
        while epoch < self._epochs and not stopped:
            values, total, kept = run_epoch(total, kept)
            epoch += 1
            metrics = dict(zip(self.metrics, tf.unstack(values), strict=True))
            stopped = self._stop(metrics)
        return total, kept, epoch


def make_update(
    loss: Callable[..., Loss],
    metrics: Sequence[str],
    variables: Sequence[Any],
    optimizer: Any,
    *,
    spec: Any = None,
    epochs: int = 1,
    max_grad_norm: float | None = None,
    xla: bool = False,
    xla_apply: bool | None = None,
    prepare: Callable[[Any], Any] | None = None,
    stop: Callable[[Mapping[str, Any]], Any] | None = None,
    moving: Sequence[Any] = (),
) -> Update:
    """Compile gradient descent on ``loss``; nothing is traced before the first call.

    Args:
        loss: a pure function of a minibatch and, if ``prepare`` is given, its return value.
        metrics: the names in ``Loss.metrics`` to report.
        variables: the variables to update.
        optimizer: a Keras optimizer; it is built if necessary.
        spec: TensorSpecs of the batches: a list with one for each minibatch, or a nest whose first
            axis enumerates minibatches. ``None`` accepts lists of any shapes and dtypes.
        epochs: passes over the minibatches.
        max_grad_norm: maximum global norm of the gradients; ``None`` for no clipping.
        xla: compile with XLA: several times faster for small dense networks, slower for
            convolutions on a CPU.
        xla_apply: compile the optimizer's step with XLA; ``None`` for the value of ``xla``.
        prepare: a function of a minibatch, evaluated with the weights before the first step. Its
            value, float32 ``[b]``, is the second argument of ``loss``, such as PPO's old
            log-probabilities.
        stop: a function of the metrics of an epoch's last minibatch; the remaining epochs are
            skipped if it returns true.
        moving: variables that ``loss`` updates, such as moving averages; see ``SplitGradients``.
    """
    return Update(
        loss,
        metrics,
        variables,
        optimizer,
        spec=spec,
        epochs=epochs,
        max_grad_norm=max_grad_norm,
        xla=xla,
        xla_apply=xla_apply,
        prepare=prepare,
        stop=stop,
        moving=moving,
    )


def phase_of(learner: Any) -> str:
    """Return what a learner is doing before its first update is complete, for a progress line.

    Returns:
        ``"collecting"`` before its first update, ``"compiling"`` during it, and then ``""``, as for
        a learner without updates.
    """
    parts = [*vars(learner).values(), getattr(learner, "update", None)]
    updates = [part for part in parts if isinstance(part, Update)]
    if not updates or any(update.finished for update in updates):
        return ""
    return "compiling" if any(update.started for update in updates) else "collecting"


def _without_first_axis(spec: Any) -> Any:
    return tf.TensorSpec(spec.shape[1:], spec.dtype)


def _dense(gradient: Any, variable: Any) -> Any:
    """Return a gradient as a dense tensor: zeros for ``None``, or converted from sparse."""
    if gradient is None:
        return tf.zeros(variable.shape, variable.dtype)
    return tf.ensure_shape(tf.convert_to_tensor(gradient), variable.shape)


def stacked_spec(count: int | None, spec: Any) -> Any:
    """Return the TensorSpecs of ``count`` stacked minibatches, each described by ``spec``."""
    return tf.nest.map_structure(lambda one: tf.TensorSpec((count, *one.shape), one.dtype), spec)


def last_minibatch(batches: Any) -> Any:
    """Return the last minibatch of a nest of arrays ``[minibatches, b, ...]``."""
    return tf.nest.map_structure(lambda field: field[-1], batches)
