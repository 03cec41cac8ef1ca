"""``Classifier``: classification of images, texts, rows of numbers and tables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from agentlab.config import option
from agentlab.data import Batch, Batches
from agentlab.data.batches import Array
from agentlab.data.image_files import find_images
from agentlab.errors import InvalidArgument
from agentlab.lazy import keras, tf
from agentlab.runs import Run
from agentlab.supervised.class_labels import class_numbers, distinct_labels
from agentlab.supervised.class_weights import Weighted, balanced_weights, class_counts, has_rare
from agentlab.supervised.confusion import balanced_metrics, confusion, say_confusion
from agentlab.supervised.features import FeatureTrainer, check_classes, is_image
from agentlab.supervised.net_checks import refuse_probabilities
from agentlab.supervised.options import Augmentation, Tokens
from agentlab.supervised.scikit_learn import ScikitLearn
from agentlab.training.callbacks import Callback
from agentlab.training.network import Network, Standardization
from agentlab.training.optimization import Optimization
from agentlab.training.presented import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 40  # example predictions in a plot
PROJECTED = 1000  # examples in TensorBoard's projector


@dataclass(frozen=True)
class ClassifierConfig(Augmentation, Standardization, Tokens, Network, Optimization):
    """Hyperparameters of ``classifier``."""

    label_smoothing: float = option(
        0.0, "label smoothing: fraction of each target spread over all classes", ge=0, lt=1
    )
    class_weights: Literal["none", "balanced"] = option(
        "none", "balanced weights examples by inverse class frequency"
    )


class Classifier(ScikitLearn, FeatureTrainer):
    """Minimizes the cross-entropy between the true class and softmax(net(x)).

    Attributes:
        classes: the labels of the classes, in the order of the net's outputs.
    """

    name = "classifier"
    Config: ClassVar[type] = ClassifierConfig
    monitor = ("accuracy", "max")
    score_metric = "accuracy"
    data_keys = ("preprocessor", "classes")
    config: ClassifierConfig
    classes: Sequence[Any] = ()

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        classes: Sequence[Any] | None = None,
        sample_weight: Any = None,
        validation_data: Any = None,
        run: Run | None = None,
        quiet: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train the network.

        Args:
            x: inputs ``[n, ...]``: images, rows of numbers, texts, word ids, or named columns; or
                ``Batches`` of network inputs and class indices.
            y: labels ``[n]``, numbers or strings; with ``classes``, class indices.
            classes: names of the classes; required if ``x`` is ``Batches``.
            sample_weight: weights of the examples ``[n]``; examples of weight 0 are left out.
            validation_data: ``(x, y)`` or ``Batches``; ``None`` holds out the fraction
                ``validation_split`` of the training data.
            run: saves metrics and checkpoints; training resumes from its newest checkpoint.
            quiet: show no progress.
            callbacks: called during training.

        Raises:
            AgentlabError: if there is only one class, or if x, y and the net do not match.
        """
        self._named = classes is not None
        if classes is not None:
            self.classes = np.asarray(classes).tolist()
        else:
            self.classes = [] if y is None else distinct_labels(y)
        self.note_features(x)
        train, held_out = self.prepare(x, y, validation_data, sample_weight)
        counts = class_counts(train, len(self.classes))
        self.monitor = ("balanced_accuracy" if has_rare(counts) else "accuracy", "max")
        if self.config.class_weights == "balanced":
            train = Weighted(train, balanced_weights(counts))
        return self.train(train, held_out, run, quiet, callbacks)

    @property
    def classes_(self) -> Array:
        """The labels of the classes, as scikit-learn names them; an error before ``fit``."""
        if not self.classes:
            raise AttributeError("classes_ is known after fit")
        return np.asarray(self.classes)

    def check_net(self, data: Batches) -> None:
        """Check a net's input and output shapes, and that it returns logits."""
        if self.given_net:
            refuse_probabilities(self, data)
        super().check_net(data)

    def learn_targets(self, x: Any, y: Any) -> int:
        """Return the number of classes."""
        if not self.classes:
            raise InvalidArgument("classes=None must be the names of the classes if x is Batches")
        check_classes(self.classes)
        return len(self.classes)

    def encode_targets(self, y: Any) -> Array:
        """Return class indices, int32 ``[n]``."""
        return class_numbers(y, range(len(self.classes)) if self._named else self.classes)

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        """Return ``loss`` (nats) and ``accuracy`` of each example, ``[b]``."""
        logits = self.forward(batch.inputs, training)  # [b, classes]
        targets, smoothing = tf.cast(batch.targets, tf.int32), self.config.label_smoothing
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        found = {"loss": loss, "accuracy": tf.argmax(logits, -1, tf.int32) == targets}
        if smoothing:
            spread = tf.reduce_mean(tf.nn.log_softmax(logits), -1)
            found["objective"] = (1 - smoothing) * loss - smoothing * spread
        return found

    def predict_proba(self, x: Any) -> Array:
        """Return the probability of each class, float32 ``[n, classes]``."""
        logits = self.outputs_of(x)
        shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))

    def predict(self, x: Any) -> Array:
        """Return the label of the most probable class, ``[n]``."""
        best = self.outputs_of(x).argmax(axis=-1)
        return np.asarray(np.asarray(self.classes)[best])

    def infer(self, outputs: Any) -> dict[str, Any]:
        """Return ``probabilities`` ``[n, classes]`` and ``classes``, int32 indices ``[n]``."""
        # Imported here because it loads Keras.
        from agentlab.nets.inference import most_likely

        classes = most_likely(outputs)
        return {"probabilities": keras.ops.softmax(outputs), "classes": classes}

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Evaluate on ``x`` and ``y``, or on ``Batches``.

        Returns:
            ``accuracy`` and ``loss`` (nats), and the means over the classes of recall
            (``balanced_accuracy``) and of F1 (``f1``), in which all classes count alike.
        """
        held_out = self.held_out(x, y)
        return {**super().evaluate_batches(held_out), **balanced_metrics(self._confusion(held_out))}

    def evaluate_batches(self, batches: Batches) -> dict[str, float]:
        """Return the means of ``test_step``, and ``balanced_metrics`` if they select the epoch."""
        means = super().evaluate_batches(batches)
        if self.monitor[0] in means:
            return means
        return {**means, **balanced_metrics(self._confusion(batches))}

    def _confusion(self, held_out: Batches) -> Array:
        """Return the confusion matrix, see ``confusion``."""
        true = np.concatenate([batch.targets for batch in held_out.epoch(1024)])
        predicted = np.asarray(self.outputs(held_out)).argmax(axis=-1)
        return confusion(true, predicted, len(self.classes))

    def report(self, x: Any, y: Any = None) -> list[str]:
        """Return precision, recall and F1 of each class, and the confusion matrix if small."""
        names = [str(name) for name in self.classes]
        return say_confusion(self._confusion(self.held_out(x, y)), names)

    def tabulate(self, source: str, *, encoding: str | None = None, **options: Any) -> Table:
        """Return a row per example: the predicted class and the probability of each class."""
        probabilities = self.predict_proba(self.read(source, encoding))
        names = [str(name) for name in self.classes]
        rows = [[names[row.argmax()], *(f"{p:.6f}" for p in row)] for row in probabilities]
        header = ["prediction", *(f"probability_{name}" for name in names)]
        assert self.preprocessor is not None
        if self.preprocessor.kind != "images" or not os.path.isdir(source):
            return header, rows
        files = find_images(Path(source))
        return ["file", *header], [[str(f), *row] for f, row in zip(files, rows, strict=True)]

    def format_prediction(self, source: str, *, top: int = 3, **options: Any) -> list[str]:
        """Return a line per example: its ``top`` most probable classes with probabilities."""
        header, rows = self.tabulate(source, **options)
        first, lines = header.index("prediction"), []
        for row in rows:
            probabilities = np.array(row[first + 1 :], np.float64)
            best = np.argsort(-probabilities, kind="stable")[:top]
            line = "   ".join(f"{self.classes[i]} {probabilities[i]:.4f}" for i in best)
            lines.append(f"{row[0]}: {line}" if first else line)
        return lines

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Plot the confusion matrix, and some images with their predicted labels."""
        from agentlab.plots.matrices import confusion_matrix
        from agentlab.plots.predictions import example_images

        held_out = self.held_out(x, y)
        true = np.concatenate([batch.targets for batch in held_out.epoch(1024)])
        said = np.asarray(self.outputs(held_out)).argmax(axis=-1)
        names = [str(name) for name in self.classes]
        drawn = {"confusion": confusion_matrix(true, said, names)}
        first = next(iter(held_out.epoch(SHOWN))).inputs
        if is_image(first):
            words = [
                names[a] if a == b else f"{names[a]}, not {names[b]}"
                for a, b in zip(said[:SHOWN], true[:SHOWN], strict=True)
            ]
            right = said[:SHOWN] == true[:SHOWN]
            drawn["examples"] = example_images(np.asarray(first), words, right)
        return drawn

    def projection(self, *data: Any) -> tuple[Array, Any, Array | None] | None:
        """Return the torso's features of some held-out examples, their classes and images."""
        first = next(iter(self.held_out(*data).epoch(PROJECTED)))
        inputs = np.asarray(first.inputs)
        if getattr(self.net, "torso", None) is None:
            return None
        labels = [self.classes[int(number)] for number in np.asarray(first.targets)]
        return self.features(inputs), labels, inputs if is_image(inputs) else None

    def specification(self) -> dict[str, Any]:
        """Return the fitted state other than weights."""
        return {**super().specification(), "classes": self.classes, "named": self._named}

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Make a classifier from its ``specification``."""
        trainer = super().from_specification(specification, config, seed, models)
        trainer.classes = list(specification["classes"])
        trainer._named = bool(specification["named"])
        return trainer
