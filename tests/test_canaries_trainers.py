"""Canaries: learners of other families, written with what is public alone.

Each really trains on tiny data, resumes exactly, saves and loads.
"""

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
import pytest
import tensorflow as tf

from agentlab.data import Batch, Batches
from agentlab.estimator import Estimator
from agentlab.learner import load
from agentlab.runs import Run
from agentlab.training.callbacks import Callback
from agentlab.training.optimizers import make_optimizer
from agentlab.training.stages import Stage
from agentlab.training.trainer import Trainer
from agentlab.training.update import Loss, make_update

RNG = np.random.default_rng(0)


def dense(inputs: int, *units: int, seed: int = 0) -> keras.Model:
    """Make a small network with named layers."""
    layers: list[Any] = [keras.Input((inputs,))]
    for i, n in enumerate(units):
        kernel = keras.initializers.GlorotUniform(seed=seed + i)
        activation = "tanh" if i < len(units) - 1 else None
        layers.append(
            keras.layers.Dense(n, activation, kernel_initializer=kernel, name=f"layer_{i}")
        )
    return keras.Sequential(layers)


class GAN(Trainer):
    """Two networks with an optimizer each (Goodfellow et al. 2014)."""

    component_names = (
        "generator",
        "discriminator",
        "generator_optimizer",
        "discriminator_optimizer",
    )

    def build(self, data: Batches) -> None:
        size = next(iter(data.epoch(1))).inputs.shape[1]  # type: ignore[union-attr]
        self.generator = dense(2, 16, size, seed=self.seed)
        self.discriminator = dense(size, 16, 1, seed=self.seed + 9)
        self.generator_optimizer = make_optimizer("adam", self.config.learning_rate)
        self.discriminator_optimizer = make_optimizer("adam", self.config.learning_rate)
        self._learn_generator = make_update(
            self.generator_loss,
            ("generator_loss",),
            self.generator.trainable_variables,
            self.generator_optimizer,
        )
        self._learn_discriminator = make_update(
            self.discriminator_loss,
            ("discriminator_loss",),
            self.discriminator.trainable_variables,
            self.discriminator_optimizer,
        )

    def generator_loss(self, noise: Any) -> Loss:
        logits = self.discriminator(self.generator(noise))
        loss = tf.reduce_mean(tf.nn.softplus(-logits))
        return Loss(loss, {"generator_loss": loss})

    def discriminator_loss(self, batch: Any) -> Loss:
        real, noise = batch
        false = self.discriminator(self.generator(noise))
        loss = tf.reduce_mean(tf.nn.softplus(false) + tf.nn.softplus(-self.discriminator(real)))
        return Loss(loss, {"discriminator_loss": loss})

    def train_step(self, batch: Batch) -> Mapping[str, Any]:
        noise = self.rng.normal(size=(len(batch.weights), 2)).astype(np.float32)
        first, _ = self._learn_discriminator([(batch.inputs, noise)])
        second, _ = self._learn_generator([noise])
        return {name: v for name, v in {**first, **second}.items() if name != "grad_norm"}

    def predict(self, x: Any) -> Any:
        return np.asarray(self.generator(np.asarray(x, np.float32)))


class Conditional(Trainer):
    """Its forward pass needs the label: it rebuilds inputs from their class and a code."""

    def build(self, data: Batches) -> None:
        self.net = dense(7, 8, 4, seed=self.seed)  # 4 inputs, 3 classes

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        given = tf.concat([batch.inputs, tf.one_hot(batch.targets, 3)], 1)
        rebuilt = self.net(given, training=training)
        return {"loss": tf.reduce_mean(tf.square(rebuilt - batch.inputs), 1)}


class ImageAndTokens(Trainer):
    """Two inputs, a picture and a question about it."""

    monitor = ("accuracy", "max")
    score_metric = "accuracy"

    def build(self, data: Batches) -> None:
        pictures, tokens = next(iter(data.epoch(1))).inputs
        seed = keras.initializers.GlorotUniform(seed=self.seed)
        inputs = [keras.Input(pictures.shape[1:]), keras.Input(tokens.shape[1:], dtype="int32")]
        seen = keras.layers.Flatten()(inputs[0])
        read = keras.layers.Embedding(10, 4, embeddings_initializer=seed)(inputs[1])
        joined = keras.layers.Concatenate()([seen, keras.layers.Flatten()(read)])
        joined = keras.layers.Dropout(0.2, seed=self.seed)(joined)
        self.net = keras.Model(inputs, keras.layers.Dense(2, kernel_initializer=seed)(joined))

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        logits = self.net(list(batch.inputs), training=training)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(batch.targets, logits)
        return {"loss": loss, "accuracy": tf.argmax(logits, -1) == batch.targets}


