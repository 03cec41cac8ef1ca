"""The trainer: networks that learn from examples, in scikit-learn's manner."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from agentlab import config as configs
from agentlab.components import is_model
from agentlab.data import Batch, Batches, Preprocessor, load_preprocessor
from agentlab.data.batches import Array, ArrayOrTuple
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import keras, tf
from agentlab.learner import Learner
from agentlab.runs import Run
from agentlab.training.callbacks import Callback
from agentlab.training.epochs import train_epochs
from agentlab.training.examples import as_batches, as_parts
from agentlab.training.histograms import network_histograms
from agentlab.training.means import BatchMeans
from agentlab.training.optimization import Optimization
from agentlab.training.precision import layers_of
from agentlab.training.stages import Stage
from agentlab.training.steps import LearningStep, OutputStep, TestStep

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Trainer(Learner):
    """Fits networks to examples.

    A subclass writes ``build`` and ``losses``, or ``train_step`` where it learns otherwise than by
    one gradient; one loop logs, keeps checkpoints and resumes from them.

    Attributes:
        component_names: attributes that hold what learning changes: models, optimizers, lists of
            variables. Checkpoints keep them; all but optimizers are saved.
        monitor: the held-out metric by which the best epoch is chosen, and its direction; where
            nothing is held out the last epoch is kept.
        score_metric: the metric that ``score`` returns.
        net, optimizer: a Keras model, and its optimizer in training; ``None`` before.
        given_net: whether ``net`` was given rather than built here.
        preprocessor: what turns raw inputs into the network's; ``None`` for none.
        history: the metrics of each epoch.
        interrupted: whether Ctrl-C (or SIGTERM) stopped the last ``fit``.

    Args:
        net: a Keras model to train; ``None`` calls ``build``. A text is the option ``net``.
        config: an instance of ``Config``; ``None`` makes one of ``options``.
        seed: of everything random.
        options: fields of ``Config`` by name.
    """

    kind = "trainer"
    Config: ClassVar[type] = Optimization
    saves_models = True
    component_names: ClassVar[tuple[str, ...]] = ("net", "optimizer")
    monitor: ClassVar[tuple[str, Literal["min", "max"]]] = ("loss", "min")
    score_metric: ClassVar[str] = "loss"

    def __init__(self, net: Any = None, config: Any = None, seed: int = 0, **options: Any) -> None:
        if isinstance(net, str):
            net, options = None, {"net": net, **options}
        elif net is not None and not isinstance(net, keras.Model):
            raise InvalidArgument(f"net={net!r} is neither a net's name nor a Keras model")
        if config is not None and options:
            raise InvalidArgument(f"options {', '.join(options)} are given beside a whole config")
        config = configs.from_dict(self.Config, options) if config is None else config
        super().__init__(config, seed)
        self.net: Any = net
        self.given_net = net is not None
        self.optimizer: Any = None
        self.preprocessor: Preprocessor | None = None
        self.history: list[dict[str, float]] = []
        self.interrupted = False
        self._functions: dict[Any, Any] = {}
        self._learn: LearningStep | None = None
        tf.config.experimental.enable_op_determinism()  # a seed repeats a run bit for bit
        tf.random.set_seed(seed)  # without one Keras' own fit now refuses to shuffle

    def build(self, data: Batches) -> None:
        """Make ``net``, or whatever ``component_names`` names, unless a network was given."""
        raise AgentlabError(f"give {type(self).__name__} a net, or write its build(data)")

    def check_net(self, data: Batches) -> None:
        """Raise ``AgentlabError`` where the network does not suit the training data."""

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        """Return the loss and further metrics of each example of a batch of tensors, by name.

        All have the shape of ``batch.weights``. ``"loss"`` is minimized, unless there is an
        ``"objective"``, which is not reported. ``training`` turns on dropout and the like.
        """
        raise AgentlabError(f"write {type(self).__name__}.losses(batch, training) or its steps")

    def train_step(self, batch: Batch) -> Mapping[str, Any]:
        """Learn from a batch of NumPy arrays, by default by one gradient of losses and penalties.

        Called as it is, not compiled: what takes time in it should be a ``make_update`` or a
        ``tf.function``. Returns means over the batch, by name.
        """
        assert self._learn is not None
        return self._learn(batch)

    def test_step(self, batch: Batch) -> Mapping[str, Any]:
        """Return means over a batch that is not learned from; by default those of ``losses``."""
        step: TestStep = self.compiled("test_step", lambda: TestStep(self))
        return step(batch)

    def stages(self) -> Sequence[Stage]:
        """Return the parts of the training, in order; by default one of ``epochs``."""
        return [Stage("train", self.config.epochs)]

    def begin_stage(self, stage: Stage, updates: int, example: Batch, ragged: bool) -> None:
        """Make the optimizer and the compiled step for a stage that begins.

        Args:
            stage: which.
            updates: how many it has.
            example: a batch, which shows shapes and types.
            ragged: whether the second axis (time) differs between batches.
        """
        if self.net is not None:
            stage.freeze(self.net)
            self.optimizer = self.config.make_optimizer(updates, stage.learning_rate)
            self._learn = LearningStep(self, example, ragged)

    @property
    def uses_xla(self) -> bool:
        """Whether XLA compiles the step: faster for small dense networks, not for convolutions."""
        from agentlab.nets.mlp import MLP

        return isinstance(getattr(self.net, "torso", None), MLP)

    def forward(self, inputs: Any, training: bool) -> Any:
        """Return the network's outputs for inputs, in float32."""
        return tf.nest.map_structure(
            lambda output: tf.cast(output, tf.float32), self.net(inputs, training=training)
        )

    def reduce_metrics(self, means: dict[str, float]) -> dict[str, float]:
        """Return what to report, of the means of the metrics over an epoch."""
        return means

    def epoch_end(self, epoch: int, run: Run | None) -> dict[str, float]:
        """Return further metrics after an epoch (1 is the first)."""
        return {}

    def plots(self, *data: Any) -> dict[str, Figure]:
        """Draw what the network does on held-out data, by file name."""
        return {}

    def projection(self, *data: Any) -> tuple[Array, Any, Array | None] | None:
        """Return points ``[n, d]``, labels and images for TensorBoard's projector, if any."""
        return None

    def format_prediction(self, source: str, **options: Any) -> list[str]:
        """Return lines that show the predictions for a file, a folder or a text.

        Of ``options``, how they are shown, each trainer takes those that concern it.
        """
        rows = np.asarray(self.predict(self.read(source)))
        return [",".join(f"{value:.6g}" for value in np.atleast_1d(row)) for row in rows]

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        validation_data: Any = None,
        run: Run | None = None,
        quiet: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Learn from examples. A second call begins anew, but for a network that was given.

        Args:
            x: inputs ``[n, ...]``, several as a tuple, or ``Batches``.
            y: targets ``[n, ...]``; ``None`` where there are none.
            validation_data: ``(x, y)`` or ``Batches``; ``None`` splits off ``validation_split``.
            run: where metrics and checkpoints go, and where they are resumed from.
            quiet: show no progress.
            callbacks: called while training.
        """
        fraction = self.config.validation_split
        data, held_out = as_parts(x, y, validation_data, fraction, self.seed)
        return self.train(data, held_out, run, quiet, callbacks)

    def train(
        self,
        data: Batches,
        validation: Batches | None = None,
        run: Run | None = None,
        quiet: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Build the network and go through ``data`` for all epochs: what ``fit`` ends in."""
        if not self.given_net:
            self.net = None
        self._functions.clear()
        if self.net is None:
            with layers_of(self.config.precision):
                self.build(data)
        self.check_net(data)
        train_epochs(self, data, validation, run, quiet, callbacks)
        return self

    def predict(self, x: Any) -> Any:
        """Return predictions for new inputs; by default the network's outputs."""
        return self.outputs(as_batches(x))

    def evaluate(self, *data: Any) -> dict[str, float]:
        """Return metrics on data that were not learned from, by name."""
        return self.evaluate_batches(as_batches(*data))

    def score(self, *data: Any) -> float:
        """Return the metric of ``evaluate`` that ``score_metric`` names."""
        return self.evaluate(*data)[self.score_metric]

    def evaluate_batches(self, batches: Batches) -> dict[str, float]:
        """Return the means of ``test_step`` over all of ``batches``."""
        self.check_fitted()
        means = BatchMeans()
        for batch in batches.epoch(max(self.config.batch_size, 256)):
            means.add(self.test_step(batch), batch)
        return self.reduce_metrics(means.means())

    def outputs(self, batches: Batches) -> ArrayOrTuple:
        """Return the network's outputs for all of ``batches``, in order."""
        self.check_fitted()
        step: OutputStep = self.compiled("outputs", lambda: OutputStep(self))
        return step(batches.epoch(max(self.config.batch_size, 256)))

    def read(self, source: str) -> Any:
        """Return the raw inputs in a file, a folder or a text that the user names."""
        if self.preprocessor is None:
            raise AgentlabError("the net was trained on arrays; predict for them in Python")
        return self.preprocessor.read(source)

    def compiled(self, name: Any, make: Callable[[], Any]) -> Any:
        """Return what ``make`` made when first called under ``name`` since the last ``fit``."""
        if name not in self._functions:
            self._functions[name] = make()
        return self._functions[name]

    def check_fitted(self) -> None:
        """Raise ``AgentlabError`` before ``fit``."""
        parts = [part for part in self.components().values() if part is not None]
        if not parts or not all(getattr(part, "built", True) for part in parts):
            raise AgentlabError(f"this {type(self).__name__} has not been fitted; call fit first")

    def histograms(self, batch: Batch) -> dict[str, Array]:
        """Return all weights, and the gradients of ``net`` on ``batch``, by name."""
        found = network_histograms(self.net, self._learn.still if self._learn else None, batch)
        for part in self.components().values():
            if is_model(part) and part is not self.net:
                found |= network_histograms(part)
        return found

    def graph(self) -> Any:
        """Return the traced computation of gradients for TensorBoard, if there is one."""
        return None if self._learn is None else self._learn.still.graph()

    def components(self) -> dict[str, Any]:
        """Return all that learning changes, by name."""
        return {name: getattr(self, name, None) for name in self.component_names}

    def training_only(self) -> Collection[str]:
        """Return the components that checkpoints keep but ``save`` does not: the optimizers."""
        components = self.components().items()
        return {n for n, c in components if isinstance(c, keras.optimizers.Optimizer)}

    def save(self, directory: Path | str) -> None:
        """Write the trainer to a folder; see ``Learner.save``."""
        self.check_fitted()
        super().save(directory)

    def specification(self) -> dict[str, Any]:
        """Return what was learned beside weights: the preprocessor, and the history."""
        fitted = self.preprocessor
        described = None if fitted is None else {fitted.kind: fitted.to_json()}
        return {"preprocessor": described, "history": self.history}

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Make the trainer that ``specification`` described; a subclass adds what it learned."""
        trainer = cls(config=config, seed=seed)
        for kind, fitted in (specification["preprocessor"] or {}).items():
            trainer.preprocessor = load_preprocessor(kind, fitted)
        trainer.history = list(specification["history"])
        for name in models.keys() & set(cls.component_names):
            setattr(trainer, name, models[name])
        return trainer
