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
from agentlab.errors import InvalidArgument
from agentlab.lazy import keras
from agentlab.nets import GENERATORS, make_torso
from agentlab.plots.images import image_grid
from agentlab.runs import Run
from agentlab.runs.frames import log_frame
from agentlab.training.callbacks import Callback
from agentlab.training.examples import batch_spec
from agentlab.training.optimization import Optimization
from agentlab.training.stages import Stage
from agentlab.unsupervised.adversarial import METRICS, AdversarialLoss, AdversarialStep
from agentlab.unsupervised.code_search import STARTS, make_search
from agentlab.unsupervised.gan_plots import gan_plots, score_lines
from agentlab.unsupervised.gan_scores import Scores
from agentlab.unsupervised.gan_warnings import Watch, gan_warnings
from agentlab.unsupervised.judge import Judge
from agentlab.unsupervised.unlabeled import UnlabeledTrainer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 64  # samples in a picture
SCALE = 2  # of the pictures


@dataclass(frozen=True)
class GANOptions(Optimization):
    """Options of all GANs."""

    latent_dim: int = option(100, "size of the random codes", ge=1)
    loss: AdversarialLoss = option("non-saturating", "loss of both networks")
    gradient_penalty: float = option(
        10.0, "weight of the gradient penalty; of loss wasserstein only", ge=0
    )
    spectral_norm: bool = option(False, "normalize the discriminator's kernels (Miyato et al. 2018)")
    label_smoothing: float = option(
        0.0, "how far the discriminator's target for real inputs is below 1", ge=0, lt=1
    )
    generator_steps: int = option(1, "updates of the generator per batch", ge=1)
    discriminator_steps: int = option(
        1, "batches on which the discriminator is trained per update of the generator", ge=1
    )
    discriminator_learning_rate: float | None = option(
        None, "the discriminator's peak learning rate; none for learning_rate", gt=0
    )
    beta_1: float = option(0.5, "decay of the mean gradient in adam", ge=0, lt=1)
    scored_samples: int = option(
        5000, "samples to score on validation data after each epoch; 0 for no scores", ge=0
    )

    def check(self) -> None:
        """Raise ``InvalidArgument`` if an option is out of bounds or contradicts another."""
        super().check()
        if self.generator_steps > 1 and self.discriminator_steps > 1:
            raise InvalidArgument(
                f"generator_steps={self.generator_steps} and "
                f"discriminator_steps={self.discriminator_steps} cannot both be above 1"
            )
        if self.label_smoothing and self.loss != "non-saturating":
            raise InvalidArgument(
                f"label_smoothing={self.label_smoothing} must be 0 for loss={self.loss!r}, which "
                "has no targets"
            )
        if 0 < self.scored_samples < 10:
            raise InvalidArgument(f"scored_samples={self.scored_samples} must be 0, or 10 or more")


@dataclass(frozen=True)
class GANConfig(GANOptions):
    """Hyperparameters of ``gan``."""

    hidden: tuple[int, ...] = option((256, 256), "units of the hidden layers of both nets", ge=1)
    learning_rate: float = override(Optimization, "learning_rate", 2e-4)


