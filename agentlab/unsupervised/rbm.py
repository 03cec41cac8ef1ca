"""``RBM``: restricted Boltzmann machines."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from agentlab.config import option, override
from agentlab.data import Batch, Batches
from agentlab.data.batches import Array
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import keras, tf
from agentlab.training.network import Standardization
from agentlab.training.optimization import Optimization
from agentlab.training.optimizers import ScheduleName
from agentlab.unsupervised.reconstructing import Reconstructing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLACES = 16  # visible units per example that the pseudo-likelihood is estimated on
SAMPLES = 64  # samples in a plot


@dataclass(frozen=True)
class RBMConfig(Standardization, Optimization):
    """Hyperparameters of ``rbm``."""

    units: int = option(100, "number of hidden units", ge=1)
    visible: Literal["bernoulli", "gaussian", "softmax"] = option(
        "bernoulli",
        "type of the visible units: values from 0 to 1, real numbers, or categories 0, 1, ...",
    )
    levels: int = option(2, "number of categories of softmax units", ge=2)
    cd_steps: int = option(1, "Gibbs steps per update", ge=1)
    persistent: bool = option(
        False,
        "persistent contrastive divergence (Tieleman 2008): continue the previous chains",
    )
    chains: int = option(100, "number of persistent chains", ge=1)
    batch_size: int = override(Optimization, "batch_size", 100)
    optimizer: str = override(Optimization, "optimizer", "sgd")
    momentum: float | None = override(Optimization, "momentum", 0.9)
    learning_rate: float = override(Optimization, "learning_rate", 0.1)
    schedule: ScheduleName = override(Optimization, "schedule", "linear")
    standardize: bool = option(
        False, "scale numeric columns to mean 0 and standard deviation 1; for gaussian units"
    )


class RBM(Reconstructing):
    """A restricted Boltzmann machine, trained by contrastive divergence.

    The chains start from the data in each update (CD-k, Hinton 2002) or, with ``persistent``,
    continue from the previous update (PCD, also called stochastic maximum likelihood). For
    bernoulli units, values between 0 and 1 are probabilities, which are sampled in each update, and
    the held-out pseudo-likelihood selects the best epoch.
    """

    name = "rbm"
    component_names = ("net", "optimizer", "chains")
    Config: ClassVar[type] = RBMConfig
    config: RBMConfig
    chains: list[Any]

    def build(self, data: Batches) -> None:
        """Build the network, with visible biases initialized from the means of the data."""
        from agentlab.nets import rbm

        config = self.config
        scale = 1.0 if self.preprocessor is None else self.preprocessor.scale
        levels = config.levels if config.visible == "softmax" else 1
        self.net = rbm.RBM(config.units, config.visible, levels, scale, self.seed, name=self.name)
        self.net.build((None, *self.input_shape(data)))
        mean = self._mean(data)
        if config.visible == "gaussian":
            self.net.visible_bias.assign(mean)
        else:  # Hinton 2012, section 8
            odds = np.log(mean) if levels > 1 else np.log(mean / (1 - mean))
            self.net.visible_bias.assign(odds)

    def _mean(self, data: Batches) -> Array:
        """Return the mean of each visible state; probabilities are clipped away from 0 and 1."""
        total: Any = 0.0
        for batch in data.epoch(1024):
            inputs = np.asarray(batch.inputs)
            self._check_inputs(inputs)
            total = total + self.net.rows(inputs).numpy().sum(0, dtype=np.float64)
        mean = total / data.size
        return np.asarray(mean if self.config.visible == "gaussian" else mean.clip(0.01, 0.99))

    def _check_inputs(self, inputs: Array) -> None:
        visible, scaled = self.config.visible, inputs / self.net.scale
        if visible == "bernoulli" and not (scaled.min() >= 0 and scaled.max() <= 1):
            value = scaled[(scaled < 0) | (scaled > 1)].flat[0]
            raise InvalidArgument(
                f"x contains {value:.4g}, but visible='bernoulli' needs values from 0 to 1; "
                "rescale x, or use visible='gaussian'"
            )
        if visible == "softmax":
            levels = self.config.levels
            wrong = (inputs != np.rint(inputs)) | (inputs < -1) | (inputs >= levels)
            if wrong.any():
                raise InvalidArgument(
                    f"x contains {inputs[wrong].flat[0]:.4g}, but visible='softmax' needs integers "
                    f"below levels={levels}, or -1 for missing values"
                )

    def check_net(self, data: Batches) -> None:
        """Raise ``AgentlabError`` for a network that is not an RBM; create the chains."""
        if not hasattr(self.net, "machine"):
            raise AgentlabError("the net must be an agentlab.nets.rbm.RBM")
        width = self.net.visible_bias.shape[0]
        count = self.config.chains if self.config.persistent else 0
        start = np.random.default_rng(self.seed).random((count, self.net.code_size)) < 0.5
        visible = self.net.machine.sample_visible(start.astype(np.float32), [self.seed, -2])
        self.chains = [tf.Variable(tf.reshape(visible, (count, width)), name="chains")]
        bernoulli = self.config.visible == "bernoulli"
        self.monitor = ("pseudo_likelihood", "max") if bernoulli else ("loss", "min")

    def training_only(self) -> Collection[str]:
        """Return the components that only checkpoints contain, not saved trainers."""
        return {*super().training_only(), "chains"}

    @property
    def uses_xla(self) -> bool:
        """False, since XLA generates random numbers slowly on CPUs."""
        return False

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        """Return ``loss``, the squared reconstruction error of each example, ``[b]``.

        For bernoulli units, evaluation also returns ``pseudo_likelihood`` (nats).
        """
        machine, rows = self.net.machine, self.net.rows(batch.inputs)  # [b, width]
        means = machine.means(
            machine.visible_logits(tf.sigmoid(machine.hidden_logits(rows)))
        ) * self.present(rows)
        found = {"loss": tf.reduce_mean(tf.square(rows - means), -1)}
        if training:
            rows = self._binary(rows)
            found["objective"] = machine.divergence(rows, self._samples(rows))
        elif self.config.visible == "bernoulli":
            shape = (tf.shape(rows)[0], PLACES)
            seed = [self.seed, 0]
            places = tf.random.stateless_uniform(shape, seed, 0, rows.shape[1], tf.int32)
            found["pseudo_likelihood"] = machine.pseudo_likelihood(rows, places)
        return found

    def _binary(self, rows: Any) -> Any:
        """Return sampled states of bernoulli units; other types are returned unchanged."""
        if self.config.visible != "bernoulli":
            return rows
        seed = tf.stack([self.seed - 1, tf.cast(self.optimizer.iterations, tf.int32)])
        return tf.cast(tf.random.stateless_uniform(tf.shape(rows), seed) < rows, tf.float32)

    def present(self, rows: Any) -> Any:
        """Return 1 for visible states ``[b, width]`` that are known and 0 for missing ones."""
        if self.config.visible != "softmax":
            return 1.0
        units = tf.reshape(rows, (tf.shape(rows)[0], -1, self.config.levels))
        there = tf.reduce_sum(units, -1, keepdims=True) + tf.zeros_like(units)
        return tf.reshape(there, tf.shape(rows))

    def _samples(self, rows: Any) -> Any:
        """Return visible states after ``cd_steps`` Gibbs steps, ``[b or chains, width]``."""
        machine, config = self.net.machine, self.config
        step = tf.cast(self.optimizer.iterations, tf.int32)
        states = self.chains[0] if config.persistent else rows
        for i in range(config.cd_steps):
            seed = tf.stack([self.seed + 1000 * i, 2 * step])
            hidden = machine.sample_hidden(states, seed)
            if config.persistent or i < config.cd_steps - 1:
                states = machine.sample_visible(hidden, seed + 1)
            else:  # the mean has less noise than a sample
                states = machine.means(machine.visible_logits(hidden))
            if not config.persistent:
                states *= self.present(rows)
        if config.persistent:
            self.chains[0].assign(states)
        return states

    def finished(self, outputs: Any) -> Any:
        """Return the means of the visible units from the network's outputs."""
        machine = self.net.machine
        means = machine.means(tf.reshape(outputs, (tf.shape(outputs)[0], -1)))
        means = tf.reshape(means, tf.shape(outputs))
        return tf.cast(tf.argmax(means, -1), tf.float32) if machine.levels > 1 else means

    def scores_of(self, inputs: Array) -> Array:
        """Return the free energy of each input, float32 ``[n]``."""
        return self.in_blocks(
            "free_energy", lambda x: self.net.machine.free_energy(self.net.rows(x)), inputs
        )

    def inference_model(self) -> Any:
        """Return a Keras model from raw inputs to ``codes`` and ``reconstructions``."""
        from agentlab.nets.autoencoder import Codes
        from agentlab.nets.inference import most_likely

        self.check_fitted()
        assert self.preprocessor is not None
        raw = self.preprocessor.inference_inputs()
        inputs = self.preprocessor.inference(raw)
        outputs = self.net(inputs)
        if self.config.visible == "bernoulli":
            outputs = keras.ops.sigmoid(outputs)
        elif self.config.visible == "softmax":
            outputs = most_likely(outputs)
        codes = Codes(self.net)(inputs)
        return keras.Model(raw, {"codes": codes, "reconstructions": outputs}, name=self.name)

    def score(self, *data: Any) -> float:
        """Return the mean pseudo-likelihood of bernoulli units, else the negative ``loss``."""
        metrics = self.evaluate(*data)
        return metrics.get("pseudo_likelihood", -metrics["loss"])

    def transform(self, x: Any) -> Array:
        """Return the probabilities of the hidden units, float32 ``[n, units]``."""
        return self.encode(x)

    def sample(self, n: int, seed: int = 0, steps: int = 1000) -> Array:
        """Return ``n`` samples by Gibbs sampling, in the units of the raw inputs.

        Args:
            n: number of samples.
            seed: of the chains, which start from random hidden units.
            steps: number of Gibbs steps.
        """
        self.check_fitted()
        machine = self.net.machine

        def run(hidden: Any) -> Any:
            for step in tf.range(steps):
                rows = machine.sample_visible(hidden, tf.stack([seed, 2 * step]))
                hidden = machine.sample_hidden(rows, tf.stack([seed, 2 * step + 1]))
            return self.finished(self.net.decode(hidden))

        start = np.random.default_rng(seed).random((n, self.net.code_size)) < 0.5
        return self.raw(tf.function(run)(tf.constant(start, tf.float32)).numpy())

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Plot reconstructions, weights as images, codes and, for images, samples."""
        from agentlab.plots.images import image_sheet

        drawn = super().plots(x, y)
        if self.pixels:
            title = "samples after 1,000 Gibbs steps"
            drawn["samples"] = image_sheet(self.sample(SAMPLES, self.seed), title)
        return drawn
