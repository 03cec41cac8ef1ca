"""``FeatureClassifier``: its features are used to score samples, like those of Inception in FID."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from agentlab.config import override
from agentlab.data import Arrays, Batch, Batches
from agentlab.data.batches import Array
from agentlab.data.cache import cache_folder
from agentlab.errors import AgentlabError
from agentlab.lazy import tf
from agentlab.nets import make_net
from agentlab.training.examples import applied
from agentlab.training.optimization import Optimization
from agentlab.training.optimizers import ScheduleName
from agentlab.training.trainer import Trainer

FOLDER, VERSION = "feature_classifiers", 2
MOST_CLASSES = 1000
BLOCK = 256  # examples that are computed at once


@dataclass(frozen=True)
class FeatureClassifierConfig(Optimization):
    """Hyperparameters of ``FeatureClassifier``."""

    epochs: int = override(Optimization, "epochs", 6)
    batch_size: int = override(Optimization, "batch_size", 128)
    learning_rate: float = override(Optimization, "learning_rate", 2e-3)
    schedule: ScheduleName = override(Optimization, "schedule", "cosine")


class FeatureClassifier(Trainer):
    """A classifier of images by label or, without labels, by rotation.

    Without labels, it learns to predict by which multiple of 90 degrees an image was rotated
    (Gidaris et al. 2018), or whether by 180 degrees if it is not square.

    Attributes:
        classes: names of the classes; empty without labels.
        trained_on: number of images, their classes, and the accuracy on held-out images.
    """

    name = "feature_classifier"
    Config: ClassVar[type] = FeatureClassifierConfig
    monitor = ("accuracy", "max")
    score_metric = "accuracy"
    config: FeatureClassifierConfig
    classes: list[str]
    trained_on: dict[str, Any]

    def build(self, data: Batches) -> None:
        """Build a small convolutional network."""
        first = next(iter(data.epoch(1))).inputs
        assert isinstance(first, np.ndarray)
        self.net = make_net(
            "lenet",
            first.shape[1:],
            len(self.classes) or _turns(first.shape[1:]),
            self.seed,
            0.25,
            filters=(16, 32),
            units=128,
            scale=255.0 if first.dtype == np.uint8 else 1.0,
        )

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        """Return ``loss`` (nats) and ``accuracy`` of each example, ``[b]``."""
        logits = self.forward(batch.inputs, training)  # [b, classes]
        targets = tf.cast(batch.targets, tf.int32)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        return {"loss": loss, "accuracy": tf.argmax(logits, -1, tf.int32) == targets}

    def features(self, images: Array) -> Array:
        """Return the features of network inputs, float32 ``[n, features]``."""
        return self._in_blocks("features", lambda x: self.net.torso(x), images)

    def class_fractions(self, images: Array) -> dict[str, float]:
        """Return the fraction of images assigned to each class; empty without labels."""
        if not self.classes:
            return {}
        chosen = self._in_blocks("chosen", lambda x: tf.argmax(self.net(x), -1), images)
        counts = np.bincount(chosen, minlength=len(self.classes)) / len(images)
        return dict(zip(self.classes, counts.tolist(), strict=True))

    def _in_blocks(self, name: str, function: Any, images: Array) -> Array:
        step = self.compiled(name, lambda: tf.function(function, reduce_retracing=True))
        parts = [
            applied(step, tf.constant(images[i : i + BLOCK])).numpy()
            for i in range(0, len(images), BLOCK)
        ]
        return np.concatenate(parts)

    def specification(self) -> dict[str, Any]:
        """Return the specification of the base class, the classes and ``trained_on``."""
        return {
            **super().specification(),
            "classes": self.classes,
            "trained_on": self.trained_on,
        }

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Make a classifier from its ``specification``."""
        classifier = super().from_specification(specification, config, seed, models)
        classifier.classes = [str(name) for name in specification["classes"]]
        classifier.trained_on = dict(specification["trained_on"])
        return classifier


def feature_classifier_of(
    images: Array, labels: Array | None, quiet: bool = False
) -> FeatureClassifier:
    """Return a classifier trained on ``images``, loaded from the cache if it was trained before.

    Args:
        images: network inputs, ``[n, height, width, channels]``.
        labels: the class of each image; ``None``, or labels of one class, for no labels.
        quiet: show no progress.
    """
    names = [] if labels is None else sorted({str(label) for label in labels.tolist()})
    classes = names if 1 < len(names) <= MOST_CLASSES else []
    numbers = None
    if classes:
        assert labels is not None
        numbers = np.searchsorted(classes, [str(label) for label in labels.tolist()])
    folder = cache_folder() / FOLDER / _digest(images, numbers, classes)
    try:
        return FeatureClassifier.load(folder)
    except AgentlabError:  # not trained yet, or damaged
        classifier = _train(images, numbers, classes, quiet)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        classifier.save(folder)
    except (OSError, AgentlabError):
        pass  # the cache cannot be written; the classifier will be trained again next time
    return classifier


def _train(
    images: Array, numbers: Array | None, classes: list[str], quiet: bool
) -> FeatureClassifier:
    classifier = FeatureClassifier(seed=0)
    classifier.classes = classes
    if numbers is None:
        turns = _turns(images.shape[1:])
        step = 4 // turns
        turned = [np.rot90(images, step * i, axes=(1, 2)) for i in range(turns)]
        images, numbers = np.concatenate(turned), np.repeat(np.arange(turns), len(images))
    held = max(len(images) // 20, 1)
    order = np.random.default_rng(0).permutation(len(images))
    train, rest = (Arrays(images[rows], numbers[rows]) for rows in (order[held:], order[:held]))
    if not quiet:
        import sys

        print("training a classifier to score samples; it is cached", file=sys.stderr, flush=True)
    classifier.fit(train, validation_data=rest, quiet=quiet)
    # Without the state of dropout, a classifier that was just trained equals a loaded one.
    net = type(classifier.net).from_config({**classifier.net.get_config(), "dropout": 0.0})
    net.build((None, *images.shape[1:]))
    net.set_weights([v.numpy() for v in classifier.net.variables if "seed_generator" not in v.path])
    classifier.net = net
    classifier.trained_on = {
        "images": len(order),
        "classes": classes or f"{_turns(images.shape[1:])} rotations",
        "accuracy": classifier.evaluate(rest)["accuracy"],
    }
    return classifier


def _turns(shape: tuple[int, ...]) -> int:
    """Return the number of rotations: 4, or 2 if the images are not square."""
    return 4 if shape[0] == shape[1] else 2


def _digest(images: Array, numbers: Array | None, classes: list[str]) -> str:
    """Return the name of a classifier's folder: a checksum of its training data."""
    found = hashlib.sha256(f"{VERSION} {images.shape} {images.dtype} {classes}".encode())
    found.update(np.ascontiguousarray(images).tobytes())
    if numbers is not None:
        found.update(np.ascontiguousarray(numbers.astype(np.int32)).tobytes())
    return found.hexdigest()[:24]
