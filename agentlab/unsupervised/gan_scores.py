"""``Scores``: the samples of a GAN compared with real inputs, by the features of a classifier."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from agentlab.data import Batches
from agentlab.data.batches import Array, evenly_spaced
from agentlab.errors import InvalidArgument
from agentlab.unsupervised.feature_classifier import FeatureClassifier, feature_classifier_of
from agentlab.unsupervised.sample_scores import sample_scores

GATHERED = 60_000  # maximum number of training inputs for the feature classifier
BYTES = 1 << 29  # and their maximum size in memory
FEWEST = 2  # real inputs to compare samples with


class Scores:
    """Compares generated inputs with real ones.

    Images are compared in the feature space of a classifier, numeric rows directly.

    Args:
        classifier: the feature classifier of images; ``None`` for numeric rows.
        count: number of samples to score; 0 for no scores.
        real: training inputs ``[n, ...]``, whose scores are the best that samples can reach;
            ``None`` for none.
    """

    def __init__(
        self, classifier: FeatureClassifier | None, count: int, real: Array | None = None
    ) -> None:
        self.classifier, self.count = classifier, count
        self._real = None if real is None else self._features(real)
        self._floors: dict[int, dict[str, float]] = {}

    @classmethod
    def fit(cls, data: Batches, labels: Array | None, count: int, seed: int, quiet: bool) -> Self:
        """Train a feature classifier on the training inputs, or load it from the cache.

        Args:
            data: the training data.
            labels: the class of each input, in the order of ``data``; ``None`` for its targets.
            count: number of samples to score; 0 for no classifier and no scores.
            seed: selects the training inputs to score for reference.
            quiet: show no progress.
        """
        if not count:
            return cls(None, 0)
        inputs, targets = _gathered(data)
        labels = targets if labels is None else labels[: len(inputs)]
        classifier = feature_classifier_of(inputs, labels, quiet) if inputs.ndim == 4 else None
        order = np.random.default_rng(seed).permutation(len(inputs))[:count]
        return cls(classifier, count, inputs[np.sort(order)])

    def of(self, held_out: Batches, make: Callable[[int], Array]) -> dict[str, float]:
        """Return the scores of samples against held-out inputs, by name.

        Args:
            held_out: the data, of which ``count`` inputs are used, evenly spaced.
            make: returns the given number of generated inputs.

        Returns:
            See ``sample_scores``; if the classifier has classes, also ``rarest_class``, the
            fraction of samples in the rarest class, and ``effective_classes``, the exponential of
            the entropy of the class fractions. ``real_frechet`` and so on are the scores of
            training inputs.

        Raises:
            InvalidArgument: if there are fewer than 2 held-out inputs.
        """
        # In some data sets, the first examples differ: in MNIST's test set, they are cleaner.
        chosen = evenly_spaced(held_out.size, self.count)
        if len(chosen) < FEWEST:
            raise InvalidArgument(
                f"there are {len(chosen)} inputs to compare samples with; pass 2 or more"
            )
        parts, seen = [], 0
        for batch in held_out.epoch(256):
            inputs = np.asarray(batch.inputs)
            first, stop = np.searchsorted(chosen, (seen, seen + len(inputs)))
            parts.append(inputs[chosen[first:stop] - seen])
            seen += len(inputs)
        wanted = self._features(np.concatenate(parts))
        made = make(len(wanted))
        scores = sample_scores(wanted, self._features(made))
        if self.classifier is not None and self.classifier.classes:
            fractions = np.array(list(self.classifier.class_fractions(made).values()))
            some = fractions[fractions > 0]
            scores["effective_classes"] = math.exp(-float(some @ np.log(some)))
            scores["rarest_class"] = float(fractions.min())
        return {**scores, **self._floor(wanted)}

    def _floor(self, wanted: Array) -> dict[str, float]:
        """Return the scores of equally many training inputs, computed only once."""
        if self._real is None:
            return {}
        key = hash(wanted.tobytes())
        if key not in self._floors:
            found = sample_scores(wanted, self._real[: len(wanted)])
            names = ("frechet", "kernel", "precision", "recall")
            self._floors[key] = {f"real_{name}": found[name] for name in names}
        return self._floors[key]

    def _features(self, inputs: Array) -> Array:
        if self.classifier is not None:
            return self.classifier.features(inputs)
        return np.asarray(inputs.reshape(len(inputs), -1), np.float32)

    def describe(self) -> list[str]:
        """Return a line that describes the feature classifier, if there is one."""
        if self.classifier is None:
            return []
        about: dict[str, Any] = self.classifier.trained_on
        classes = about["classes"]
        what = classes if isinstance(classes, str) else f"{len(classes)} classes"
        return [
            f"feature classifier: trained on {about['images']:,} images of {what}, "
            f"accuracy {about['accuracy']:.4f} on held-out images"
        ]


def _gathered(data: Batches) -> tuple[Array, Array]:
    """Return training inputs and targets, up to ``GATHERED`` examples and ``BYTES``."""
    inputs, targets, size = [], [], 0
    for batch in data.epoch(256):
        assert isinstance(batch.inputs, np.ndarray)
        inputs.append(batch.inputs)
        targets.append(np.asarray(batch.targets))
        size += batch.inputs.nbytes
        if 256 * len(inputs) >= GATHERED or size >= BYTES:
            break
    return np.concatenate(inputs), np.concatenate(targets)
