"""Classification: which of several classes an example belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from agentlab.config import option
from agentlab.data.batches import Array
from agentlab.errors import AgentlabError
from agentlab.lazy import keras, tf
from agentlab.runs import Run
from agentlab.supervised.features import (
    FeatureTrainer,
    FeatureTrainerConfig,
    check_classes,
    streams,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 40  # example predictions in a plot
PROJECTED = 1000  # examples in TensorBoard's projector


@dataclass(frozen=True)
class ClassifierConfig(FeatureTrainerConfig):
    """Hyperparameters of ``classifier``."""

    label_smoothing: float = option(0.0, "fraction of each target spread over all classes")
    class_weights: Literal["none", "balanced"] = option(
        "none", "balanced: rare classes count for as much as frequent ones"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.label_smoothing < 1:
            raise AgentlabError(f"label_smoothing={self.label_smoothing} must be from 0 to below 1")


class Classifier(FeatureTrainer):
    """Minimizes the cross-entropy of softmax(net(x)) and the true class.

    Attributes:
        classes: the classes' labels, in the order of the net's outputs.
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
    ) -> Self:
        """Learn to tell classes apart.

        Args:
            x: inputs ``[n, ...]``: images (uint8 is divided by 255), rows of numbers
                (standardized by what the training split shows), ids of words; or ``Batches`` whose
                targets are the numbers of classes.
            y: labels ``[n]``, numbers or texts; with ``classes``, indices into them.
            classes: names of the classes; needed where ``x`` is ``Batches``.
            validation_data: ``(x, y)`` or ``Batches`` held out; ``None`` splits off the fraction
                ``validation_split``.
            run: where metrics and checkpoints go, and where they are taken up again.
            quiet: show no progress.

        Raises:
            AgentlabError: for one class only, data that do not fit together or do not fit the net.
        """
        self._named = classes is not None
        if classes is not None:
            self.classes = np.asarray(classes).tolist()
        else:
            self.classes = [] if streams(x) else _distinct(y)
        if self.net is not None and _ends_in_softmax(self.net):
            raise AgentlabError(
                "the net ends in softmax, but must give logits; leave the last activation out"
            )
        train, held_out = self._prepare(x, y, validation_data)
        self._train(train, held_out, run, quiet)
        return self

    def _learn_targets(self, x: Any, y: Any) -> int:
        if not self.classes:
            raise AgentlabError("classes=None: name the classes where x is Batches")
        check_classes(self.classes)
        return len(self.classes)

    def _targets(self, y: Any) -> Array:
        """Return the classes' numbers, int32 ``[n]``."""
        labels: Sequence[Any] = range(len(self.classes)) if self._named else self.classes
        numbers = {label: number for number, label in enumerate(labels)}
        y = _flat(y).tolist()
        unknown = [label for label in y if label not in numbers]
        if unknown:
            known = ", ".join(map(str, labels[:10])) + (", ..." if len(labels) > 10 else "")
            raise AgentlabError(
                f"y holds the class {unknown[0]!r}, which was not trained; there are {known}"
            )
        return np.array([numbers[label] for label in y], np.int32)

    def _weights(self, targets: Array) -> Array | None:
        if self.config.class_weights == "none":
            return None
        counts = np.bincount(targets, minlength=len(self.classes))
        weights = len(targets) / (len(self.classes) * np.maximum(counts, 1))
        return np.asarray(weights[targets], np.float32)

    def losses(self, outputs: Any, targets: Any) -> Any:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(targets, tf.int32), outputs)

    def objective(self, outputs: Any, targets: Any) -> Any:
        smoothing, loss = self.config.label_smoothing, self.losses(outputs, targets)
        if not smoothing:
            return loss
        return (1 - smoothing) * loss - smoothing * tf.reduce_mean(tf.nn.log_softmax(outputs), -1)

    def metrics(self, outputs: Any, targets: Any) -> dict[str, Any]:
        return {"accuracy": tf.argmax(outputs, -1, tf.int32) == tf.cast(targets, tf.int32)}

    def predict_proba(self, x: Any) -> Array:
        """Return the probability of each class, float32 ``[n, classes]``."""
        logits = self._outputs_of(x)
        shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))

    def predict(self, x: Any) -> Array:
        """Return the label of the likeliest class, ``[n]``."""
        best = self._outputs_of(x).argmax(axis=-1)
        return np.asarray(np.asarray(self.classes)[best])

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Return ``accuracy`` and ``loss`` (nats) on ``x`` and ``y``, or on ``Batches``."""
        self._need_net()
        return self._evaluate(self._held_out(x, y))

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Draw the confusion matrix, and some images with their predicted labels."""
        from agentlab.plots.matrices import confusion_matrix
        from agentlab.plots.predictions import example_images

        held_out = self._held_out(x, y)
        true = np.concatenate([batch.targets for batch in held_out.epoch(1024)])
        said = np.asarray(self._outputs(held_out)).argmax(axis=-1)
        names = [str(name) for name in self.classes]
        drawn = {"confusion": confusion_matrix(true, said, names)}
        first = next(iter(held_out.epoch(SHOWN))).inputs
        if isinstance(first, np.ndarray) and first.dtype == np.uint8 and first.ndim > 2:
            words = [
                names[a] if a == b else f"{names[a]}, not {names[b]}"
                for a, b in zip(said[:SHOWN], true[:SHOWN], strict=True)
            ]
            drawn["examples"] = example_images(first, words, said[:SHOWN] == true[:SHOWN])
        return drawn

    def projection(self, *data: Any) -> tuple[Array, Any, Array | None] | None:
        """Return the torso's features of some held-out examples, their classes and images."""
        first = next(iter(self._held_out(*data).epoch(PROJECTED)))
        inputs = np.asarray(first.inputs)
        if getattr(self.net, "torso", None) is None:
            return None
        labels = [self.classes[number] for number in first.targets]
        is_image = inputs.dtype == np.uint8 and inputs.ndim == 4
        return self._features(inputs), labels, inputs if is_image else None

    def _fitted(self) -> dict[str, Any]:
        return {**super()._fitted(), "classes": self.classes, "named": self._named}

    def _restore_fitted(self, described: Mapping[str, Any]) -> None:
        super()._restore_fitted(described)
        self.classes, self._named = list(described["classes"]), bool(described["named"])


def _flat(y: Any) -> Array:
    """Return labels as an array ``[n]``."""
    labels: Array = np.asarray(y)
    if labels.ndim != 1:
        raise AgentlabError(f"y has the shape {list(labels.shape)}; it must be [n], a label each")
    return labels


def _distinct(y: Any) -> list[Any]:
    """Return all labels that occur, in order."""
    found = set(_flat(y).tolist())
    if any(label is None or label != label for label in found):
        raise AgentlabError("y lacks some labels: it holds None or nan")
    try:
        return sorted(found)
    except TypeError:
        raise AgentlabError("y holds texts and numbers; labels must be of one kind") from None


def _ends_in_softmax(net: Any) -> bool:
    last = net.layers[-1]
    softmax = getattr(last, "activation", None) is keras.activations.softmax
    return softmax or isinstance(last, keras.layers.Softmax)
