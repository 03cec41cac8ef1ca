"""``DBN``: deep belief networks with greedy layer-wise pretraining."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from agentlab.config import option, override
from agentlab.data import Arrays, Batch, Batches
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import tf
from agentlab.runs import Run
from agentlab.training.callbacks import Callback
from agentlab.training.examples import is_batches
from agentlab.training.network import Standardization
from agentlab.training.optimization import Optimization
from agentlab.training.optimizers import ScheduleName
from agentlab.training.stages import Stage
from agentlab.training.steps import TestStep
from agentlab.unsupervised.dbn_outputs import DBNOutputs
from agentlab.unsupervised.partly_labeled import (
    PartlyLabeled,
    class_numbers,
    distinct_classes,
    split_examples,
)

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class DBNConfig(Standardization, Optimization):
    """Hyperparameters of ``dbn``."""

    hidden: tuple[int, ...] = option((500, 250), "units of each layer", ge=1)
    visible: Literal["bernoulli", "gaussian"] = option(
        "bernoulli", "type of the visible units: values from 0 to 1, or real numbers"
    )
    pretrain_epochs: int = option(
        10, "epochs of contrastive divergence for each layer; 0 for no pretraining", ge=0
    )
    pretrain_learning_rate: float = option(2e-3, "peak learning rate of the pretraining", gt=0)
    dropout: float = option(0.0, "dropout rate before the output layer", ge=0, lt=1)
    batch_size: int = override(Optimization, "batch_size", 100)
    schedule: ScheduleName = override(Optimization, "schedule", "linear")
    standardize: bool = option(
        False, "scale numeric columns to mean 0 and standard deviation 1; for gaussian inputs"
    )


class DBN(DBNOutputs):
    """A stack of RBMs, pretrained greedily and then fine-tuned as a classifier.

    Each layer of the network is the hidden layer of an RBM whose visible units are the layer below
    (Hinton, Osindero & Teh 2006). The classifier shares the RBMs' variables, so nothing is
    copied. Without labels, training ends after the RBMs.

    Attributes:
        classes: the labels of the classes; empty without labels.
    """

    name = "dbn"
    Config: ClassVar[type] = DBNConfig
    config: DBNConfig
    _layer: int | None = None  # the layer that is being trained as an RBM
    _train: Batches | None = None

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        unlabeled: Any = None,
        classes: Sequence[Any] | None = None,
        validation_data: Any = None,
        run: Run | None = None,
        quiet: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Pretrain the layers and, with labels, train the classifier.

        Args:
            x: inputs ``[n, ...]``: images or numeric rows; or ``Batches`` of inputs and class
                indices.
            y: labels ``[n]``; ``None`` for no classifier.
            unlabeled: more inputs, without labels, for pretraining. An epoch then has as many
                batches as both together, so that the classifier sees its labeled examples
                several times per epoch.
            classes: names of the classes, if ``y`` is class indices or ``x`` is ``Batches``.
            validation_data: ``(x, y)`` or ``Batches``; ``None`` holds out the fraction
                ``validation_split`` of the training data.
            run: saves metrics and checkpoints; training resumes from its newest checkpoint.
            quiet: show no progress.
            callbacks: called during training.

        Raises:
            AgentlabError: if there is only one class, or the inputs do not fit the network.
        """
        if is_batches(x) and y is not None:
            raise InvalidArgument("y must be None if x is Batches, which have targets")
        self.classes = distinct_classes(y, classes)
        self.indexed = classes is not None
        self.monitor = ("accuracy", "max") if self.classes else ("loss", "min")
        labels = None if y is None else np.asarray(y)
        if labels is not None and len(labels) != len(x):
            raise InvalidArgument(f"x has {len(x)} rows and y has {len(labels)}; they must match")
        split = self.config.validation_split
        if validation_data is None and split and not is_batches(x):
            x, validation_data, labels = split_examples(x, labels, split, self.seed)
        train, held_out = self.prepare(x, validation_data)
        held_out = None if validation_data is None else held_out
        if not is_batches(x):
            train = self._examples(x, labels)
        if isinstance(validation_data, tuple | list) and self.classes:
            held_out = self._examples(*validation_data)
        self._held = held_out or train
        self.watched = np.asarray(next(iter(self._held.epoch(10))).inputs)
        if unlabeled is not None:
            more = self._examples(unlabeled, None)
            train = PartlyLabeled(train, more) if self.classes else more
        self._train = train
        return self.train(train, held_out, run, quiet, callbacks)

    def prepare(self, x: Any, validation: Any) -> tuple[Batches, Batches | None]:
        """Fit the preprocessor; the caller has split off validation data."""
        return super().prepare(x, x[:1] if validation is None and not is_batches(x) else validation)

    def _examples(self, x: Any, y: Any = None) -> Arrays:
        """Return raw inputs and labels as ``Arrays`` of network inputs and class indices."""
        inputs = self.inputs_of(x)
        if y is None:
            return Arrays(inputs, np.zeros(len(inputs), np.int32))
        return Arrays(inputs, class_numbers(y, self.classes, self.indexed))

    def build(self, data: Batches) -> None:
        """Build the layers and, with labels, the output layer."""
        from agentlab.nets.dbn import DeepBelief

        config, scale = self.config, 1.0
        if self.preprocessor is not None:
            scale = self.preprocessor.scale
        self.net = DeepBelief(
            config.hidden,
            len(self.classes),
            config.visible,
            scale,
            config.dropout,
            self.seed,
            name=self.name,
        )
        self.net.build((None, *self.input_shape(data)))

    def check_net(self, data: Batches) -> None:
        """Raise ``AgentlabError`` for another network, or inputs that are not from 0 to 1."""
        if not hasattr(self.net, "machine"):
            raise AgentlabError("the net must be an agentlab.nets.dbn.DeepBelief")
        if not self.classes and not self.config.pretrain_epochs:
            raise InvalidArgument("pretrain_epochs=0 leaves nothing to train without labels y")
        first = np.asarray(next(iter(data.epoch(1024))).inputs) / self.net.torso.scale
        if self.config.visible == "bernoulli" and not (first.min() >= 0 and first.max() <= 1):
            raise InvalidArgument(
                f"x contains {first.max() if first.max() > 1 else first.min():.4g}, but "
                "visible='bernoulli' needs values from 0 to 1; rescale x, or use "
                "visible='gaussian'"
            )

    @property
    def uses_xla(self) -> bool:
        """False, since XLA generates random numbers slowly on CPUs."""
        return False

    def stages(self) -> Sequence[Stage]:
        """Return a stage for the RBM of each layer, and one for the classifier."""
        config, rate = self.config, self.config.pretrain_learning_rate
        found = [
            Stage(f"rbm {i}", config.pretrain_epochs, _weights_of(i), rate)
            for i in range(len(config.hidden))
            if config.pretrain_epochs
        ]
        if self.classes:
            found.append(Stage("classifier", config.epochs, lambda path: "visible" not in path))
        return found

    def begin_stage(self, stage: Stage, updates: int, example: Batch, ragged: bool) -> None:
        """Create the optimizer and the compiled training step of a stage."""
        number = stage.name.removeprefix("rbm ")
        self._layer = int(number) if number != stage.name else None
        if isinstance(self._train, PartlyLabeled):
            self._train.labeled_only = self._layer is None
        super().begin_stage(stage, updates, example, ragged)

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        """Return ``loss`` and, for the classifier, ``accuracy`` of each example, ``[b]``."""
        if self._layer is not None or not self.classes:
            layer = len(self.config.hidden) - 1 if self._layer is None else self._layer
            return self._divergence(batch.inputs, layer, training)
        logits = tf.cast(self.net(batch.inputs, training=training), tf.float32)  # [b, classes]
        targets = tf.cast(batch.targets, tf.int32)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        return {"loss": loss, "accuracy": tf.argmax(logits, -1, tf.int32) == targets}

    def _divergence(self, inputs: Any, layer: int, training: bool) -> dict[str, Any]:
        """Return a layer's squared reconstruction error, and the CD-1 objective."""
        machine = self.net.machine(layer)
        rows = tf.stop_gradient(self.net.below(inputs, layer))  # [b, width]
        step = tf.cast(self.optimizer.iterations, tf.int32) if training else -1
        hidden = machine.sample_hidden(rows, tf.stack([self.seed + layer, step]))
        again = machine.means(machine.visible_logits(hidden))
        found = {"loss": tf.reduce_mean(tf.square(rows - again), -1)}
        if training:
            found["objective"] = machine.divergence(rows, again)
        return found

    def test_step(self, batch: Batch) -> Mapping[str, Any]:
        """Return the metrics of a batch in the current stage, without training."""
        step: TestStep = self.compiled(("test_step", self._layer), lambda: TestStep(self))
        return step(batch)

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Return ``loss`` and ``accuracy``; without labels only the error of the last RBM."""
        self.check_fitted()
        self._layer = None
        if is_batches(x):
            return self.evaluate_batches(x)
        if self.classes and y is None:
            raise InvalidArgument("y=None must be the labels of x, since the net is a classifier")
        return self.evaluate_batches(self._examples(x, y if self.classes else None))

    def score(self, *data: Any) -> float:
        """Return the accuracy, or without classes the negative reconstruction error."""
        metrics = self.evaluate(*data)
        return metrics.get("accuracy", -metrics["loss"])

    def specification(self) -> dict[str, Any]:
        """Return the fitted state other than weights."""
        known = {"classes": list(self.classes), "indexed": self.indexed}
        return {**super().specification(), **known}

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Make a trainer from its ``specification``."""
        trainer = super().from_specification(specification, config, seed, models)
        trainer.classes = list(specification["classes"])
        trainer.indexed = bool(specification["indexed"])
        return trainer


def _weights_of(layer: int) -> Any:
    """Return a predicate that selects one RBM's weights by path."""
    return lambda path: f"/dense_{layer}/" in path or f"/visible_{layer}/" in path
