"""Regression: how much, rather than which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from agentlab.config import option
from agentlab.data.batches import Array
from agentlab.errors import AgentlabError
from agentlab.lazy import tf
from agentlab.runs import Run
from agentlab.supervised.features import FeatureTrainer, FeatureTrainerConfig, deviation, streams
from agentlab.training.losses import huber

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class RegressorConfig(FeatureTrainerConfig):
    """Hyperparameters of ``regressor``."""

    loss: Literal["squared", "absolute", "huber"] = option(
        "squared", "of the standardized error; huber is squared below 1 and absolute above"
    )


class Regressor(FeatureTrainer):
    """Minimizes the error of net(x) against standardized targets.

    The targets' mean and deviation come from the training split; metrics are in their own units.
    """

    name = "regressor"
    Config: ClassVar[type] = RegressorConfig
    monitor = ("rmse", "min")
    score_metric = "r2"
    config: RegressorConfig
    _mean_target: Array
    _std_target: Array

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        validation_data: Any = None,
        run: Run | None = None,
        quiet: bool = False,
    ) -> Self:
        """Learn to tell how much.

        Args:
            x: inputs ``[n, ...]`` as for ``Classifier``, or ``Batches`` of inputs and numbers.
            y: numbers ``[n]`` or ``[n, k]``.
            validation_data: ``(x, y)`` or ``Batches`` held out; ``None`` splits off the fraction
                ``validation_split``.
            run: where metrics and checkpoints go, and where they are taken up again.
            quiet: show no progress.

        Raises:
            AgentlabError: for targets that are no finite numbers, data that do not fit together
                or do not fit the net.
        """
        train, held_out = self._prepare(x, y, validation_data)
        self._train(train, held_out, run, quiet)
        return self

    def _learn_targets(self, x: Any, y: Any) -> int:
        parts = (batch.targets for batch in x.epoch(4096)) if streams(x) else [y]
        count, mean, squares = 0, np.zeros(()), np.zeros(())
        for values in map(_numbers, parts):  # Chan et al. 1979: exact for any mean
            size, part_mean = len(values), values.mean(0)
            between = np.square(part_mean - mean) * count * size / (count + size)
            squares = squares + np.square(values - part_mean).sum(0) + between
            mean = mean + (part_mean - mean) * size / (count + size)
            count += size
        std = deviation(mean, np.sqrt(squares / count))
        self._mean_target, self._std_target = mean.astype(np.float32), std.astype(np.float32)
        return len(std)

    def _targets(self, y: Any) -> Array:
        """Return targets, float32 ``[n, k]``."""
        numbers, k = _numbers(y), len(self._std_target)
        if numbers.shape[1] != k:
            raise AgentlabError(
                f"y has {numbers.shape[1]} numbers for each example, but the net predicts {k}"
            )
        return numbers.astype(np.float32)

    def _errors(self, outputs: Any, targets: Any) -> Any:
        """Return the errors of standardized targets, float32 ``[b, k]``."""
        targets = tf.reshape(tf.cast(targets, tf.float32), tf.shape(outputs))
        return outputs - (targets - self._mean_target) / self._std_target

    def losses(self, outputs: Any, targets: Any) -> Any:
        errors = self._errors(outputs, targets)
        losses = {
            "squared": tf.square(errors),
            "absolute": tf.abs(errors),
            "huber": huber(errors),
        }
        return tf.reduce_mean(losses[self.config.loss], axis=-1)

    def metrics(self, outputs: Any, targets: Any) -> dict[str, Any]:
        errors = self._errors(outputs, targets) * self._std_target
        return {
            "rmse": tf.reduce_mean(tf.square(errors), -1),
            "mae": tf.reduce_mean(tf.abs(errors), -1),
        }

    def reduce_metrics(self, means: dict[str, float]) -> dict[str, float]:
        return {**means, "rmse": float(np.sqrt(means["rmse"]))} if "rmse" in means else means

    def predict(self, x: Any) -> Array:
        """Return numbers in the targets' own units, float32 ``[n]`` or ``[n, k]``."""
        numbers = self._outputs_of(x) * self._std_target + self._mean_target
        return numbers[:, 0] if numbers.shape[1] == 1 else numbers

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Return ``loss``, ``rmse``, ``mae`` and ``r2`` on ``x`` and ``y``, or on ``Batches``.

        r2 is the fraction of the targets' variance that is explained.
        """
        self._need_net()
        held_out = self._held_out(x, y)
        means = self._evaluate(held_out)
        targets = _all_targets(held_out)
        if not np.ptp(targets, axis=0).any():  # nothing to explain
            return {**means, "r2": float("nan")}
        variance = float(np.mean(np.var(targets, axis=0)))
        return {**means, "r2": 1 - means["rmse"] ** 2 / variance}

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Draw predicted numbers against true ones, and what is left between them."""
        from agentlab.plots.predictions import residuals

        held_out = self._held_out(x, y)
        said = self._outputs(held_out) * self._std_target + self._mean_target
        true = _all_targets(held_out)
        return {"residuals": residuals(true[:, 0], said[:, 0], "target")}

    def _fitted(self) -> dict[str, Any]:
        return {
            **super()._fitted(),
            "target_mean": self._mean_target.tolist(),
            "target_std": self._std_target.tolist(),
        }

    def _restore_fitted(self, described: Mapping[str, Any]) -> None:
        super()._restore_fitted(described)
        self._mean_target = np.array(described["target_mean"], np.float32)
        self._std_target = np.array(described["target_std"], np.float32)


def _all_targets(batches: Any) -> Array:
    targets = [np.asarray(batch.targets, np.float64) for batch in batches.epoch(4096)]
    return np.concatenate(targets).reshape(batches.size, -1)


def _numbers(y: Any) -> Array:
    """Return targets as float64 ``[n, k]``; every one must be a finite number."""
    numbers: Array = np.asarray(y)
    if numbers.dtype.kind not in "fiub" or not np.isfinite(numbers).all():
        for value in numbers.ravel().tolist():
            if not isinstance(value, int | float) or not np.isfinite(value):
                raise AgentlabError(f"y holds {value!r}; every target must be a finite number")
    return numbers.astype(np.float64).reshape(len(numbers), -1)