class GAN(UnlabeledTrainer):
    """Two networks trained against each other (Goodfellow et al. 2014).

    The generator makes inputs from random codes; the discriminator tells them from real ones. With
    validation data, the epoch with the lowest Frechet distance is selected: see
    ``agentlab.unsupervised.gan_scores``.

    Attributes:
        generator, discriminator: the networks.
        judge: the network of a ``Judge`` of the training images, in whose features samples are
            scored; ``None`` for rows of numbers.
        scores: scores samples beside real inputs; ``None`` before ``fit``.
    """

    name = "gan"
    Config: ClassVar[type] = GANConfig
    component_names = (
        "generator",
        "discriminator",
        "generator_optimizer",
        "discriminator_optimizer",
        "judge",
    )
    monitor = ("frechet", "min")
    score_metric = "frechet"
    config: Any
    generator: Any = None
    discriminator: Any = None
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
            x: inputs ``[n, ...]``: images, or rows of numbers; or ``Batches``.
            y: labels ``[n]`` with which the judge of images is trained; ``None`` for none.
            validation_data: see ``UnlabeledTrainer.fit``.
            run: saves metrics and checkpoints; training resumes from its newest checkpoint.
            quiet: show no progress.
            callbacks: called during training.

        Raises:
            AgentlabError: if the inputs and the networks do not match.
        """
        self._labels = None if y is None else np.asarray(y)
        self._quiet = quiet
        watch = Watch(self, run, quiet)
        return super().fit(
            x,
            y,
            validation_data=validation_data,
            run=run,
            quiet=quiet,
            callbacks=[watch, *callbacks],
        )

    def build(self, data: Batches) -> None:
        """Build both networks, and train or load the judge."""
        from agentlab.nets.discriminators import Discriminator

        shape, config = self.input_shape(data), self.config
        torso = self.make_discriminator(shape)
        self.generator = self.make_generator(shape)
        self.discriminator = Discriminator(
            torso, config.spectral_norm, self.seed + 2000, name="discriminator"
        )
        labels = self._labels
        if labels is not None and len(labels) != data.size:  # without those held out
            split = self.config.validation_split
            labels = labels[split_indices(len(labels), (1 - split, split), self.seed)[0]]
        self.scores = Scores.fit(data, labels, config.scored_samples, self.seed, self._quiet)

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
    def judge(self) -> Any:
        """The judge's network; ``None`` for rows of numbers."""
        judge = None if self.scores is None else self.scores.judge
        return None if judge is None else judge.net

    @property
    def uses_xla(self) -> bool:
        """Whether to compile with XLA, which is faster for dense networks."""
        return True

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
            self.uses_xla,
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
        """What went wrong in the last epochs, in words."""
        judge = None if self.scores is None else self.scores.judge
        count = 0 if judge is None else len(judge.classes)
        return gan_warnings(self.history, self.config.loss, count)

    def codes(self, n: int, rng: np.random.Generator) -> Array:
        """Return ``n`` random codes, float32 ``[n, latent_dim]``, from a normal distribution."""
        return rng.standard_normal((n, self.config.latent_dim), np.float32)

    def epoch_end(self, epoch: int, run: Run | None) -> dict[str, float]:
        """Log a picture of samples, whose codes are the same in each epoch."""
        if run is not None and self.generator.shape[-1] in (1, 3) and len(self.generator.shape) == 3:
            log_frame(run, "samples", epoch, image_grid(self.sample(SHOWN), scale=SCALE))
        return {}

    def evaluate_batches(self, batches: Batches) -> dict[str, float]:
        """Return the scores of samples beside held-out inputs, and what the discriminator says.

        ``real_accuracy`` is the fraction of held-out inputs that the discriminator finds real; if
        it is much lower than in training, the discriminator has learned the training inputs by
        heart. The codes of the samples are always the same.
        """
        self.check_fitted()
        if self.scores is None or not self.scores.count:
            return {}
        logits = [self._logits(np.asarray(batch.inputs)) for batch in batches.epoch(256)]
        found = self.scores.of(batches, lambda n: self._as_inputs(self._outputs(self._fixed(n))))
        return {**found, "real_accuracy": float((np.concatenate(logits) > 0).mean())}

    def _fixed(self, n: int) -> Array:
        return self.codes(n, np.random.default_rng(self.seed + 1))

    def _outputs(self, codes: Array) -> Array:
        """Return what the generator makes of codes: pixels from 0 to 1, or numbers."""
        return self.in_blocks("generate", lambda c: self.generator(c, training=False), codes)

    def _as_inputs(self, outputs: Array) -> Array:
        """Return generated outputs as inputs of the networks, which are uint8 for pixels."""
        return self.raw(outputs) if self.pixels else outputs

    def _logits(self, inputs: Array) -> Array:
        return self.in_blocks(
            "logits", lambda x: self.discriminator(self.scaled(x), training=False), inputs
        )

    def sample(self, n: int, seed: int = 0) -> Array:
        """Return ``n`` generated examples, in the units of the raw inputs.

        Args:
            n: how many.
            seed: of their codes; equal seeds give equal codes.
        """
        return self.decode(self.codes(n, np.random.default_rng(seed)))

    def decode(self, codes: Any) -> Array:
        """Return what the generator makes of codes, in the units of the raw inputs.

        Args:
            codes: float ``[n, latent_dim]``.

        Raises:
            InvalidArgument: for codes of another size.
        """
        self.check_fitted()
        codes = np.asarray(codes, np.float32)
        if codes.ndim != 2 or codes.shape[1] != self.config.latent_dim:
            size = self.config.latent_dim
            raise InvalidArgument(f"codes has the shape {list(codes.shape)}; it must be [n, {size}]")
        return self.raw(self._outputs(codes))

    def predict(self, x: Any) -> Array:
        """Return the probability of raw inputs to be real, by the discriminator, float32 ``[n]``."""
        inputs = self.inputs_of(x)
        self.check_fitted()
        return np.asarray(1 / (1 + np.exp(-self._logits(inputs))), np.float32)

    def encode(self, x: Any, seed: int = 0) -> Array:
        """Return codes of which the generator makes something like ``x``, by gradient descent.

        Args:
            x: raw inputs ``[n, ...]``.
            seed: of the codes that the search starts from.

        Returns:
            Float32 ``[n, latent_dim]``.
        """
        return self._search(self.inputs_of(x), np.ones((1,), np.float32), seed)

    def reconstruct(self, x: Any) -> Array:
        """Return ``decode(encode(x))``, in the units of the raw inputs."""
        return self.decode(self.encode(x))

    def inpaint(self, x: Any, mask: Any, seed: int = 0) -> Array:
        """Return inputs whose masked part is that of the most similar generated inputs.

        Args:
            x: raw inputs ``[n, ...]``.
            mask: true where values are to be replaced, ``[n, ...]`` or the shape of one input.
            seed: of the codes that the search starts from.

        Returns:
            As ``x``, where the mask is false, and generated values elsewhere.
        """
        inputs, shape = self.inputs_of(x), self.generator.shape
        hidden = np.asarray(mask, bool)
        if hidden.shape in (shape[:-1], (len(inputs), *shape[:-1])) and len(shape) == 3:
            hidden = hidden[..., None]
        try:
            hidden = np.broadcast_to(hidden, inputs.shape)
        except ValueError:
            raise InvalidArgument(
                f"mask has the shape {list(hidden.shape)}; it must be that of an input, "
                f"{list(shape)}"
            ) from None
        made = self.decode(self._search(inputs, 1 - hidden.astype(np.float32), seed))
        return np.where(hidden, made, self.raw(np.asarray(self.scaled(inputs))))

    def _search(self, inputs: Array, known: Array, seed: int) -> Array:
        """Return the best codes for inputs, of searches from several starts."""
        self.check_fitted()
        search = self.compiled("search", lambda: make_search(self.generator, self.discriminator))
        rng, best, lowest = np.random.default_rng(seed), None, None
        images = self.scaled(inputs)
        for _ in range(STARTS):
            codes, lost = (
                part.numpy() for part in search(images, known, self.codes(len(inputs), rng))
            )
            if best is None or lowest is None:
                best, lowest = codes, lost
            better = lost < lowest
            best, lowest = np.where(better[:, None], codes, best), np.minimum(lost, lowest)
        assert best is not None
        return best

    def report(self, x: Any, y: Any = None) -> list[str]:
        """Return the scores of samples and of real inputs side by side, and all warnings."""
        return score_lines(self, self.batches(x))

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Plot samples, and images on the way from one code to another."""
        return gan_plots(self)

    def inference_model(self) -> Any:
        """Return a Keras model from codes ``[n, latent_dim]`` to ``generated``: pixels, or numbers."""
        self.check_fitted()
        codes = keras.Input((self.config.latent_dim,), name="codes")
        outputs = keras.ops.cast(self.generator(codes, training=False), "float32")
        return keras.Model(codes, {"generated": outputs}, name=self.name)

    def restore(self, state: Any) -> None:
        """Restore a state returned by ``state``; constant learning rates are those configured."""
        super().restore(state)
        config = self.config
        rates = (config.learning_rate, config.discriminator_learning_rate or config.learning_rate)
        optimizers = (self.generator_optimizer, self.discriminator_optimizer)
        for optimizer, rate in zip(optimizers, rates, strict=True):
            if hasattr(getattr(optimizer, "learning_rate", None), "assign"):
                optimizer.learning_rate = rate

    def specification(self) -> dict[str, Any]:
        """Return what the base does, and what the judge was trained on."""
        judge = None if self.scores is None else self.scores.judge
        about = None if judge is None else [judge.classes, judge.trained_on]
        return {**super().specification(), "judge": about}

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Make a GAN from its ``specification``."""
        nets = {name: model for name, model in models.items() if name != "judge"}
        trainer = super().from_specification(specification, config, seed, nets)
        judge = None
        if specification["judge"] is not None:
            judge = Judge(models["judge"])
            judge.classes, judge.trained_on = specification["judge"]
        trainer.scores = Scores(judge, config.scored_samples)
        return trainer
