"""``GAN``: a generator and a discriminator of dense layers that are trained against each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from agentlab.config import option, override
from agentlab.data import Batch, Batches, split_indices
from agentlab.data.batches import Array
from agentlab.nets import GENERATORS, make_torso
from agentlab.plots.images import image_grid
from agentlab.runs import Run
from agentlab.runs.frames import log_frame
from agentlab.training.callbacks import Callback
from agentlab.training.examples import batch_spec
from agentlab.training.optimization import Optimization
from agentlab.training.stages import Stage
from agentlab.unsupervised.adversarial import METRICS, AdversarialStep
from agentlab.unsupervised.feature_classifier import FeatureClassifier
from agentlab.unsupervised.gan_options import GANOptions
from agentlab.unsupervised.gan_plots import gan_plots, score_lines
from agentlab.unsupervised.gan_scores import Scores
from agentlab.unsupervised.gan_warnings import Watch, gan_warnings
from agentlab.unsupervised.generating import Generating

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 64  # samples in an image grid
SCALE = 2  # by which image grids are enlarged


@dataclass(frozen=True)
class GANConfig(GANOptions):
    """Hyperparameters of ``gan``."""

    hidden: tuple[int, ...] = option((256, 256), "units of the hidden layers of both nets", ge=1)
    learning_rate: float = override(Optimization, "learning_rate", 2e-4)


class GAN(Generating):
    """Two networks trained against each other (Goodfellow et al. 2014).

    The generator maps random codes (latent vectors) to inputs; the discriminator classifies inputs
    as real or generated. With validation data, the epoch with the lowest Frechet distance is
    selected: see ``agentlab.unsupervised.gan_scores``.

    Attributes:
        generator, discriminator: the networks.
        feature_classifier: the network of a ``FeatureClassifier`` of the training images, in whose
            feature space samples are scored; ``None`` for numeric rows.
        scores: compares samples with real inputs; ``None`` before ``fit``.
    """

    name = "gan"
    Config: ClassVar[type] = GANConfig
    component_names = (
        "generator",
        "discriminator",
        "generator_optimizer",
        "discriminator_optimizer",
        "feature_classifier",
    )
    monitor = ("frechet", "min")
    score_metric = "frechet"
    generator_optimizer: Any = None
    discriminator_optimizer: Any = None
    scores: Scores | None = None
    _labels: Array | None = None
    _step: AdversarialStep

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
        """Train on inputs.

        Args:
            x: inputs ``[n, ...]``: images or numeric rows; or ``Batches``.
            y: labels ``[n]`` with which the feature classifier is trained; ``None`` for none.
            validation_data: see ``UnlabeledTrainer.fit``.
            run: saves metrics and checkpoints; training resumes from its newest checkpoint.
            quiet: show no progress.
            callbacks: called during training.

        Raises:
            AgentlabError: if the inputs and the networks do not match.
        """
        self._labels = None if y is None else np.asarray(y)
        watch = Watch(self, run, quiet)
        return super().fit(
            x,
            y,
            validation_data=validation_data,
            run=run,
            quiet=quiet,
            callbacks=[watch, *callbacks],
        )

    def train(
        self,
        data: Batches,
        validation: Batches | None = None,
        run: Run | None = None,
        quiet: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train or load the feature classifier, then train both networks; called by ``fit``."""
        self.check_shape(self.input_shape(data))
        labels = self._labels
        if labels is not None and len(labels) != data.size:  # without those held out
            split = self.config.validation_split
            labels = labels[split_indices(len(labels), (1 - split, split), self.seed)[0]]
        self.scores = Scores.fit(data, labels, self.config.scored_samples, self.seed, quiet)
        return super().train(data, validation, run, quiet, callbacks)

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise ``InvalidArgument`` for a shape that the generator cannot produce; here, none."""

    def build(self, data: Batches) -> None:
        """Build both networks."""
        from agentlab.nets.discriminators import Discriminator

        shape, config = self.input_shape(data), self.config
        torso = self.make_discriminator(shape)
        self.generator = self.make_generator(shape)
        self.discriminator = Discriminator(
            torso, config.spectral_norm, self.seed + 2000, name="discriminator"
        )

    def make_generator(self, shape: tuple[int, ...]) -> Any:
        """Build the generator for inputs of ``shape``."""
        config = self.config
        return GENERATORS.load("gan_mlp")(
            config.latent_dim, shape, config.hidden, self.pixels, self.seed, name="generator"
        )

    def make_discriminator(self, shape: tuple[int, ...]) -> Any:
        """Build the discriminator's torso for inputs of ``shape``."""
        config = self.config
        return make_torso(
            "gan_mlp",
            shape,
            hidden=config.hidden,
            spectral_norm=config.spectral_norm,
            seed=self.seed + 1000,
            name="torso",
        )

    @property
    def feature_classifier(self) -> Any:
        """The network of the feature classifier; ``None`` for numeric rows."""
        classifier = None if self.scores is None else self.scores.classifier
        return None if classifier is None else classifier.net

    def on_train_start(self) -> None:
        """Start the random codes anew, so that a second ``fit`` equals the first."""
        self.rng = np.random.default_rng(self.seed)

    def begin_stage(self, stage: Stage, updates: int, example: Batch, ragged: bool) -> None:
        """Create the optimizers and the compiled step."""
        config = self.config
        adam = {"beta_1": config.beta_1} if config.optimizer.lower().startswith("adam") else {}
        turns = math.ceil(updates * config.generator_steps / config.discriminator_steps)
        self.generator_optimizer = config.make_optimizer(turns, **adam)
        self.discriminator_optimizer = config.make_optimizer(
            updates, config.discriminator_learning_rate, **adam
        )
        self.optimizer = self.generator_optimizer
        self._step = AdversarialStep(
            self.generator,
            self.discriminator,
            [self.generator_optimizer, self.discriminator_optimizer],
            self.scaled,
            config.loss,
            config.label_smoothing,
            config.gradient_penalty,
            config.max_grad_norm,
            batch_spec(example, ragged).inputs,
            self.seed,
        )

    def train_step(self, batch: Batch) -> Mapping[str, Any]:
        """Train both networks on a batch; return ``METRICS``."""
        config, count = self.config, len(batch.weights)
        done = int(self.discriminator_optimizer.iterations.numpy())
        turn = (done + 1) % config.discriminator_steps == 0
        found = self._step(batch.inputs, self.codes(count, self.rng), turn)
        for _ in range(config.generator_steps - 1):
            self._step.train_generator(self.codes(count, self.rng))
        return dict(zip(METRICS, found.numpy().tolist(), strict=True))

    @property
    def warnings(self) -> list[str]:
        """Warnings about the last epochs, one sentence each."""
        classifier = None if self.scores is None else self.scores.classifier
        count = 0 if classifier is None else len(classifier.classes)
        return gan_warnings(self.history, self.config.loss, count)

    def epoch_end(self, epoch: int, run: Run | None) -> dict[str, float]:
        """Log a grid of samples, from the same codes in each epoch."""
        if (
            run is not None
            and self.generator.shape[-1] in (1, 3)
            and len(self.generator.shape) == 3
        ):
            log_frame(run, "samples", epoch, image_grid(self.sample(SHOWN), scale=SCALE))
        return {}

    def evaluate_batches(self, batches: Batches) -> dict[str, float]:
        """Return the scores of samples against held-out inputs, and ``real_accuracy``.

        ``real_accuracy`` is the fraction of held-out inputs that the discriminator classifies as
        real; if it is much lower than in training, the discriminator has overfitted. The samples
        always have the same codes.
        """
        self.check_fitted()
        if self.scores is None or not self.scores.count:
            return {}
        logits = [self.logits_of(np.asarray(batch.inputs)) for batch in batches.epoch(256)]
        found = self.scores.of(batches, lambda n: self.as_inputs(self.outputs_of(self._fixed(n))))
        return {**found, "real_accuracy": float((np.concatenate(logits) > 0).mean())}

    def _fixed(self, n: int) -> Array:
        return self.codes(n, np.random.default_rng(self.seed + 1))

    def report(self, x: Any, y: Any = None) -> list[str]:
        """Return the scores of samples and of real inputs side by side, and all warnings."""
        return score_lines(self, self.batches(x))

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Plot samples, and interpolations between codes."""
        return gan_plots(self)

    def restore(self, state: Any) -> None:
        """Restore a state returned by ``state``; constant learning rates come from ``config``."""
        super().restore(state)
        config = self.config
        rates = (config.learning_rate, config.discriminator_learning_rate or config.learning_rate)
        optimizers = (self.generator_optimizer, self.discriminator_optimizer)
        for optimizer, rate in zip(optimizers, rates, strict=True):
            if hasattr(getattr(optimizer, "learning_rate", None), "assign"):
                optimizer.learning_rate = rate

    def specification(self) -> dict[str, Any]:
        """Return the specification of the base class, and that of the feature classifier."""
        classifier = None if self.scores is None else self.scores.classifier
        about = None if classifier is None else [classifier.classes, classifier.trained_on]
        return {**super().specification(), "feature_classifier": about}

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Make a GAN from its ``specification``."""
        nets = {name: model for name, model in models.items() if name != "feature_classifier"}
        trainer = super().from_specification(specification, config, seed, nets)
        classifier = None
        if specification["feature_classifier"] is not None:
            classifier = FeatureClassifier(models["feature_classifier"])
            classifier.classes, classifier.trained_on = specification["feature_classifier"]
        trainer.scores = Scores(classifier, config.scored_samples)
        return trainer