class RBM(Trainer):
    """A restricted Boltzmann machine by contrastive divergence (Hinton 2002): no gradient tape."""

    component_names = ("weights", "counter")
    score_metric = "error"

    def make(self, visible: int) -> None:
        start = np.random.default_rng(self.seed).normal(0, 0.1, (visible, 6))
        values = start, np.zeros(visible), np.zeros(6)
        self.weights = [tf.Variable(value.astype(np.float32)) for value in values]
        self.counter = tf.Variable(0)

    def build(self, data: Batches) -> None:
        self.make(next(iter(data.epoch(1))).inputs.shape[1])  # type: ignore[union-attr]

    def train_step(self, batch: Batch) -> Mapping[str, Any]:
        kernel, visible_bias, hidden_bias = self.weights
        seeds = tf.stack([self.seed, self.counter.assign_add(1)])
        seen = tf.constant(batch.inputs)
        hidden = tf.sigmoid(seen @ kernel + hidden_bias)
        drawn = tf.cast(tf.random.stateless_uniform(hidden.shape, seeds) < hidden, tf.float32)
        rebuilt = tf.sigmoid(drawn @ tf.transpose(kernel) + visible_bias)
        again = tf.sigmoid(rebuilt @ kernel + hidden_bias)
        rate = self.config.learning_rate / len(batch.weights)
        kernel.assign_add(rate * (tf.transpose(seen) @ hidden - tf.transpose(rebuilt) @ again))
        visible_bias.assign_add(rate * tf.reduce_sum(seen - rebuilt, 0))
        hidden_bias.assign_add(rate * tf.reduce_sum(hidden - again, 0))
        return {"error": tf.reduce_mean(tf.square(seen - rebuilt))}

    def test_step(self, batch: Batch) -> Mapping[str, Any]:
        return {"error": np.mean(np.square(batch.inputs - self.predict(batch.inputs)))}

    def predict(self, x: Any) -> Any:
        kernel, visible_bias, hidden_bias = self.weights
        hidden = tf.sigmoid(x @ kernel + hidden_bias)
        return tf.sigmoid(hidden @ tf.transpose(kernel) + visible_bias).numpy()

    def specification(self) -> dict[str, Any]:
        return {**super().specification(), "visible": self.weights[0].shape[0]}

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        trainer = super().from_specification(specification, config, seed, models)
        trainer.make(specification["visible"])
        return trainer


class FineTuned(Trainer):
    """First the head alone, then all of the network, more slowly."""

    def build(self, data: Batches) -> None:
        self.net = dense(4, 8, 8, 3, seed=self.seed)

    def stages(self) -> Sequence[Stage]:
        return [
            Stage("head", 2, trainable=("layer_2",)),
            Stage("all", self.config.epochs - 2, trainable=lambda path: True, learning_rate=1e-4),
        ]

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        logits = self.net(batch.inputs, training=training)
        return {"loss": tf.nn.sparse_softmax_cross_entropy_with_logits(batch.targets, logits)}


class PCA(Estimator):
    """Principal components, by the singular values of centered data."""

    def fit(self, x: Any, count: int = 2) -> Self:  # type: ignore[override]
        self.mean_ = np.mean(x, axis=0)
        _, values, rows = np.linalg.svd(x - self.mean_, full_matrices=False)
        self.components_ = rows[:count]
        self.explained_ = np.square(values[:count]) / np.square(values).sum()
        return self

    def transform(self, x: Any) -> Any:
        self.check_fitted()
        return (np.asarray(x) - self.mean_) @ self.components_.T

    def score(self, x: Any) -> float:
        rebuilt = self.transform(x) @ self.components_ + self.mean_
        return float(1 - np.square(x - rebuilt).sum() / np.square(x - np.mean(x, 0)).sum())


