"""The data, the options and the fitted learners that checks of a trainer or estimator share."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from agentlab.errors import InvalidArgument
from agentlab.registry import registry_of
from agentlab.runs import Run
from agentlab.testing.conformance import Looking, logged_rows, small_config
from agentlab.testing.examples import KINDS, PAST, Examples
from agentlab.training.callbacks import Callback

SMALL = {"epochs": 3, "batch_size": 8, "hidden": (8,), "validation_split": 0.2}
CAPSULES = {
    "filters": 4,
    "channels": 2,
    "kernel_size": 3,
    "primary_dimension": 4,
    "dimension": 4,
    "decoder": (8,),
    "shift_pixels": 1,
}
# The data of each registered learner, and options for a small network.
REGISTERED: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "classifier": [
        ("classes", {"dropout": 0.2, "schedule": "cosine"}),
        ("images", {"flip": True}),
        # hidden has its default, since text_cnn has no hidden layers.
        ("texts", {"net": "text_cnn", "hidden": (128, 128), "vocabulary": 20, "length": 8}),
    ],
    "capsules": [("images", CAPSULES)],
    "overlapping_capsules": [("overlapping", CAPSULES)],
    "regressor": [("numbers", {"dropout": 0.2})],
    "linear_regression": [("numbers", {})],
    "perceptron": [("classes", {"epochs": 500})],
    "language_model": [("text", {"units": (8,), "embedding": 4, "length": 8})],
    "translator": [
        ("sentences", {"units": 8, "embedding": 8, "vocabulary": 30, "max_length": 16}),
    ],
    "forecaster": [("series", {"past": PAST, "horizon": 3, "units": 4, "dropout": 0.2})],
    "siamese": [("classes", {})],
    "pca": [("points", {}), ("images", {"n_components": 0.9})],
    "kmeans": [("points", {"n_clusters": 2})],
    "som": [("points", {"map_rows": 3, "map_columns": 3})],
    "rbm": [
        ("images", {"units": 6, "persistent": True, "chains": 10}),
        ("points", {"units": 6, "visible": "gaussian", "cd_steps": 2, "learning_rate": 0.01}),
    ],
    "dbn": [("images", {"hidden": (6, 4), "pretrain_epochs": 1, "epochs": 2})],
    "ratings_rbm": [("ratings", {"units": 4})],
    "autoencoder": [
        (
            "images",
            {"hidden": (), "code_size": 4, "noise": "masking", "pretrain_epochs": 1, "epochs": 2},
        ),
    ],
    "vae": [("points", {"latent_dim": 2})],
    "gan": [("points", {"latent_dim": 3, "loss": "hinge", "generator_steps": 2})],
    "dcgan": [
        ("drawings", {"latent_dim": 4, "filters": 2, "label_smoothing": 0.1}),
    ],
}


class LearnerCase:
    """A learner class, data and options to check it with; checks share fitted learners.

    Args:
        learner: a subclass of ``Trainer`` or ``Estimator``.
        examples: a key of ``agentlab.testing.examples.KINDS``, or your own ``Examples``.
        config: an instance of ``learner.Config``, or a mapping of options, to which options for
            short training are added.
        label: name of the case in messages.
    """

    def __init__(
        self, learner: Any, examples: str | Examples, config: Any = None, label: str = ""
    ) -> None:
        self.cls = learner
        self.data = KINDS[examples]() if isinstance(examples, str) else examples
        self.config = small_config(learner, SMALL, config)
        self.label = label or str(learner.name or learner.__name__)

    def __str__(self) -> str:
        return self.label

    def make(self, seed: int = 3) -> Any:
        """Make an unfitted learner."""
        return self.cls(config=self.config, seed=seed)

    def fit(self, learner: Any = None, **options: Any) -> Any:
        """Fit ``learner`` (``None`` makes a new one) on the training data."""
        learner = self.make() if learner is None else learner
        return learner.fit(*self.data.train, **options)

    def apply(self, learner: Any, inputs: Any = None) -> Any:
        """Return the output of ``predict``, or of ``transform`` if there is no ``predict``."""
        method = getattr(learner, "predict", None) or learner.transform
        return method(self.data.inputs if inputs is None else inputs)

    @cached_property
    def folder(self) -> Path:
        """A temporary folder that is deleted with the case."""
        self._temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        return Path(self._temporary.name)

    @cached_property
    def fitted(self) -> Any:
        """A learner fitted without a run."""
        return self.fit(quiet=True) if self.cls.kind == "trainer" else self.fit()

    @cached_property
    def whole(self) -> tuple[Any, Run]:
        """A trainer fitted with a run and a read-only callback, and its run."""
        with Run.create(self.folder, "whole", {}) as run:
            return self.fit(run=run, callbacks=[Looking()], quiet=True), run

    @cached_property
    def first_epoch(self) -> tuple[Any, Run, list[dict[str, str]]]:
        """A trainer stopped by a callback after one epoch, its run, and the rows logged so far."""
        with Run.create(self.folder, "resumed", {}) as run:
            return self.fit(run=run, callbacks=[_Stop()], quiet=True), run, logged_rows(run)

    @cached_property
    def resumed(self) -> tuple[Any, Run]:
        """A trainer resumed after one epoch, interrupted within the next and resumed again."""
        path = self.first_epoch[1].path
        with Run.open(path) as run:
            self.fit(_interrupt(self.make(), after=2), run=run, quiet=True)
        with Run.open(path) as run:
            return self.fit(run=run, quiet=True), run


class _Stop(Callback):
    """Stops training after the first row of metrics."""

    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        self.stop_training = True


def _interrupt(trainer: Any, after: int) -> Any:
    """Make batch number ``after`` (from 1) interrupt ``trainer`` like Ctrl-C, and return it."""
    train_step, made = trainer.train_step, 0

    def step(batch: Any) -> Any:
        nonlocal made
        made += 1
        if made == after:
            signal.raise_signal(signal.SIGINT)
        return train_step(batch)

    trainer.train_step = step
    return trainer


def registered_cases(kind: str) -> list[LearnerCase]:
    """Return cases for every registered trainer or estimator.

    Args:
        kind: ``"trainer"`` or ``"estimator"``.

    Raises:
        InvalidArgument: if ``REGISTERED`` has no data for one of them.
    """
    registry, cases = registry_of(kind), []
    for name in registry:
        if name not in REGISTERED:
            raise InvalidArgument(
                f"there are no data to check the {kind} {name!r} on; add them to "
                "agentlab.testing.learner_case.REGISTERED"
            )
        for examples, options in REGISTERED[name]:
            label = f"{name} on {examples}"
            cases.append(LearnerCase(registry.load(name), examples, options, label))
    return cases
