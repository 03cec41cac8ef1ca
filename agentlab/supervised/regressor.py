"""``Regressor``: regression on images, texts, rows of numbers and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from agentlab.config import option
from agentlab.data import Batch, Batches
from agentlab.data.batches import Array
from agentlab.errors import InvalidArgument
from agentlab.lazy import tf
from agentlab.runs import Run
from agentlab.supervised.features import FeatureTrainer
from agentlab.supervised.net_checks import refuse_bounded
from agentlab.supervised.options import Augmentation, Tokens
from agentlab.supervised.scikit_learn import ScikitLearn
from agentlab.supervised.targets import all_targets, as_targets, r2, target_scale
from agentlab.training.callbacks import Callback
from agentlab.training.losses import huber
from agentlab.training.network import Network, Standardization
from agentlab.training.optimization import Optimization

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class RegressorConfig(Augmentation, Standardization, Tokens, Network, Optimization):
    """Hyperparameters of ``regressor``."""

    loss: Literal["squared", "absolute", "huber"] = option(
        "squared", "loss of the standardized error; huber is quadratic up to 1, linear above"
    )


class Regressor(ScikitLearn, FeatureTrainer):
    """Minimizes the error between net(x) and standardized targets.

    Targets are standardized by the mean and standard deviation of the training split; metrics are
    in the units of the targets.
    """

    name = "regressor"
    Config: ClassVar[type] = RegressorConfig
    monitor = ("rmse", "min")
    score_metric = "r2"
    data_keys = ("preprocessor", "target_mean", "target_std")
    config: RegressorConfig
    _mean: Array  # of the targets, float32 [k]
    _std: Array

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        sample_weight: Any = None,
        validation_data: Any = None,
        run: Run | None = None,
        quiet: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train the network.

        Args:
            x: inputs ``[n, ...]`` as for ``Classifier``, or ``Batches`` of inputs and targets.
            y: numbers ``[n]`` or ``[n, k]``.
            sample_weight: weights of the examples ``[n]``; examples of weight 0 are left out.
            validation_data: ``(x, y)`` or ``Batches``; ``None`` holds out the fraction
                ``validation_split`` of the training data.
            run: saves metrics and checkpoints; training resumes from its newest checkpoint.
            quiet: show no progress.
            callbacks: called during training.

        Raises:
            AgentlabError: for targets that are not finite numbers, or if x, y and the net do not
                match.
        """
        self.note_features(x)
        train, held_out = self.prepare(x, y, validation_data, sample_weight)
        return self.train(train, held_out, run, quiet, callbacks)

    def check_net(self, data: Batches) -> None:
        """Check a net's input and output shapes, and that it returns numbers of both signs."""
        if self.given_net:
            refuse_bounded(self, data)
        super().check_net(data)

    def learn_targets(self, x: Any, y: Any) -> int:
        """Fit the mean and deviation of the targets; return the number of targets per example."""
        mean, std = target_scale(x, y)
        self._mean, self._std = mean.astype(np.float32), std.astype(np.float32)
        return len(std)

    def encode_targets(self, y: Any) -> Array:
        """Return targets, float32 ``[n, k]``."""
        numbers, k = as_targets(y), len(self._std)
        if numbers.shape[1] != k:
            raise InvalidArgument(
                f"y has {numbers.shape[1]} numbers per example, but the net predicts {k}"
            )
        return numbers.astype(np.float32)

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        """Return ``loss``, squared error (as ``rmse``) and ``mae`` of each example, ``[b]``."""
        outputs = self.forward(batch.inputs, training)  # [b, k]
        targets = tf.reshape(tf.cast(batch.targets, tf.float32), tf.shape(outputs))
        errors = outputs - (targets - self._mean) / self._std
        losses = {
            "squared": tf.square(errors),
            "absolute": tf.abs(errors),
            "huber": huber(errors),
        }
        own = errors * self._std
        return {
            "loss": tf.reduce_mean(losses[self.config.loss], axis=-1),
            "rmse": tf.reduce_mean(tf.square(own), -1),
            "mae": tf.reduce_mean(tf.abs(own), -1),
        }

    def reduce_metrics(self, means: dict[str, float]) -> dict[str, float]:
        """Return the means, with the root of the mean squared error as ``rmse``."""
        return {**means, "rmse": float(np.sqrt(means["rmse"]))} if "rmse" in means else means

    def predict(self, x: Any) -> Array:
        """Return predictions in the units of the targets, float32 ``[n]`` or ``[n, k]``."""
        numbers = self.outputs_of(x) * self._std + self._mean
        return numbers[:, 0] if numbers.shape[1] == 1 else numbers

    def infer(self, outputs: Any) -> dict[str, Any]:
        """Return ``predictions`` as ``predict`` does, float32 ``[n]`` or ``[n, k]``."""
        numbers = outputs * self._std + self._mean
        return {"predictions": numbers[:, 0] if len(self._std) == 1 else numbers}

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Return ``loss``, ``rmse``, ``mae`` and ``r2`` on ``x`` and ``y``, or on ``Batches``.

        r2 is the fraction of the targets' variance that is explained.
        """
        held_out = self.held_out(x, y)
        means = self.evaluate_batches(held_out)
        return {**means, "r2": r2(means["rmse"], held_out)}

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Plot predictions against true values, and the residuals."""
        from agentlab.plots.predictions import residuals

        held_out: Batches = self.held_out(x, y)
        said = np.asarray(self.outputs(held_out)) * self._std + self._mean
        return {"residuals": residuals(all_targets(held_out)[:, 0], said[:, 0], "target")}

    def specification(self) -> dict[str, Any]:
        """Return the fitted state other than weights."""
        learned = {"target_mean": self._mean.tolist(), "target_std": self._std.tolist()}
        return {**super().specification(), **learned}

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Make a regressor from its ``specification``."""
        trainer = super().from_specification(specification, config, seed, models)
        trainer._mean = np.array(specification["target_mean"], np.float32)
        trainer._std = np.array(specification["target_std"], np.float32)
        return trainer
