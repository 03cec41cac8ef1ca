"""The compiled training, test and prediction steps of a trainer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from agentlab.data import Batch
from agentlab.data.batches import ArrayOrTuple
from agentlab.lazy import keras, tf
from agentlab.training.examples import applied, batch_spec
from agentlab.training.update import Loss, Update, make_update

if TYPE_CHECKING:
    from agentlab.training.trainer import Trainer

MOVING = ("/moving_mean", "/moving_variance")  # variables of batch normalization


class LearningStep:
    """A gradient step on a trainer's ``losses`` plus L1 and L2 penalties.

    Args:
        trainer: a trainer with its network and optimizer.
        example: a batch with the shapes and dtypes of all batches.
        ragged: whether the length of the second axis (time) differs between batches.
    """

    def __init__(self, trainer: Trainer, example: Batch, ragged: bool) -> None:
        self._trainer, self._sums = trainer, Sums()
        self._spec = batch_spec(example, ragged)
        variables = trainer.net.trainable_variables

        def make(training: bool, sums: Sums) -> Update:
            return make_update(
                lambda batch: self._loss(batch, training, sums),
                (),
                variables,
                trainer.optimizer,
                spec=[self._spec],
                max_grad_norm=trainer.config.max_grad_norm,
                xla=trainer.uses_xla,
                moving=[v for v in trainer.net.variables if v.path.endswith(MOVING)],
            )

        self._update = make(True, self._sums)
        # Without dropout, so that computing histograms does not advance its random state.
        self.still = make(False, Sums())

    def __call__(self, batch: Batch) -> dict[str, float]:
        """Train on a batch and return the means of its metrics, and ``grad_norm``."""
        norm, (sums,) = self._update.tensors([batch])
        return {**self._sums.means(sums.numpy()), "grad_norm": float(norm[0])}

    def graph(self) -> Any:
        """Return the traced ``losses`` without gradients, for TensorBoard's graph view."""
        losses = tf.function(lambda batch: self._trainer.losses(batch, False))
        return losses.get_concrete_function(self._spec)

    def _loss(self, batch: Batch, training: bool, sums: Sums) -> Loss:
        found, weights = self._trainer.losses(batch, training), batch.weights
        minimized = found.get("objective", found["loss"])
        lost = tf.reduce_sum(minimized * weights) / tf.maximum(tf.reduce_sum(weights), 1e-9)
        lost += tf.add_n([tf.zeros(()), *self._trainer.net.losses, *self._penalties()])
        return Loss(lost, {}, sums=sums.of(found, weights), weight=tf.reduce_sum(weights))

    def _penalties(self) -> list[Any]:
        """Return the L1 and L2 penalties on all kernels, without the network's own."""
        config = self._trainer.config
        if not config.l1 and not config.l2:
            return []
        penalty = keras.regularizers.L1L2(config.l1, config.l2)
        return [penalty(v) for v in self._trainer.net.trainable_variables if len(v.shape) > 1]


class TestStep:
    """The metrics of a trainer's ``losses``, without training."""

    def __init__(self, trainer: Trainer) -> None:
        self._sums = sums = Sums()
        self._step = tf.function(
            lambda batch: sums.of(trainer.losses(batch, False), batch.weights),
            reduce_retracing=True,
        )

    def __call__(self, batch: Batch) -> dict[str, float]:
        """Return the means over a batch."""
        return self._sums.means(applied(self._step, batch).numpy())


class OutputStep:
    """The outputs of a trainer's network."""

    def __init__(self, trainer: Trainer) -> None:
        self._step = tf.function(
            lambda inputs: trainer.forward(inputs, False), reduce_retracing=True
        )

    def __call__(self, batches: Iterable[Batch]) -> ArrayOrTuple:
        """Return the outputs for all of ``batches``, in order."""
        parts = [
            tf.nest.map_structure(lambda output: output.numpy(), applied(self._step, batch.inputs))
            for batch in batches
        ]
        if isinstance(parts[0], tuple):
            return tuple(map(np.concatenate, zip(*parts, strict=True)))
        return np.concatenate(parts)


class Sums:
    """Packs metrics into one tensor of sums inside a compiled step, and unpacks it outside."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()

    def of(self, found: Mapping[str, Any], weights: Any) -> Any:
        """Return the sum of the weights and the weighted sums of all metrics, ``[1 + metrics]``."""
        metrics = {name: value for name, value in found.items() if name != "objective"}
        self._names = tuple(metrics)
        sums = [tf.reduce_sum(tf.cast(metric, tf.float32) * weights) for metric in metrics.values()]
        return tf.stack([tf.reduce_sum(weights), *sums])

    def means(self, sums: Any) -> dict[str, float]:
        """Return the weighted means by name, from the sums that ``of`` returned."""
        means = sums[1:].astype(np.float64) / max(float(sums[0]), 1e-9)
        return dict(zip(self._names, means.tolist(), strict=True))
