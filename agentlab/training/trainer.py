"""What all trainers have in common: a net, compiled steps over examples, saving and loading."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from agentlab import config as configs
from agentlab.config import option
from agentlab.data import Batches, Preprocessor, load_preprocessor
from agentlab.data.batches import Array, ArrayOrTuple
from agentlab.errors import AgentlabError
from agentlab.lazy import keras, tf
from agentlab.runs import Run
from agentlab.runs.files import replacing, write_json
from agentlab.runs.reading import read_json
from agentlab.training.optimizers import (
    ScheduleName,
    compiled_apply,
    make_optimizer,
    make_schedule,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

DESCRIPTION, NET = "trainer.json", "net.keras"


@dataclass(frozen=True)
class TrainerConfig:
    """What every trainer can be set to."""

    epochs: int = option(10, "passes over the training data")
    batch_size: int = option(64, "examples in a batch")
    optimizer: str = option("adam", "a Keras optimizer by name")
    learning_rate: float = option(1e-3, "step size of the optimizer, at its highest")
    schedule: ScheduleName = option("constant", "how the learning rate falls during the training")
    warmup_steps: int = option(0, "updates over which the learning rate first rises from 0")
    momentum: float | None = option(None, "momentum of sgd and rmsprop; none: the optimizer's own")
    nesterov: bool = option(False, "Nesterov's momentum, for sgd")
    l1: float = option(0.0, "weight of the L1 penalty on all kernels")
    l2: float = option(0.0, "weight of the L2 penalty on all kernels")
    max_grad_norm: float | None = option(None, "bound on the gradient's norm; none for no bound")
    patience: int | None = option(None, "stop after N epochs without a better held-out metric")
    precision: Literal["float32", "bfloat16"] = option("float32", "number format of the products")
    validation_split: float = option(
        0.1, "fraction of the training data held out, where none is given"
    )

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate"):
            if getattr(self, name) <= 0:
                raise AgentlabError(f"{name}={getattr(self, name)} must be more than 0")
        for name in ("warmup_steps", "l1", "l2"):
            if getattr(self, name) < 0:
                raise AgentlabError(f"{name}={getattr(self, name)} must be 0 or more")
        for name in ("max_grad_norm", "patience"):
            if getattr(self, name) is not None and getattr(self, name) <= 0:
                raise AgentlabError(f"{name}={getattr(self, name)} must be more than 0, or none")
        if self.momentum is not None and not 0 <= self.momentum < 1:
            raise AgentlabError(f"momentum={self.momentum} must be 0 or more and less than 1")
        if self.nesterov and not self.momentum:
            raise AgentlabError("nesterov=True needs a momentum, such as momentum=0.9")
        if not 0 <= self.validation_split < 1:
            raise AgentlabError(
                f"validation_split={self.validation_split} must be 0 or more and less than 1"
            )


class Trainer(ABC):
    """Fits a net to examples, in scikit-learn's manner: ``fit``, ``predict``, ``score``.

    A subclass says what its data are, what its net is and what is lost by a wrong output; all
    share one loop, which logs, keeps checkpoints and goes on from them.

    Attributes:
        name: the trainer's name on the command line.
        Config: a frozen dataclass with everything that can be set; every field becomes a flag.
        monitor: the held-out metric by which the best epoch is chosen, and its direction; where
            nothing is held out the last epoch is kept.
        score_metric: the metric that ``score`` returns.
        net: the Keras model; ``None`` before ``fit`` has built one.
        preprocessor: what turns a user's files into inputs; ``None`` where arrays were given.
        history: the metrics of each epoch.
        interrupted: whether Ctrl-C (or SIGTERM) stopped the last ``fit``.

    Args:
        net: a Keras model to train; ``None`` builds what the configuration names. A text is
            the configuration's ``net``.
        config: an instance of ``Config``; ``None`` makes one of ``options``.
        seed: of everything random.
        options: fields of ``Config`` by name.

    Raises:
        AgentlabError: for an option that ``Config`` does not have, or an unfit value.
    """

    name: ClassVar[str]
    Config: ClassVar[type] = TrainerConfig
    monitor: ClassVar[tuple[str, Literal["min", "max"]]] = ("loss", "min")
    score_metric: ClassVar[str] = "loss"
    _compiled: ClassVar[tuple[str, ...]] = ("_test_step", "_output_step")  # for one net

    def __init__(self, net: Any = None, config: Any = None, seed: int = 0, **options: Any) -> None:
        if isinstance(net, str):
            net, options = None, {"net": net, **options}
        elif net is not None and not isinstance(net, keras.Model):
            raise AgentlabError(f"net={net!r} is neither a net's name nor a Keras model")
        if config is not None and options:
            raise AgentlabError(f"options {', '.join(options)} are given beside a whole config")
        self.config = configs.from_dict(self.Config, options) if config is None else config
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.net: Any = net
        self._given = net is not None
        self.preprocessor: Preprocessor | None = None
        self.history: list[dict[str, float]] = []
        self.interrupted = False
        tf.config.experimental.enable_op_determinism()  # a seed repeats a run bit for bit
        tf.random.set_seed(seed)  # without one Keras' own fit now refuses to shuffle

    # What a subclass writes

    @abstractmethod
    def fit(self, *data: Any, **options: Any) -> Self:
        """Learn from data; with ``run``, go on from its newest checkpoint and keep all in it.

        Every trainer also takes ``validation_data``, ``run`` and ``quiet``. A second call begins
        anew, but for a net that was given, which learns on.
        """

    @abstractmethod
    def predict(self, *data: Any, **options: Any) -> Any:
        """Return predictions for new inputs."""

    @abstractmethod
    def evaluate(self, *data: Any, **options: Any) -> dict[str, float]:
        """Return metrics on data that were not learned from, by name."""

    def score(self, *data: Any) -> float:
        """Return the metric of ``evaluate`` that ``score_metric`` names."""
        return self.evaluate(*data)[self.score_metric]

    @abstractmethod
    def losses(self, outputs: Any, targets: Any) -> Any:
        """Return the loss of each example, a tensor of the shape that the batch's weights have."""

    def objective(self, outputs: Any, targets: Any) -> Any:
        """Return what training minimizes, where it is not the loss that is reported."""
        return self.losses(outputs, targets)

    def metrics(self, outputs: Any, targets: Any) -> dict[str, Any]:
        """Return further metrics of each example, of the loss' shape, by name."""
        return {}

    def reduce_metrics(self, means: dict[str, float]) -> dict[str, float]:
        """Return what to report, of the means of the loss and of the metrics."""
        return means

    def _forward(self, inputs: Any, training: bool) -> Any:
        """Return the net's outputs in float32."""
        return tf.nest.map_structure(
            lambda output: tf.cast(output, tf.float32), self.net(inputs, training=training)
        )

    def _fitted(self) -> dict[str, Any]:
        """Return what ``fit`` learned beside weights, as what JSON holds."""
        return {}

    def _restore_fitted(self, described: Mapping[str, Any]) -> None:  # noqa: B027 - may be nothing
        """Take back what ``_fitted`` gave."""

    def plots(self, *data: Any, **options: Any) -> dict[str, Figure]:
        """Draw what the net does on held-out data, by file name."""
        return {}

    def projection(self, *data: Any) -> tuple[Array, Any, Array | None] | None:
        """Return points ``[n, d]``, labels and images for TensorBoard's projector, if any."""
        return None

    def epoch_end(self, epoch: int, run: Run | None) -> dict[str, float]:
        """Return further metrics after an epoch (1 is the first)."""
        return {}

    def _variables(self) -> list[Any]:
        """Return all that training changes, for checkpoints."""
        return [*self.net.variables, *self._optimizer.variables]

    # Training

    def _begin(self) -> None:
        """Forget the net that an earlier ``fit`` built."""
        if not self._given:
            self.net = None
            for compiled in self._compiled:
                self.__dict__.pop(compiled, None)

    def _train(
        self,
        train: Batches,
        validation: Batches | None = None,
        run: Run | None = None,
        quiet: bool = False,
    ) -> None:
        """Go through ``train`` for all epochs and keep the weights that do best on ``validation``.

        Raises:
            AgentlabError: where the loss is no longer a finite number.
        """
        from agentlab.training.epochs import train_epochs

        train_epochs(self, train, validation, run, quiet)

    @contextmanager
    def _precision(self) -> Iterator[None]:
        """Give the layers made within the number format that the configuration asks for."""
        before = keras.config.dtype_policy()
        if self.config.precision != "float32":
            keras.config.set_dtype_policy(f"mixed_{self.config.precision}")
        try:
            yield
        finally:
            keras.config.set_dtype_policy(before)

    def _compile(self, train: Batches) -> None:
        """Make the optimizer and the compiled steps for batches such as those of ``train``."""
        config, variables = self.config, self.net.trainable_variables
        updates = config.epochs * train.count(config.batch_size)
        learning_rate = make_schedule(
            config.schedule, config.learning_rate, updates, config.warmup_steps
        )
        asked: dict[str, Any] = {} if config.momentum is None else {"momentum": config.momentum}
        if config.nesterov:
            asked["nesterov"] = True
        self._optimizer = make_optimizer(config.optimizer, learning_rate, **asked)
        self._optimizer.build(variables)
        spec = _spec(next(iter(train.epoch(1))), train.ragged)
        apply = compiled_apply(self._optimizer, variables, config.max_grad_norm, self._xla)

        def step(batch: Any) -> Any:
            gradients, sums = self._gradients(batch, training=True)
            return tf.concat([sums, [apply(gradients)]], 0)

        self._step = tf.function(step, [spec], jit_compile=self._xla)
        # Without dropout, so that drawing histograms does not change what is drawn next.
        self._gradients_of = tf.function(lambda batch: self._gradients(batch, False)[0], [spec])

    @property
    def _xla(self) -> bool:
        """XLA makes small dense nets several times faster, but convolutions on a CPU slower."""
        from agentlab.nets.mlp import MLP

        return isinstance(getattr(self.net, "torso", None), MLP)

    def _gradients(self, batch: Any, training: bool) -> tuple[list[Any], Any]:
        """Return the gradients of one batch, and its sums: of weights, loss and metrics."""
        inputs, targets, weights = batch
        with tf.GradientTape() as tape:
            outputs = self._forward(inputs, training)
            lost = tf.reduce_sum(self.objective(outputs, targets) * weights)
            objective = lost / tf.maximum(tf.reduce_sum(weights), 1e-9)
            objective += tf.add_n([tf.zeros(()), *self.net.losses, *self._penalties()])
        variables = self.net.trainable_variables
        gradients = map(_dense, tape.gradient(objective, variables), variables)
        return list(gradients), self._sums(outputs, targets, weights)

    def _penalties(self) -> list[Any]:
        """Return the L1 and L2 penalties on all kernels, beside those that the net itself has."""
        config = self.config
        if not config.l1 and not config.l2:
            return []
        penalty = keras.regularizers.L1L2(config.l1, config.l2)
        return [penalty(v) for v in self.net.trainable_variables if len(v.shape) > 1]

    def _sums(self, outputs: Any, targets: Any, weights: Any) -> Any:
        metrics = {"loss": self.losses(outputs, targets), **self.metrics(outputs, targets)}
        self._names = list(metrics)
        sums = [tf.reduce_sum(tf.cast(metric, tf.float32) * weights) for metric in metrics.values()]
        return tf.stack([tf.reduce_sum(weights), *sums])

    def _means(self, sums: Any) -> dict[str, float]:
        """Turn what ``_sums`` gave, added up over batches, into metrics to report."""
        means = (sums[1:] / max(float(sums[0]), 1e-9)).tolist()
        return self.reduce_metrics(dict(zip(self._names, means, strict=False)))

    # Applying

    @cached_property
    def _test_step(self) -> Any:
        def step(batch: Any) -> Any:
            inputs, targets, weights = batch
            return self._sums(self._forward(inputs, False), targets, weights)

        return tf.function(step, reduce_retracing=True)

    @cached_property
    def _output_step(self) -> Any:
        return tf.function(lambda inputs: self._forward(inputs, False), reduce_retracing=True)

    def _evaluate(self, batches: Batches) -> dict[str, float]:
        """Return the mean loss and metrics over all of ``batches``."""
        sums = sum(
            applied(self._test_step, tuple(batch)).numpy().astype(np.float64)
            for batch in batches.epoch(max(self.config.batch_size, 256))
        )
        return self._means(sums)

    def _outputs(self, batches: Batches) -> ArrayOrTuple:
        """Return the net's outputs of all of ``batches``, in order."""
        parts = [
            tf.nest.map_structure(
                lambda output: output.numpy(), applied(self._output_step, batch.inputs)
            )
            for batch in batches.epoch(max(self.config.batch_size, 256))
        ]
        if isinstance(parts[0], tuple):
            return tuple(map(np.concatenate, zip(*parts, strict=True)))
        return np.concatenate(parts)

    def _need_net(self) -> None:
        if self.net is None or not self.net.built:
            raise AgentlabError(f"this {type(self).__name__} has not been fitted; call fit first")

    # Keeping

    def histograms(self, batch: Any) -> dict[str, Array]:
        """Return all weights, and their gradients in ``batch``, by name."""
        variables = self.net.trainable_variables
        arrays = {f"weights/{v.path}": v.numpy() for v in variables}
        for variable, gradient in zip(variables, self._gradients_of(tuple(batch)), strict=True):
            arrays[f"gradients/{variable.path}"] = tf.convert_to_tensor(gradient).numpy()
        return arrays

    def save(self, directory: Path | str) -> None:
        """Write the trainer to ``directory``: ``trainer.json`` and ``net.keras``.

        Keras itself reads the second.
        """
        self._need_net()
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        with replacing(directory / NET) as temporary:
            self.net.save(temporary)
        preprocessor = self.preprocessor
        content = {
            "trainer": self.name,
            "config": configs.to_dict(self.config),
            "seed": self.seed,
            "fitted": self._fitted(),
            "preprocessor": None
            if preprocessor is None
            else {preprocessor.kind: preprocessor.to_json()},
            "history": self.history,
            "sha256": hashlib.sha256((directory / NET).read_bytes()).hexdigest(),
        }
        described = {"checksum": _checksum(content), **content}
        write_json(directory / DESCRIPTION, described)

    @classmethod
    def load(cls, directory: Path | str) -> Self:
        """Make the trainer that ``save`` wrote. Runs no code from the files.

        Raises:
            AgentlabError: for missing, damaged or foreign files.
        """
        from agentlab.nets.files import load_net

        directory = Path(directory)
        described = read_description(directory)
        if described.get("trainer") != cls.name:
            raise AgentlabError(
                f"{directory} holds a trainer {described.get('trainer')!r}, not a {cls.name!r}"
            )
        try:
            trainer = cls(
                config=configs.from_dict(cls.Config, described["config"]), seed=described["seed"]
            )
            trainer._restore_fitted(described["fitted"])
            for kind, fitted in (described["preprocessor"] or {}).items():
                trainer.preprocessor = load_preprocessor(kind, fitted)
            trainer.history = described["history"]
            expected = described["sha256"]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AgentlabError(f"{directory / DESCRIPTION} is damaged: {error!r}") from error
        trainer.net = load_net(directory / NET, expected)
        return trainer


