"""The perceptron: one threshold unit, taught by its mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from agentlab.config import option
from agentlab.data import Batches
from agentlab.data.batches import Array
from agentlab.errors import AgentlabError
from agentlab.lazy import tf
from agentlab.runs import Progress, Run, derive_seed
from agentlab.supervised.classifier import Classifier, ClassifierConfig
from agentlab.supervised.linear import Linear

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class PerceptronConfig(ClassifierConfig):
    """Hyperparameters of ``perceptron``: ``epochs``, ``learning_rate`` and ``standardize``."""

    epochs: int = option(1000, "passes over the training data at most")
    learning_rate: float = option(0.4, "eta, what a mistake moves the weights by")
    hidden: tuple[int, ...] = option((), "must be empty: a perceptron has one layer")
    validation_split: float = option(
        0.0, "fraction of the training data held out, where none is given"
    )


class Perceptron(Linear, Classifier):
    """Says the second class where w x + b > 0 (Rosenblatt 1958).

    An example that it gets wrong moves its weights by eta (target - output) x. That ends, with
    every example right, if and only if a line (a hyperplane) parts the classes (Novikoff 1962).
    Data that no line parts are refused, with a proof. ``history`` counts the errors of each pass.

    Attributes:
        coef_: w, float64 ``[inputs]``, of inputs as they were given.
        intercept_: b.
    """

    name = "perceptron"
    Config: ClassVar[type] = PerceptronConfig
    config: PerceptronConfig

    @property
    def coef_(self) -> Array:
        """See ``Perceptron``."""
        self._need_net()
        return np.asarray(self._own_units()[0][:, 0])

    @property
    def intercept_(self) -> float:
        """See ``Perceptron``."""
        self._need_net()
        return float(self._own_units()[1][0])

    def _learn_targets(self, x: Any, y: Any) -> int:
        if super()._learn_targets(x, y) > 2:
            names = ", ".join(map(str, self.classes))
            raise AgentlabError(
                f"there are {len(self.classes)} classes, {names}; a perceptron tells 2 apart"
            )
        return 1

    def _train(
        self,
        train: Batches,
        validation: Batches | None = None,
        run: Run | None = None,
        quiet: bool = False,
    ) -> None:
        rows, targets = self._examples(train)
        held_out = None if validation is None else self._examples(validation)
        kernel, bias = self.net.head.get_weights()
        weights = np.append(kernel, bias).astype(np.float64)
        self.history = []
        progress = Progress(self.config.epochs, 0, quiet, "epochs")
        if run is not None:
            run.rewind(None)  # it is sooner learned again than loaded
        for epoch in range(1, self.config.epochs + 1):
            order = np.random.default_rng(derive_seed(self.seed, epoch)).permutation(len(rows))
            errors = self._learn(weights, rows[order], targets[order])
            metrics = {"train/errors": errors, "train/accuracy": 1 - errors / len(rows)}
            if held_out is not None:
                right = (held_out[0] @ weights > 0) == held_out[1]
                metrics["validation/accuracy"] = float(right.mean())
            self.history.append(metrics)
            if run is not None:
                run.log(epoch, metrics, {})
            progress.update(epoch, lambda: f"{self.history[-1]['train/errors']} errors")
            if not errors:
                break
        progress.close()
        if errors:
            refusal = self._refusal(rows[:, :-1], targets, errors)
            self.net = None
            raise refusal
        self.net.head.set_weights([weights[:-1, None], weights[-1:]])
        if run is not None:
            run.save_checkpoint(1, epoch, lambda folder: self.save(folder / "trainer"), {})

    def _examples(self, batches: Batches) -> tuple[Array, Array]:
        rows, targets, _ = zip(*self._rows(batches), strict=True)
        return np.concatenate(rows), np.concatenate(targets)

    def _learn(self, weights: Array, rows: Array, targets: Array) -> int:
        """Go through all examples once, change ``weights`` in place, and count the errors."""
        errors = 0
        for row, target in zip(rows, targets.tolist(), strict=True):
            output = int(row @ weights > 0)
            if output != target:
                weights += self.config.learning_rate * (target - output) * row
                errors += 1
        return errors

    def _refusal(self, inputs: Array, targets: Array, errors: int) -> AgentlabError:
        """Say why the data were not learned."""
        shares = common_point(inputs, targets)
        if shares is None:
            return AgentlabError(
                f"epochs={self.config.epochs} are too few: {errors} of {len(inputs)} examples are "
                f"still wrong, though a line seems to part the classes"
            )
        mean, deviation = self._units_of_inputs
        sides = []
        for number, name in enumerate(self.classes):
            points = inputs[(targets == number) & (shares > 0)] * deviation + mean
            sides.append(f"{len(points)} of class {name!r}")
            if points.shape[1] <= 3:
                sides[-1] += f" at {' and '.join(map(_point, points))}"
        return AgentlabError(
            "no line parts the two classes, so no perceptron can learn them: one and the same "
            f"point lies between examples of both, {sides[0]}, {sides[1]}; "
            "use a classifier with hidden layers"
        )

    def _forward(self, inputs: Any, training: bool) -> Any:
        """Return scores of both classes, of which that of the first is 0."""
        score = super()._forward(inputs, training)
        return tf.concat([tf.zeros_like(score), score], axis=-1)

    def losses(self, outputs: Any, targets: Any) -> Any:
        """Return how far an example is on the wrong side: the perceptron criterion."""
        score = outputs[:, 1]
        return tf.nn.relu(tf.where(targets == 1, -score, score))

    def predict_proba(self, x: Any) -> Array:
        """Return the unit's output, which knows no doubt: 0 or 1 for each class, ``[n, 2]``."""
        return np.asarray(np.eye(2, dtype=np.float32)[self._outputs_of(x).argmax(axis=-1)])

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Draw the confusion matrix and, where there are two inputs, the line that was found."""
        from agentlab.plots.predictions import embedding_scatter
        from agentlab.plots.style import INK, tidy

        drawn = super().plots(x, y)
        if self.net.torso.features != 2 or y is None:
            return drawn
        figure = embedding_scatter(np.asarray(x), y)
        axes, (first, second) = figure.axes[0], self._names_of_inputs()
        tidy(axes, "where the perceptron changes its mind", first, second)
        axes.margins(0.2)
        normal, offset = self.coef_, self.intercept_
        foot = -offset * normal / (normal @ normal)
        axes.axline(foot, foot + [-normal[1], normal[0]], color=INK)
        return {**drawn, "line": figure}


def common_point(inputs: Array, targets: Array) -> Array | None:
    """Find a point that is a weighted mean of examples of each of two classes.

    It would lie on both sides of a line that parts the classes; so there is no such line if and
    only if there is such a point (Kirchberger 1903).

    Args:
        inputs: float ``[n, d]``.
        targets: 0 or 1, ``[n]``; both occur.

    Returns:
        Each example's weight in its class' mean, ``[n]``, most of them 0. ``None`` where there is
        no such point, or none was found.
    """
    from scipy.optimize import linprog

    first = targets == 0
    size = np.abs(inputs).max(axis=0)
    rows = inputs / np.where(size > 0, size, 1)
    means_differ_by = np.where(first, 1, -1) * rows.T
    conditions = np.vstack([means_differ_by, first, ~first])
    values = np.append(np.zeros(inputs.shape[1]), [1, 1])
    found = linprog(np.zeros(len(rows)), A_eq=conditions, b_eq=values, method="highs")
    return np.asarray(found.x) if found.success else None


def _point(values: Array) -> str:
    return f"({', '.join(f'{value:.4g}' for value in values)})"
