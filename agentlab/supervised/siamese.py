"""``SiameseTrainer``: an embedding in which examples of the same class are close together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from agentlab.config import option
from agentlab.data import Arrays, Batch, Batches
from agentlab.data.batches import Array
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import keras, tf
from agentlab.runs import Run
from agentlab.supervised.classifier import PROJECTED
from agentlab.supervised.features import FeatureTrainer, check_classes, is_image
from agentlab.supervised.options import Tokens
from agentlab.supervised.pairs import Numbers, Pairs
from agentlab.training.callbacks import Callback
from agentlab.training.examples import is_batches
from agentlab.training.network import Network, Standardization
from agentlab.training.optimization import Optimization

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REMEMBERED = 5000  # training examples among which nearest neighbors are searched


@dataclass(frozen=True)
class SiameseConfig(Standardization, Tokens, Network, Optimization):
    """Hyperparameters of ``siamese``."""

    embedding: int = option(2, "dimensions of the embedding", ge=1)
    margin: float = option(
        1.0, "distance up to which examples of different classes are pushed apart", gt=0
    )
    neighbors: int = option(5, "nearest training examples that vote on the class", ge=1)


class SiameseTrainer(FeatureTrainer):
    """Minimizes the contrastive loss of pairs of examples (Hadsell et al. 2006).

    Attributes:
        classes: the labels of the classes.
    """

    name = "siamese"
    Config: ClassVar[type] = SiameseConfig
    score_metric = "knn_accuracy"
    data_keys = ("preprocessor", "classes")
    config: SiameseConfig
    classes: list[Any]
    _remembered: Array | None = None  # inputs of the training split
    _points: Array  # their embeddings, in a loaded trainer
    _numbers: Numbers  # and their class indices
    _watched: Any = None  # Arrays held out

    def fit(  # type: ignore[override]
        self,
        x: Any,
        y: Any,
        *,
        validation_data: tuple[Any, Any] | None = None,
        run: Run | None = None,
        quiet: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train the network.

        Args:
            x: inputs ``[n, ...]`` as for ``Classifier``.
            y: labels ``[n]``, numbers or strings.
            validation_data: ``(x, y)``; ``None`` holds out the fraction ``validation_split`` of the
                training data.
            run: saves metrics and checkpoints; training resumes from its newest checkpoint.
            quiet: show no progress.
            callbacks: called during training.

        Raises:
            AgentlabError: if there is only one class, or if x, y and the net do not match.
        """
        if is_batches(x):
            raise InvalidArgument("x is Batches, but must be arrays, from which pairs are sampled")
        train, held_out = self.prepare(x, y, validation_data)
        assert isinstance(train, Arrays)
        self._watched = held_out
        some = np.random.default_rng(self.seed).permutation(train.size)[:REMEMBERED]
        self._remembered, self._numbers = np.asarray(train.inputs)[some], train.targets[some]
        pairs = None if held_out is None else self._pairs(held_out)
        return self.train(self._pairs(train), pairs, run, quiet, callbacks)

    def learn_targets(self, x: Any, y: Any) -> int:
        """Set the classes; return the dimensions of the embedding."""
        self.classes = np.unique(y).tolist()
        check_classes(self.classes)
        return self.config.embedding

    def encode_targets(self, y: Any) -> Numbers:
        """Return class indices, int ``[n]``; classes not in the training data follow the others."""
        y = np.asarray(y)
        known = np.searchsorted(self.classes, y).clip(0, len(self.classes) - 1)
        return np.where(np.asarray(self.classes)[known] == y, known, len(self.classes))

    def _pairs(self, examples: Any) -> Pairs:
        return Pairs(examples.inputs, examples.targets, self.seed)

    def build(self, data: Batches) -> None:
        """Build the torso that the configuration names, and the embedding."""
        from agentlab.nets.siamese import Siamese

        assert isinstance(data, Pairs)
        super().build(data.singles())
        self.net = Siamese(self.net.torso, self.units, self.seed)

    def check_net(self, data: Batches) -> None:
        """Raise ``AgentlabError`` for a network that is not ``Siamese``."""
        if not hasattr(self.net, "embed"):
            raise AgentlabError("the net must be an agentlab.nets.siamese.Siamese")

    def forward(self, inputs: Any, training: bool) -> Any:
        """Return the distances of pairs, or the embeddings of single examples."""
        if isinstance(inputs, tuple):
            return super().forward(inputs, training)
        return tf.cast(self.net.embed(inputs), tf.float32)

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        """Return ``loss`` and ``pair_accuracy`` of each pair, ``[b]``."""
        from agentlab.nets.siamese import contrastive_loss

        distances, margin = self.forward(batch.inputs, training), self.config.margin
        return {
            "loss": contrastive_loss(distances, batch.targets, margin),
            "pair_accuracy": (distances < margin / 2) == (batch.targets == 1),
        }

    def epoch_end(self, epoch: int, run: Run | None) -> dict[str, float]:
        """Return the k-nearest-neighbors accuracy on the validation data."""
        if self._watched is None:
            return {}
        return {"validation/knn_accuracy": self._knn_accuracy(self._watched)}

    def predict(self, x: Any) -> Array:
        """Return the embeddings of examples, float32 ``[n, embedding]``."""
        return self.outputs_of(x)

    def classify(self, x: Any) -> Array:
        """Return the most frequent label of each example's nearest training examples, ``[n]``."""
        return np.asarray(np.asarray(self.classes)[self._vote(self.predict(x))])

    def evaluate(self, x: Any, y: Any) -> dict[str, float]:
        """Return ``knn_accuracy``, and ``loss`` and ``pair_accuracy`` of sampled pairs."""
        examples = self.held_out(x, y)
        metrics = self.evaluate_batches(self._pairs(examples))
        return {**metrics, "knn_accuracy": self._knn_accuracy(examples)}

    def _knn_accuracy(self, examples: Any) -> float:
        return float(np.mean(self._vote(np.asarray(self.outputs(examples))) == examples.targets))

    def _vote(self, points: Array) -> Numbers:
        """Return the most frequent class index of the nearest training examples."""
        known, k = self._known_points(), min(self.config.neighbors, len(self._numbers))
        said = []
        for part in np.array_split(points, -(-len(points) // 500)):
            distances = np.square(known).sum(1) - 2 * part @ known.T  # without a term common to all
            nearest = self._numbers[np.argpartition(distances, k - 1, axis=1)[:, :k]]
            votes = (nearest[..., None] == np.arange(len(self.classes))).sum(1)
            said.append(votes.argmax(1))
        return np.concatenate(said)

    def _known_points(self) -> Array:
        if self._remembered is None:
            return self._points
        return np.asarray(self.outputs(Arrays(self._remembered, self._numbers)))

    def plots(self, x: Any, y: Any) -> dict[str, Figure]:
        """Plot the embeddings of test examples by their first two principal components."""
        from agentlab.plots.predictions import embedding_scatter

        points = self.predict(x)
        if points.shape[1] > 2:
            centered = points - points.mean(0)
            points = centered @ np.linalg.svd(centered, full_matrices=False)[2][:2].T
        return {"embedding": embedding_scatter(points, y)}

    def projection(self, x: Any, y: Any) -> tuple[Array, Any, Array | None]:
        """Return the embeddings of some test examples, their labels and images."""
        x, y = np.asarray(x)[:PROJECTED], np.asarray(y)[:PROJECTED]
        return self.predict(x), y.tolist(), x if is_image(x) else None

    def inference_model(self) -> Any:
        """Return a Keras model from raw inputs to ``embeddings``, float32 ``[n, embedding]``."""
        self.check_fitted()
        assert self.preprocessor is not None
        raw = self.preprocessor.inference_inputs()
        points = self.net.head(self.net.torso(self.preprocessor.inference(raw)))
        return keras.Model(raw, self.infer(keras.ops.cast(points, "float32")), name=self.name)

    def infer(self, outputs: Any) -> dict[str, Any]:
        """Return ``embeddings``."""
        return {"embeddings": outputs}

    def specification(self) -> dict[str, Any]:
        """Return the classes, and the embeddings and class indices of training examples."""
        return {
            **super().specification(),
            "classes": self.classes,
            "points": self._known_points().tolist(),
            "numbers": self._numbers.tolist(),
        }

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Make a trainer from its ``specification``."""
        trainer = super().from_specification(specification, config, seed, models)
        trainer.classes = list(specification["classes"])
        trainer._points = np.array(specification["points"], np.float32)
        trainer._numbers = np.array(specification["numbers"], np.int64)
        return trainer