def read_description(directory: Path | str) -> dict[str, Any]:
    """Return what ``trainer.json`` in ``directory`` says.

    Raises:
        AgentlabError: where it is missing or damaged.
    """
    path = Path(directory) / DESCRIPTION
    try:
        content = dict(read_json(path))
        expected = content.pop("checksum")
    except FileNotFoundError:
        raise AgentlabError(f"{directory} holds no saved trainer: no {DESCRIPTION}") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise AgentlabError(f"{path} is damaged: {error!r}") from error
    if expected != _checksum(content):
        raise AgentlabError(f"{path} is damaged: it is not the file that was saved")
    return content


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def applied(step: Any, given: Any) -> Any:
    """Return what ``step`` makes of inputs, or of a batch, which begins with its inputs.

    Raises:
        AgentlabError: for inputs of a shape that the net does not take.
    """
    try:
        return step(given)
    except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
        shape = list(tf.nest.flatten(given)[0].shape[1:])
        raise AgentlabError(
            f"the net cannot be called with an example of the shape {shape}"
        ) from error


def _dense(gradient: Any, variable: Any) -> Any:
    """Return a gradient as a tensor: unused weights have none, embeddings a sparse one."""
    if gradient is None:
        return tf.zeros(variable.shape, variable.dtype)
    return tf.ensure_shape(tf.convert_to_tensor(gradient), variable.shape)


def _spec(batch: Any, ragged: bool) -> Any:
    """Return TensorFlow's type of batches like ``batch``, of any size (and time)."""

    def spec(array: Array) -> Any:
        free = 2 if ragged and array.ndim > 1 else 1
        return tf.TensorSpec((*[None] * free, *array.shape[free:]), array.dtype)

    return tf.nest.map_structure(spec, tuple(batch))
