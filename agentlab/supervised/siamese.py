"""Learning what is alike: an embedding in which examples of one class lie close together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from agentlab.config import option
from agentlab.data import Arrays, Batch
from agentlab.data.batches import Array
from agentlab.errors import AgentlabError
from agentlab.lazy import tf
from agentlab.runs import Run
from agentlab.supervised.classifier import PROJECTED
from agentlab.supervised.features import (
    FeatureTrainer,
    FeatureTrainerConfig,
    check_classes,
    streams,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REMEMBERED = 5000  # training examples among which neighbors are looked for

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SiameseConfig(FeatureTrainerConfig):
    """Hyperparameters of ``siamese``."""

    embedding: int = option(2, "dimensions that examples are embedded in")
    margin: float = option(1.0, "how far apart examples of different classes are pushed")
    neighbors: int = option(5, "nearest training examples that vote on a class")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("embedding", "margin", "neighbors"):
            if getattr(self, name) <= 0:
                raise AgentlabError(f"{name}={getattr(self, name)} must be more than 0")
        if any(self.moves):
            raise AgentlabError("flip, rotate, shift and zoom cannot be used on pairs")


class Pairs:
    """Each example once with a partner, half of the time of its own class; new pairs each epoch.

    A batch's inputs are two arrays ``[b, ...]``, its targets int32 ``[b]``: 1 for the same class.

    Args:
        inputs: examples ``[n, ...]``.
        numbers: their classes, int ``[n]``; where there is but one, all pairs are alike.
        seed: of the pairs of an epoch without a seed of its own.
    """

    ragged = False

    def __init__(self, inputs: Array, numbers: Numbers, seed: int = 0) -> None:
        self.inputs, self.size, self.seed = inputs, len(inputs), seed
        self._by_class = np.argsort(numbers, kind="stable")
        counts = np.bincount(numbers)
        self._count = counts[numbers]  # of each example's class, and where in by_class it begins
        self._begin = (np.cumsum(counts) - counts)[numbers]
        self._place = np.empty(self.size, np.int64)
        self._place[self._by_class] = np.arange(self.size)

    def count(self, batch: int) -> int:
        """Return how many batches an epoch has."""
        return -(-self.size // batch)

    def epoch(self, batch: int, seed: int | None = None) -> Iterator[Batch]:
        """Go through all examples once; see ``Batches``. Without a seed the pairs stay the same."""
        rng = np.random.default_rng(self.seed if seed is None else seed)
        first = rng.permutation(self.size)
        lone = self._count[first] == self.size  # its class is the only one
        same = np.where(lone, 1, np.arange(self.size) % 2)
        second = np.where(same, self._alike(first, rng), self._unlike(first, rng))
        for start in range(0, self.size, batch):
            rows = slice(start, start + batch)
            pair = self.inputs[first[rows]], self.inputs[second[rows]]
            targets = same[rows].astype(np.int32)
            yield Batch(pair, targets, np.ones(len(targets), np.float32))

    def _alike(self, first: Numbers, rng: np.random.Generator) -> Numbers:
        """Draw for each example another of its class (itself where it is the only one)."""
        count, begin = self._count[first], self._begin[first]
        steps = 1 + rng.integers(np.maximum(count - 1, 1))
        return self._by_class[begin + (self._place[first] - begin + steps) % count]

    def _unlike(self, first: Numbers, rng: np.random.Generator) -> Numbers:
        """Draw for each example one of another class."""
        count, begin = self._count[first], self._begin[first]
        places = rng.integers(np.maximum(self.size - count, 1))
        return self._by_class[(places + np.where(places >= begin, count, 0)) % self.size]


class SiameseTrainer(FeatureTrainer):
    """Draws examples of one class together and pushes others apart (Hadsell et al. 2006).

    Attributes:
        classes: the classes' labels.
    """

    name = "siamese"
    Config: ClassVar[type] = SiameseConfig
    score_metric = "knn_accuracy"
    config: SiameseConfig
    classes: list[Any]
    _remembered: Array | None = None  # inputs of the training split
    _points: Array  # where those lie, of a loaded trainer
    _numbers: Numbers  # and their classes
    _watched: Any = None  # Arrays held out

    def fit(
        self,
        x: Any,
        y: Any,
        *,
        validation_data: tuple[Any, Any] | None = None,
        run: Run | None = None,
        quiet: bool = False,
    ) -> Self:
        """Learn to embed.

        Args:
            x: inputs ``[n, ...]`` as for ``Classifier``.
            y: labels ``[n]``, numbers or texts.
            validation_data: ``(x, y)`` held out; ``None`` splits off the fraction
                ``validation_split``.
            run: where metrics and checkpoints go, and where they are taken up again.
            quiet: show no progress.

        Raises:
            AgentlabError: for one class only, data that do not fit together or do not fit the net.
        """
        if streams(x):
            raise AgentlabError("x is Batches, but pairs are drawn from arrays")
        train, held_out = self._prepare(x, y, validation_data)
        assert isinstance(train, Arrays)
        self._watched = held_out
        some = np.random.default_rng(self.seed).permutation(train.size)[:REMEMBERED]
        self._remembered, self._numbers = train.inputs[some], train.targets[some]
        watched = None if held_out is None else self._pairs(held_out)
        self._train(self._pairs(train), watched, run, quiet)
        return self

    def _learn_targets(self, x: Any, y: Any) -> int:
        self.classes = np.unique(y).tolist()
        check_classes(self.classes)
        return self.config.embedding

    def _targets(self, y: Any) -> Numbers:
        """Return the classes' numbers, int ``[n]``; those never trained come after the others."""
        y = np.asarray(y)
        known = np.searchsorted(self.classes, y).clip(0, len(self.classes) - 1)
        return np.where(np.asarray(self.classes)[known] == y, known, len(self.classes))

    def _pairs(self, examples: Any) -> Pairs:
        return Pairs(examples.inputs, examples.targets, self.seed)

    def _build(self, first: Array, units: int) -> Any:
        from agentlab.nets.siamese import Siamese

        return Siamese(super()._build(first, units).torso, units, self.seed)

    def _check_net(self, first: Array, units: int) -> None:
        if not hasattr(self.net, "embed"):
            raise AgentlabError("the net embeds nothing; use agentlab.nets.siamese.Siamese")

    def _forward(self, inputs: Any, training: bool) -> Any:
        """Return the distances of pairs, or where single examples lie."""
        if isinstance(inputs, tuple):
            return super()._forward(inputs, training)
        return tf.cast(self.net.embed(inputs), tf.float32)

    def losses(self, outputs: Any, targets: Any) -> Any:
        from agentlab.nets.siamese import contrastive_loss

        return contrastive_loss(outputs, targets, self.config.margin)

    def metrics(self, outputs: Any, targets: Any) -> dict[str, Any]:
        return {"pair_accuracy": (outputs < self.config.margin / 2) == (targets == 1)}

    def epoch_end(self, epoch: int, run: Run | None) -> dict[str, float]:
        """Return the neighbors' accuracy on held-out data."""
        if self._watched is None:
            return {}
        return {"validation/knn_accuracy": self._knn_accuracy(self._watched)}

    def predict(self, x: Any) -> Array:
        """Return where examples lie, float32 ``[n, embedding]``."""
        return self._outputs_of(x)

    def classify(self, x: Any) -> Array:
        """Return the label that most of an example's nearest training examples have, ``[n]``."""
        return np.asarray(np.asarray(self.classes)[self._vote(self.predict(x))])

    def evaluate(self, x: Any, y: Any) -> dict[str, float]:
        """Return ``knn_accuracy``, and ``loss`` and ``pair_accuracy`` of pairs that are drawn."""
        self._need_net()
        examples = self._arrays(x, y)
        metrics = self._evaluate(self._pairs(examples))
        return {**metrics, "knn_accuracy": self._knn_accuracy(examples)}

    def _knn_accuracy(self, examples: Any) -> float:
        return float(np.mean(self._vote(np.asarray(self._outputs(examples))) == examples.targets))

    def _vote(self, points: Array) -> Numbers:
        """Return the class of most of the nearest remembered training examples."""
        known, k = self._known_points(), min(self.config.neighbors, len(self._numbers))
        said = []
        for part in np.array_split(points, -(-len(points) // 500)):
            distances = np.square(known).sum(1) - 2 * part @ known.T  # less what all have alike
            nearest = self._numbers[np.argpartition(distances, k - 1, axis=1)[:, :k]]
            votes = (nearest[..., None] == np.arange(len(self.classes))).sum(1)
            said.append(votes.argmax(1))
        return np.concatenate(said)

    def _known_points(self) -> Array:
        if self._remembered is None:
            return self._points
        return np.asarray(self._outputs(Arrays(self._remembered, self._numbers)))

    def plots(self, x: Any, y: Any) -> dict[str, Figure]:
        """Draw where held-out examples lie: the two directions in which they differ most."""
        from agentlab.plots.predictions import embedding_scatter

        points = self.predict(x)
        if points.shape[1] > 2:
            centered = points - points.mean(0)
            points = centered @ np.linalg.svd(centered, full_matrices=False)[2][:2].T
        return {"embedding": embedding_scatter(points, y)}

    def projection(self, x: Any, y: Any) -> tuple[Array, Any, Array | None]:
        """Return where some held-out examples lie, their labels and images."""
        x, y = np.asarray(x)[:PROJECTED], np.asarray(y)[:PROJECTED]
        return self.predict(x), y.tolist(), x if x.dtype == np.uint8 and x.ndim > 2 else None

    def _fitted(self) -> dict[str, Any]:
        return {
            **super()._fitted(),
            "classes": self.classes,
            "points": self._known_points().tolist(),
            "numbers": self._numbers.tolist(),
        }

    def _restore_fitted(self, described: Mapping[str, Any]) -> None:
        super()._restore_fitted(described)
        self.classes = list(described["classes"])
        self._points = np.array(described["points"], np.float32)
        self._numbers = np.array(described["numbers"], np.int64)