X = RNG.normal(size=(60, 4)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(np.int32) + (X[:, 1] > 0).astype(np.int32)
CODES = (RNG.random((60, 4)) < 0.2).astype(np.float32)
CODES[::2, :2] = 1
PICTURES = RNG.random((60, 3, 3, 1)).astype(np.float32)
TOKENS = RNG.integers(0, 10, (60, 2)).astype(np.int32)
YES = (TOKENS[:, 0] > 4).astype(np.int64)

CASES: dict[str, tuple[type[Trainer], tuple[Any, ...], dict[str, Any], Any]] = {
    "gan": (GAN, (X,), {"learning_rate": 0.01, "epochs": 6}, np.ones((5, 2))),
    "conditional": (Conditional, (X, LABELS), {"learning_rate": 0.02, "epochs": 6}, None),
    "two inputs": (
        ImageAndTokens,
        ((PICTURES, TOKENS), YES),
        {"learning_rate": 0.05, "epochs": 8},
        (PICTURES, TOKENS),
    ),
    "rbm": (RBM, (CODES,), {"learning_rate": 0.5, "epochs": 6}, CODES),
    "two stages": (FineTuned, (X, LABELS), {"learning_rate": 0.05, "epochs": 5}, X),
}


class InterruptAt(Callback):
    """Presses Ctrl-C within an epoch, after so many batches."""

    def __init__(self, trainer: Trainer, batches: int) -> None:
        step = trainer.train_step

        def counted(batch: Batch) -> Mapping[str, Any]:
            nonlocal batches
            batches -= 1
            if not batches:
                os.kill(os.getpid(), signal.SIGINT)
            return step(batch)

        trainer.train_step = counted  # type: ignore[method-assign]


def arrays(trainer: Trainer) -> list[bytes]:
    return [np.asarray(v).tobytes() for v in trainer.state().values()]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("at", [3, 3 * 5 + 2])  # of 5 batches an epoch
def test_it_learns_and_resumes_exactly(name: str, at: int, tmp_path: Path) -> None:
    cls, data, options, _ = CASES[name]

    def make() -> Trainer:
        return cls(batch_size=11, seed=3, validation_split=0.1, **options)

    if cls is GAN:
        options = {**options, "validation_split": 0.0}

        def make() -> Trainer:
            return cls(batch_size=12, seed=3, **options)

    whole, broken = (Run.create(tmp_path, folder, {}) for folder in ("whole", "broken"))
    expected = make().fit(*data, run=whole, quiet=True)
    stopped = make()
    InterruptAt(stopped, at)
    assert stopped.fit(*data, run=broken, quiet=True).interrupted
    resumed = make().fit(*data, run=broken, quiet=True)
    assert resumed.history == expected.history
    assert arrays(resumed) == arrays(expected)
    assert (broken.path / "metrics.csv").read_bytes() == (whole.path / "metrics.csv").read_bytes()
    learned = list(expected.history[0])[0]
    if cls is not GAN:
        assert expected.history[-1][learned] < expected.history[0][learned]


@pytest.mark.parametrize("name", CASES)
def test_it_is_saved_and_loaded(name: str, tmp_path: Path) -> None:
    cls, data, options, x = CASES[name]
    trainer = cls(**{**options, "epochs": 3}).fit(*data, quiet=True) if cls is not GAN else None
    if trainer is None:
        trainer = cls(**options, validation_split=0.0).fit(*data, quiet=True)
    trainer.save(tmp_path / "saved")
    loaded = load(tmp_path / "saved", cls=cls)
    assert type(loaded) is cls and loaded.history == trainer.history
    if x is not None:
        np.testing.assert_array_equal(loaded.predict(x), trainer.predict(x))
    if cls is not GAN:
        assert loaded.score(*data) == trainer.score(*data)


def test_stages_train_what_they_name_at_their_own_rate(tmp_path: Path) -> None:
    seen: list[tuple[list[bytes], float]] = []

    class Watch(Callback):
        def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
            weights = [w.tobytes() for w in trainer.net.get_weights()]
            seen.append((weights, metrics["learning_rate"]))

    trainer = FineTuned(epochs=4, learning_rate=0.05)
    trainer.build(None)  # type: ignore[arg-type]
    begin = [w.tobytes() for w in trainer.net.get_weights()]
    trainer.fit(X, LABELS, quiet=True, callbacks=[Watch()])
    assert [rate for _, rate in seen] == pytest.approx([0.05, 0.05, 1e-4, 1e-4])
    assert seen[1][0][:4] == begin[:4] and seen[1][0][4] != begin[4]
    assert all(a != b for a, b in zip(seen[3][0], seen[1][0], strict=True))


def test_a_callback_stops_the_training_and_what_it_saw_was_logged(tmp_path: Path) -> None:
    class Stop(Callback):
        said: list[Any]

        def on_start(self, learner: Any, run: Run | None) -> None:
            self.said = ["start"]

        def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
            self.said.append((step, metrics["train/loss"]))
            self.stop_training = step == 2

        def on_checkpoint(self, path: Path) -> None:
            self.said.append(path.name)

        def on_end(self) -> None:
            self.said.append("end")

    stop = Stop()
    run = Run.create(tmp_path, "run", {})
    trainer = Conditional(epochs=9).fit(X, LABELS, run=run, quiet=True, callbacks=[stop])
    losses = [row["train/loss"] for row in trainer.history]
    expected = ["start", (1, losses[0]), "000001", (2, losses[1]), "000002", "end"]
    assert stop.said == expected and not trainer.interrupted


def test_an_estimator_is_a_few_lines(tmp_path: Path) -> None:
    pca = PCA().fit(X)
    assert pca.score(X) == pytest.approx(pca.explained_.sum())
    pca.save(tmp_path / "pca")
    loaded = load(tmp_path / "pca", cls=PCA)
    np.testing.assert_array_equal(loaded.transform(X), pca.transform(X))
