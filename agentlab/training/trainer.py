"""The base class of trainers: supervised learning with the interface of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from agentlab import config as configs
from agentlab.components import is_model
from agentlab.data import Batch, Batches, Preprocessor, load_preprocessor
from agentlab.data.batches import Array, ArrayOrTuple
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import keras, tf
from agentlab.learner import Learner
from agentlab.nets.files import check_loadable
from agentlab.runs import Run
from agentlab.training.callbacks import Callback
from agentlab.training.epochs import train_epochs
from agentlab.training.examples import as_batches, as_parts
from agentlab.training.histograms import network_histograms
from agentlab.training.means import BatchMeans
from agentlab.training.optimization import Optimization
from agentlab.training.precision import layers_of
from agentlab.training.presented import Presented
from agentlab.training.stages import Stage
from agentlab.training.steps import LearningStep, OutputStep, TestStep


class Trainer(Presented, Learner):
    """Fits networks to examples.

    A subclass overrides ``build`` and ``losses``, or ``train_step`` if a training step is not a
    single gradient step. The training loop logs metrics, saves checkpoints and resumes from them.

    Attributes:
        component_names: attributes that training changes: models, optimizers, lists of variables.
            All are in checkpoints; ``save`` leaves out optimizers.
        monitor: the validation metric that selects the best epoch, and its direction; without
            validation data the last epoch is selected.
        score_metric: the metric that ``score`` returns.
        data_keys: names in ``specification`` that depend only on the data; resuming compares them.
        net, optimizer: the Keras model and its optimizer; ``None`` before they are built.
        given_net: whether ``net`` was passed to the constructor.
        preprocessor: converts raw inputs to network inputs; ``None`` for none.
        history: the metrics of each epoch.
        interrupted: whether Ctrl-C or SIGTERM stopped the last ``fit``.

    Args:
        net: a Keras model to train; ``None`` calls ``build``; a string sets the option ``net``.
        config: an instance of ``Config``; ``None`` creates one from ``options``.
        seed: seeds initial weights, the order of examples and dropout.
        options: fields of ``Config`` by name.
    """

    kind = "trainer"
    Config: ClassVar[type] = Optimization
    saves_models = True
    component_names: ClassVar[tuple[str, ...]] = ("net", "optimizer")
    monitor: tuple[str, Literal["min", "max"]] = ("loss", "min")
    score_metric: ClassVar[str] = "loss"
    data_keys: ClassVar[tuple[str, ...]] = ("preprocessor",)

    def __init__(self, net: Any = None, config: Any = None, seed: int = 0, **options: Any) -> None:
        if isinstance(net, str):
            net, options = None, {"net": net, **options}
        elif net is not None and not isinstance(net, keras.Model):
            raise InvalidArgument(f"net={net!r} must be a network's name or a Keras model")
        if config is not None and options:
            raise InvalidArgument(f"pass either config or {', '.join(options)}, not both")
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
        tf.config.experimental.enable_op_determinism()  # for bit-for-bit reproducible runs
        tf.random.set_seed(seed)  # with determinism on, Keras' own fit cannot shuffle without it

    def build(self, data: Batches) -> None:
        """Create ``net`` and other components; not called if a network was given."""
        raise AgentlabError(f"pass a net to {type(self).__name__}, or override build(data)")

    def check_net(self, data: Batches) -> None:
        """Raise ``AgentlabError`` if the network does not fit the training data."""

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        """Return the loss and further metrics of each example of a batch of tensors, by name.

        All have the shape of ``batch.weights``. ``"loss"`` is minimized, unless there is an
        ``"objective"``, which is not reported. ``training`` turns on dropout and similar layers.
        """
        raise AgentlabError(f"override {type(self).__name__}.losses, or train_step and test_step")

    def train_step(self, batch: Batch) -> Mapping[str, Any]:
        """Train on a batch of NumPy arrays; by default one gradient step on losses and penalties.

        It is not compiled: use ``make_update`` or ``tf.function`` for expensive computations.
        Returns means over the batch, by name.
        """
        assert self._learn is not None
        return self._learn(batch)

    def test_step(self, batch: Batch) -> Mapping[str, Any]:
        """Return means over a batch without training; by default those of ``losses``."""
        step: TestStep = self.compiled("test_step", lambda: TestStep(self))
        return step(batch)

    def stages(self) -> Sequence[Stage]:
        """Return the stages of training in order; by default a single one of ``epochs`` epochs."""
        return [Stage("train", self.config.epochs)]

    def on_train_start(self) -> None:
        """Called before the first update, but not when a run is resumed."""

    def begin_stage(self, stage: Stage, updates: int, example: Batch, ragged: bool) -> None:
        """Create the optimizer and the compiled training step of a stage.

        Args:
            stage: the stage that begins.
            updates: number of updates in the stage.
            example: a batch with the shapes and dtypes of all batches.
            ragged: whether the length of the second axis (time) differs between batches.
        """
        if self.net is not None:
            stage.freeze(self.net)
            self.optimizer = self.config.make_optimizer(updates, stage.learning_rate)
            self._learn = LearningStep(self, example, ragged)

    @property
    def uses_xla(self) -> bool:
        """Whether to compile the step with XLA, which is faster only for small dense networks."""
        from agentlab.nets.mlp import MLP

        return isinstance(getattr(self.net, "torso", None), MLP)

    def forward(self, inputs: Any, training: bool) -> Any:
        """Return the network's outputs in float32."""
        return tf.nest.map_structure(
            lambda output: tf.cast(output, tf.float32), self.net(inputs, training=training)
        )

    def reduce_metrics(self, means: dict[str, float]) -> dict[str, float]:
        """Return the metrics to report, computed from means over an epoch."""
        return means

    def epoch_end(self, epoch: int, run: Run | None) -> dict[str, float]:
        """Return further metrics after an epoch (epochs count from 1)."""
        return {}

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
        """Train on examples. Each call starts from new weights, unless a network was given.

        Args:
            x: inputs ``[n, ...]``, a tuple of inputs, or ``Batches``.
            y: targets ``[n, ...]``; ``None`` for none.
            validation_data: ``(x, y)`` or ``Batches``; ``None`` splits off ``validation_split``.
            run: the run that stores metrics and checkpoints, and from which training resumes.
            quiet: show no progress bar.
            callbacks: called at fixed points of training; see ``Callback``.
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
        """Build the network and train it on ``data`` for all epochs; called by ``fit``."""
        if not self.given_net:
            self.net = None
        self._functions.clear()
        if self.net is None:
            with layers_of(self.config.precision):
                self.build(data)
        self.check_net(data)
        if run is not None and self.given_net:
            check_loadable("net", self.net)  # now, not after hours of training
        train_epochs(self, data, validation, run, quiet, callbacks)
        return self

    def predict(self, x: Any) -> Any:
        """Return predictions for new inputs; by default the network's outputs."""
        return self.outputs(as_batches(x))

    def evaluate(self, *data: Any) -> dict[str, float]:
        """Return metrics on test data, by name."""
        return self.evaluate_batches(as_batches(*data))

    def score(self, *data: Any) -> float:
        """Return the metric ``score_metric`` of ``evaluate``."""
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

    def compiled(self, name: Any, make: Callable[[], Any]) -> Any:
        """Return ``make()``, cached under ``name`` until the next ``fit``."""
        if name not in self._functions:
            self._functions[name] = make()
        return self._functions[name]

    def check_fitted(self) -> None:
        """Raise ``AgentlabError`` if ``fit`` has not been called."""
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
        """Return the traced network for TensorBoard's graph view, if there is one."""
        return None if self._learn is None else self._learn.graph()

    def components(self) -> dict[str, Any]:
        """Return the components that training changes, by name."""
        return {name: getattr(self, name, None) for name in self.component_names}

    def training_only(self) -> Collection[str]:
        """Return the components that are in checkpoints but not saved: the optimizers."""
        components = self.components().items()
        return {n for n, c in components if isinstance(c, keras.optimizers.Optimizer)}

    def save(self, directory: Path | str) -> None:
        """Write the trainer to a folder; see ``Learner.save``."""
        self.check_fitted()
        super().save(directory)

    def specification(self) -> dict[str, Any]:
        """Return what was learned besides weights: the preprocessor and the history."""
        fitted = self.preprocessor
        described = None if fitted is None else {fitted.kind: fitted.to_json()}
        return {"preprocessor": described, "history": self.history}

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Create the trainer from its specification; subclasses add what they learned."""
        trainer = cls(config=config, seed=seed)
        for kind, fitted in (specification["preprocessor"] or {}).items():
            trainer.preprocessor = load_preprocessor(kind, fitted)
        trainer.history = list(specification["history"])
        for name in models.keys() & set(cls.component_names):
            setattr(trainer, name, models[name])
        return trainer
