"""``Perceptron``: Rosenblatt's perceptron for two classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from agentlab.config import option
from agentlab.data import Batches, Preprocessor, load_preprocessor
from agentlab.data.batches import Array
from agentlab.errors import AgentlabError
from agentlab.estimator import Estimator
from agentlab.lazy import keras
from agentlab.runs import Progress, Run, derive_seed
from agentlab.supervised.class_labels import class_numbers, distinct_labels
from agentlab.supervised.features import check_classes
from agentlab.supervised.linear_rows import Rows, fit_preprocessor, split_rows
from agentlab.supervised.separability import common_point
from agentlab.training.callbacks import Callback, Callbacks
from agentlab.training.examples import is_batches
from agentlab.training.network import Standardization
from agentlab.training.presented import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class PerceptronConfig(Standardization):
    """Hyperparameters of ``perceptron``."""

    epochs: int = option(1000, "maximum number of epochs", ge=1)
    learning_rate: float = option(0.4, "eta, the factor of each weight update", gt=0)
    validation_split: float = option(
        0.0, "fraction of the training data held out for validation", ge=0, lt=1
    )


class Perceptron(Estimator):
    """Predicts the second class if w x + b > 0 (Rosenblatt 1958).

    A misclassified example changes the weights by eta (target - output) x. This converges, with all
    examples classified correctly, if and only if the classes are linearly separable (Novikoff
    1962). Data that are not separable raise an error with a proof.

    Attributes:
        weights_: w and b of the standardized inputs, float64 ``[inputs + 1]``.
        classes: the two labels.
        preprocessor: turns raw inputs into rows.
        history: the metrics of each epoch.
    """

    name = "perceptron"
    monitor = ("accuracy", "max")
    interrupted = False
    Config: ClassVar[type] = PerceptronConfig
    config: PerceptronConfig
    weights_: Array
    classes: list[Any]

    def __init__(self, config: Any = None, seed: int = 0, **options: Any) -> None:
        super().__init__(config, seed, **options)
        self.preprocessor: Preprocessor | None = None
        self.history: list[dict[str, float]] = []

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        classes: Sequence[Any] | None = None,
        validation_data: Any = None,
        run: Run | None = None,
        quiet: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train the perceptron.

        Args:
            x: numbers ``[n, ...]``, or ``Batches`` of inputs and class indices.
            y: labels ``[n]``, numbers or strings.
            classes: names of the classes; required if ``x`` is ``Batches``.
            validation_data: ``(x, y)`` or ``Batches``; ``None`` holds out the fraction
                ``validation_split`` of the training data.
            run: saves the metrics.
            quiet: show no progress.
            callbacks: called during training.

        Raises:
            AgentlabError: if there are not exactly two classes, the classes are not linearly
                separable, or ``epochs`` is too small.
        """
        self.classes = distinct_labels(y) if classes is None else list(classes)
        check_classes(self.classes)
        if len(self.classes) > 2:
            names = ", ".join(map(str, self.classes))
            raise AgentlabError(
                f"there are {len(self.classes)} classes, {names}; a perceptron needs exactly 2"
            )
        split = self.config.validation_split
        x, y, validation_data = split_rows(x, y, validation_data, split, self.seed)
        self.preprocessor = fit_preprocessor(x, self.config.standardize, self.preprocessor)
        held_out = None
        if validation_data is not None:
            pair = isinstance(validation_data, tuple | list)
            held_out = self._examples(*(validation_data if pair else (validation_data,)))
        told = Callbacks(callbacks)
        told.on_start(self, run)
        self._learn_all(*self._examples(x, y), held_out, run, quiet, told)
        told.on_end()
        return self

    def _examples(self, x: Any, y: Any = None) -> tuple[Array, Array]:
        """Return rows that end in 1, float64 ``[n, inputs + 1]``, and targets, 0 or 1."""
        batches: Batches = x
        if not is_batches(x):
            batches = self._rows().batches(x, class_numbers(y, self.classes))
        rows, targets, _ = zip(*self._rows().blocks(batches), strict=True)
        return np.concatenate(rows), np.concatenate(targets)

    def _rows(self) -> Rows:
        if self.preprocessor is None:
            self.check_fitted()
        assert self.preprocessor is not None
        return Rows(self.preprocessor)

    def _learn_all(
        self,
        rows: Array,
        targets: Array,
        held_out: tuple[Array, Array] | None,
        run: Run | None,
        quiet: bool,
        callbacks: Callbacks,
    ) -> None:
        vars(self).pop("weights_", None)
        bound = np.sqrt(6 / rows.shape[1])  # Glorot & Bengio 2010; b is initialized to 0
        start = np.random.default_rng(self.seed).uniform(-bound, bound, rows.shape[1] - 1)
        weights = np.append(start, 0.0)
        self.history = []
        progress = Progress(self.config.epochs, 0, quiet, "epochs")
        if run is not None:
            run.rewind(None)  # training again is faster than loading
        for epoch in range(1, self.config.epochs + 1):
            order = np.random.default_rng(derive_seed(self.seed, epoch)).permutation(len(rows))
            errors = self.pass_over(weights, rows[order], targets[order])
            metrics = {"train/errors": errors, "train/accuracy": 1 - errors / len(rows)}
            if held_out is not None:
                right = (held_out[0] @ weights > 0) == held_out[1]
                metrics["validation/accuracy"] = float(right.mean())
            self.history.append(metrics)
            if run is not None:
                run.log(epoch, metrics, {})
            callbacks.on_metrics(epoch, metrics)
            progress.update(epoch, lambda: f"{self.history[-1]['train/errors']} errors")
            if not errors:
                break
        progress.close()
        if errors:
            raise self._refusal(rows[:, :-1], targets, errors)
        self.weights_ = weights

    def pass_over(self, weights: Array, rows: Array, targets: Array) -> int:
        """Train for one epoch, update ``weights`` in place, and return the number of errors."""
        errors = 0
        for row, target in zip(rows, targets.tolist(), strict=True):
            output = int(row @ weights > 0)
            if output != target:
                weights += self.config.learning_rate * (target - output) * row
                errors += 1
        return errors

    def _refusal(self, inputs: Array, targets: Array, errors: int) -> AgentlabError:
        """Return the error for data that are not classified correctly after all epochs."""
        shares = common_point(inputs, targets)
        if shares is None:
            return AgentlabError(
                f"epochs={self.config.epochs} is too small: {errors} of {len(inputs)} examples are "
                "misclassified, but the classes seem to be linearly separable"
            )
        mean, deviation = self._rows().units
        sides = []
        for number, name in enumerate(self.classes):
            points = inputs[(targets == number) & (shares > 0)] * deviation + mean
            sides.append(f"{len(points)} examples of class {name!r}")
            if points.shape[1] <= 3:
                sides[-1] += f" at {' and '.join(map(_point, points))}"
        return AgentlabError(
            "the classes are not linearly separable: the convex hulls of both have a point in "
            f"common, inside {sides[0]} and {sides[1]}; use a classifier with hidden layers"
        )

    @property
    def coef_(self) -> Array:
        """The weights of the raw inputs, float64 ``[inputs]``."""
        self.check_fitted()
        kernel, bias = self.weights_[:-1, None], self.weights_[-1:]
        return np.asarray(self._rows().in_own_units(kernel, bias)[0][:, 0])

    @property
    def intercept_(self) -> float:
        """The bias for raw inputs."""
        self.check_fitted()
        kernel, bias = self.weights_[:-1, None], self.weights_[-1:]
        return float(self._rows().in_own_units(kernel, bias)[1][0])

    def predict(self, x: Any) -> Array:
        """Return the label of each example, ``[n]``."""
        numbers = self._outputs(x)
        return np.asarray(np.asarray(self.classes)[numbers])

    def _outputs(self, x: Any) -> Array:
        self.check_fitted()
        outputs: Array = self._rows().of(x) @ self.weights_[:-1] + self.weights_[-1] > 0
        return outputs.astype(int)

    def predict_proba(self, x: Any) -> Array:
        """Return 1 for the predicted class and 0 for the other, float32 ``[n, 2]``."""
        outputs = self._outputs(x)
        return np.asarray(np.eye(2, dtype=np.float32)[outputs])

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Return ``accuracy`` and ``loss``, the mean of max(0, -s (w x + b)), s = 1 or -1."""
        self.check_fitted()
        rows, targets = self._examples(x, y)
        scores = rows @ self.weights_
        wrong_by = np.maximum(0, np.where(targets == 1, -scores, scores))
        accuracy = np.mean((scores > 0) == (targets == 1))
        return {"loss": float(wrong_by.mean()), "accuracy": float(accuracy)}

    def score(self, x: Any, y: Any = None) -> float:
        """Return the accuracy."""
        return self.evaluate(x, y)["accuracy"]

    def format_prediction(self, source: str, **options: Any) -> list[str]:
        """Return the predicted labels of the rows of a CSV file."""
        return [label for (label,) in self.tabulate(source, **options)[1]]

    def tabulate(self, source: str, *, encoding: str | None = None, **options: Any) -> Table:
        """Return the predicted labels of the rows of a CSV file as a table with a header."""
        labels = self.predict(self._rows().preprocessor.read(source, encoding))
        return ["prediction"], [[str(label)] for label in labels]

    def report(self, *data: Any) -> list[str]:
        """Return no lines beside the metrics."""
        return []

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Plot the confusion matrix and, for two inputs, the decision boundary."""
        from agentlab.plots.matrices import confusion_matrix
        from agentlab.plots.predictions import decision_line

        rows, targets = self._examples(x, y)
        names = [str(name) for name in self.classes]
        said = (rows @ self.weights_ > 0).astype(int)
        drawn = {"confusion": confusion_matrix(targets, said, names)}
        if len(self.weights_) == 3 and y is not None:
            inputs = self._rows().names(2)
            drawn["line"] = decision_line(np.asarray(x), y, self.coef_, self.intercept_, inputs)
        return drawn

    def projection(self, *data: Any) -> None:
        """Return nothing for TensorBoard's projector."""

    def inference_model(self) -> Any:
        """Return a Keras model from raw inputs to ``classes``, int32 indices ``[n]``."""
        self.check_fitted()
        raw, scores = self._rows().model(self.weights_[:-1, None], self.weights_[-1:])
        return keras.Model(raw, {"classes": keras.ops.cast(scores[:, 0] > 0, "int32")})

    def specification(self) -> dict[str, Any]:
        """Return the fitted preprocessor, the classes and the history."""
        fitted = self._rows().preprocessor
        described = {fitted.kind: fitted.to_json()}
        return {"preprocessor": described, "classes": self.classes, "history": self.history}

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Make a perceptron from its ``specification``."""
        perceptron = cls(config=config, seed=seed)
        ((kind, fitted),) = specification["preprocessor"].items()
        perceptron.preprocessor = load_preprocessor(kind, fitted)
        perceptron.classes = list(specification["classes"])
        perceptron.history = list(specification["history"])
        return perceptron


def _point(values: Array) -> str:
    return f"({', '.join(f'{value:.4g}' for value in values)})"
