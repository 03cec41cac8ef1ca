"""``Classifier``: classification of images, texts, rows of numbers and tables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from agentlab.config import option
from agentlab.data import Batch
from agentlab.data.batches import Array
from agentlab.data.image_files import find_images
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import keras, tf
from agentlab.runs import Run
from agentlab.supervised.features import FeatureTrainer, check_classes, is_image
from agentlab.supervised.options import Augmentation, Network, Standardization, Tokens
from agentlab.training.callbacks import Callback
from agentlab.training.examples import is_batches
from agentlab.training.optimization import Optimization

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


class Classifier(FeatureTrainer):
    """Minimizes the cross-entropy between the true class and softmax(net(x)).

    Attributes:
        classes: the labels of the classes, in the order of the net's outputs.
    """

    name = "classifier"
    Config: ClassVar[type] = ClassifierConfig
    monitor = ("accuracy", "max")
    score_metric = "accuracy"
    config: ClassifierConfig
    classes: list[Any]

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
        """Train the network.

        Args:
            x: inputs ``[n, ...]``: images, rows of numbers, texts, word ids, or named columns; or
                ``Batches`` of network inputs and class indices.
            y: labels ``[n]``, numbers or strings; with ``classes``, class indices.
            classes: names of the classes; required if ``x`` is ``Batches``.
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
            self.classes = [] if is_batches(x) else distinct_labels(y)
        if self.given_net and _ends_in_softmax(self.net):
            raise AgentlabError(
                "the net ends in softmax, but must return logits; remove the last activation"
            )
        train, held_out = self.prepare(x, y, validation_data)
        return self.train(train, held_out, run, quiet, callbacks)

    def learn_targets(self, x: Any, y: Any) -> int:
        """Return the number of classes."""
        if not self.classes:
            raise InvalidArgument("classes=None must be the names of the classes if x is Batches")
        check_classes(self.classes)
        return len(self.classes)

    def encode_targets(self, y: Any) -> Array:
        """Return class indices, int32 ``[n]``."""
        return class_numbers(y, range(len(self.classes)) if self._named else self.classes)

    def example_weights(self, targets: Array) -> Array | None:
        """Return the weight of each training example, by the frequency of its class."""
        if self.config.class_weights == "none":
            return None
        counts = np.bincount(targets, minlength=len(self.classes))
        weights = len(targets) / (len(self.classes) * np.maximum(counts, 1))
        return np.asarray(weights[targets], np.float32)

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
        classes = keras.ops.cast(keras.ops.argmax(outputs, -1), "int32")
        return {"probabilities": keras.ops.softmax(outputs), "classes": classes}

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Return ``accuracy`` and ``loss`` (nats) on ``x`` and ``y``, or on ``Batches``."""
        return self.evaluate_batches(self.held_out(x, y))

    def format_prediction(self, source: str, *, top: int = 3, **options: Any) -> list[str]:
        """Return a line per example: its ``top`` most probable classes with probabilities."""
        lines = []
        for row in self.predict_proba(self.read(source)):
            best = np.argsort(-row, kind="stable")[:top]
            lines.append("   ".join(f"{self.classes[i]} {row[i]:.4f}" for i in best))
        if not os.path.isdir(source):
            return lines
        files = find_images(Path(source))
        return [f"{file}: {line}" for file, line in zip(files, lines, strict=True)]

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
        labels = [self.classes[number] for number in first.targets]
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


def class_numbers(y: Any, labels: Sequence[Any]) -> Array:
    """Return the index of each label in ``labels``, int32 ``[n]``.

    Raises:
        InvalidArgument: for a label that is not in ``labels``.
    """
    numbers = {label: number for number, label in enumerate(labels)}
    given = _flat(y).tolist()
    unknown = [label for label in given if label not in numbers]
    if unknown:
        known = ", ".join(map(str, labels[:10])) + (", ..." if len(labels) > 10 else "")
        raise InvalidArgument(f"y contains the class {unknown[0]!r}, which must be one of {known}")
    return np.array([numbers[label] for label in given], np.int32)


def distinct_labels(y: Any) -> list[Any]:
    """Return the distinct labels of ``y``, sorted.

    Raises:
        InvalidArgument: if labels are missing or of different types.
    """
    found = set(_flat(y).tolist())
    if any(label is None or label != label for label in found):
        raise InvalidArgument("y contains None or NaN; every example needs a label")
    try:
        return sorted(found)
    except TypeError:
        raise InvalidArgument(
            "y contains strings and numbers; all labels must be of one type"
        ) from None


def _flat(y: Any) -> Array:
    """Return labels as an array ``[n]``."""
    labels: Array = np.asarray(y)
    if labels.ndim != 1:
        raise InvalidArgument(f"y has the shape {list(labels.shape)}, but labels must be [n]")
    return labels


def _ends_in_softmax(net: Any) -> bool:
    last = net.layers[-1]
    softmax = getattr(last, "activation", None) is keras.activations.softmax
    return softmax or isinstance(last, keras.layers.Softmax)
