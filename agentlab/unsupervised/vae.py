"""``VAE``: variational autoencoders."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from agentlab.config import option, override
from agentlab.data import Batch, Batches
from agentlab.data.batches import Array
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import tf
from agentlab.plots.images import image_grid, image_sheet
from agentlab.runs import Run
from agentlab.runs.frames import log_frame
from agentlab.training.network import Standardization, TorsoChoice
from agentlab.training.optimization import Optimization
from agentlab.unsupervised.reconstructing import Reconstructing, is_image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWN = 64  # samples in an image grid
MANIFOLD = 20  # images per side of the grid over a two-dimensional latent space
LOG_2_PI = math.log(2 * math.pi)
AT_ONCE = 10_000  # decoded samples of the importance-sampled likelihood


@dataclass(frozen=True)
class VAEConfig(Standardization, TorsoChoice, Optimization):
    """Hyperparameters of ``vae``."""

    hidden: tuple[int, ...] = override(TorsoChoice, "hidden", (500, 500))
    latent_dim: int = option(20, "number of latent variables", ge=1)
    likelihood: Literal["auto", "bernoulli", "gaussian"] = option(
        "auto", "distribution of the inputs; auto is bernoulli for images and gaussian for numbers"
    )
    beta: float = option(
        1.0, "weight of the KL divergence in the objective (Higgins et al. 2017)", ge=0
    )
    binarize: bool = option(
        False, "sample each pixel as 0 or 1, with its intensity as the probability of 1"
    )
    likelihood_samples: int = option(
        0, "importance samples for the log-likelihood of the test data; 0 for none", ge=0
    )


class VAE(Reconstructing):
    """Maximizes the evidence lower bound, ELBO (Kingma & Welling 2014).

    It has a standard normal prior, a diagonal Gaussian encoder, and Bernoulli outputs or Gaussian
    outputs with one learned standard deviation. ``loss`` is the negative ELBO in nats, regardless
    of ``beta``.
    """

    name = "vae"
    Config: ClassVar[type] = VAEConfig
    config: VAEConfig

    def build(self, data: Batches) -> None:
        """Build the torso that the configuration names, and the mirrored decoder."""
        from agentlab.nets.variational import Variational

        self.net = Variational(
            self.make_torso(data),
            self.input_shape(data),
            self.config.latent_dim,
            seed=self.seed,
            name=self.name,
        )

    def check_net(self, data: Batches) -> None:
        """Raise ``AgentlabError`` if the network or the options do not fit the data."""
        config, size = self.config, math.prod(self.input_shape(data))
        if not hasattr(self.net, "distribution"):
            raise AgentlabError("the net must be an agentlab.nets.variational.Variational")
        if self.net.latent_dim > size:
            raise InvalidArgument(
                f"latent_dim={self.net.latent_dim} is larger than an input of {size} values; "
                "choose a smaller one"
            )
        if not self.pixels and (config.binarize or config.likelihood == "bernoulli"):
            name = "binarize=True" if config.binarize else "likelihood='bernoulli'"
            raise InvalidArgument(f"{name} needs uint8 images; the inputs are numeric rows")

    @property
    def bernoulli(self) -> bool:
        """Whether outputs are the logits of Bernoulli distributions."""
        likelihood = self.config.likelihood
        return self.pixels if likelihood == "auto" else likelihood == "bernoulli"

    def finished(self, outputs: Any) -> Any:
        """Return the means of the output distributions."""
        outputs = tf.cast(outputs, tf.float32)
        return tf.sigmoid(outputs) if self.bernoulli else outputs

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        """Return ``loss``, ``reconstruction`` and ``kl`` (nats), and ``mse``, of each example."""
        # The seed depends on the number of updates, so that a resumed run has the same noise.
        count = tf.cast(self.optimizer.iterations, tf.int32) if training else -1
        return self.bounds(batch.inputs, count, training)

    def bounds(self, inputs: Any, count: Any, training: bool = False) -> dict[str, Any]:
        """Return the terms of the negative ELBO for one sample of the latent variables.

        Args:
            inputs: network inputs ``[b, ...]``.
            count: seeds the binarization and the sample.
            training: as of ``losses``.

        Returns:
            ``loss``, ``reconstruction``, ``kl`` and ``mse``, each ``[b]``, and the ``objective``.
        """
        x = self.targets(inputs, count)  # [b, ...]
        means, log_variances = self._distribution(x, training)  # [b, n]
        z = self.net.sampling(means, log_variances, tf.stack([self.seed, 2 * count]))
        outputs = self.net.decode(z, training)  # [b, ...]
        reconstruction = -self._log_probability(x, outputs)
        kl = _divergence(means, log_variances)
        return {
            "loss": reconstruction + kl,
            "reconstruction": reconstruction,
            "kl": kl,
            **self.errors(x, outputs),
            "objective": reconstruction + self.config.beta * kl,
        }

    def targets(self, inputs: Any, count: Any) -> Any:
        """Return scaled inputs, binarized at random if configured."""
        x = self.scaled(inputs)
        if not self.config.binarize:
            return x
        seed = tf.stack([self.seed, 2 * count + 1])
        return tf.cast(tf.random.stateless_uniform(tf.shape(x), seed) < x, tf.float32)

    def _distribution(self, x: Any, training: bool) -> tuple[Any, Any]:
        scale = self.preprocessor.scale if self.preprocessor else 1.0
        means, log_variances = self.net.distribution(x * scale, training)
        return tf.cast(means, tf.float32), tf.cast(log_variances, tf.float32)

    def _log_probability(self, x: Any, outputs: Any) -> Any:
        """Return the log probabilities of inputs ``[b]`` (nats), summed over their values."""
        outputs = tf.cast(outputs, tf.float32)
        if self.bernoulli:
            each = -tf.nn.sigmoid_cross_entropy_with_logits(x, outputs)
        else:
            log_scale = tf.convert_to_tensor(self.net.log_scale)
            errors = (x - outputs) * tf.exp(-log_scale)
            each = -0.5 * (tf.square(errors) + LOG_2_PI) - log_scale
        return tf.reduce_sum(tf.reshape(each, (tf.shape(each)[0], -1)), -1)

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Return ``loss`` (the negative ELBO), its parts, and ``nll`` if configured, in nats."""
        metrics = super().evaluate(x)
        samples = self.config.likelihood_samples
        if samples:
            parts = [self._nll(np.asarray(b.inputs), samples) for b in self.batches(x).epoch(256)]
            metrics["nll"] = float(np.mean(np.concatenate(parts)))
        return metrics

    def log_likelihood(self, x: Any, samples: int = 200) -> Array:
        """Return the importance-sampled log likelihood of each input (nats), float32 ``[n]``.

        Its expected value is a lower bound of the log likelihood, and becomes tighter with more
        samples (Burda et al. 2016, equation 8).

        Args:
            x: raw inputs.
            samples: samples of the latent variables per input.
        """
        return -self._nll(self.inputs_of(x), samples)

    def _nll(self, inputs: Array, samples: int) -> Array:
        self.check_fitted()
        rows = max(1, AT_ONCE // samples)

        def weights(inputs: Any, seed: Any) -> Any:
            x = self.targets(inputs, -1)
            means, log_variances = self._distribution(x, False)
            wide = tf.repeat(x, samples, 0)
            mu, log_variance = (tf.repeat(part, samples, 0) for part in (means, log_variances))
            noise = tf.random.stateless_normal(tf.shape(mu), tf.stack([self.seed, seed]))
            z = mu + tf.exp(0.5 * log_variance) * noise  # [b samples, n]
            # log p(x|z) + log p(z) - log q(z|x)
            log_weights = self._log_probability(wide, self.net.decode(z))
            log_weights += 0.5 * tf.reduce_sum(tf.square(noise) + log_variance - tf.square(z), -1)
            return tf.reduce_logsumexp(tf.reshape(log_weights, (-1, samples)), -1)

        step = self.compiled(("nll", samples), lambda: tf.function(weights, reduce_retracing=True))
        found = [
            step(tf.constant(inputs[i : i + rows]), tf.constant(i)).numpy()
            for i in range(0, len(inputs), rows)
        ]
        return np.asarray(math.log(samples) - np.concatenate(found), np.float32)

    def scores_of(self, inputs: Array) -> Array:
        """Return the negative ELBO at the latent means, without binarization, float32 ``[n]``."""

        def bound(inputs: Any) -> Any:
            x = self.scaled(inputs)
            means, log_variances = self._distribution(x, False)
            kl = _divergence(means, log_variances)
            return kl - self._log_probability(x, self.net.decode(means))

        return self.in_blocks("scores", bound, inputs)

    def sample(self, n: int, seed: int = 0) -> Array:
        """Return ``n`` samples: decoded means for latent samples, in the units of the raw inputs.

        Args:
            n: number of samples.
            seed: of the random latent variables.
        """
        self.check_fitted()
        codes = np.random.default_rng(seed).standard_normal((n, self.net.latent_dim), np.float32)
        return self.decode(codes)

    def epoch_end(self, epoch: int, run: Run | None) -> dict[str, float]:
        """Log reconstructions, and samples for the same latent variables in each epoch."""
        if run is not None and is_image(self.watched):
            log_frame(run, "samples", epoch, image_grid(self.sample(DRAWN, self.seed), scale=2))
        return super().epoch_end(epoch, run)

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Return an autoencoder's plots, samples and, for two latent variables, the manifold."""
        drawn = super().plots(x, y)
        if is_image(self.watched):
            drawn["samples"] = image_sheet(self.sample(DRAWN, self.seed), "samples")
            if self.net.latent_dim == 2:
                title = "images at quantiles of the two latent variables"
                drawn["manifold"] = image_sheet(self.manifold(), title, MANIFOLD)
        return drawn

    def manifold(self, side: int = MANIFOLD) -> Array:
        """Return images decoded on a grid of two latent variables, ``[side * side, ...]`` by row.

        The grid is evenly spaced in probability under the prior (Kingma & Welling 2014, figure 4).
        """
        from statistics import NormalDist

        if self.net.latent_dim != 2:
            raise AgentlabError(
                f"latent_dim={self.net.latent_dim} must be 2 to draw the manifold of all inputs"
            )
        steps = np.array([NormalDist().inv_cdf((i + 0.5) / side) for i in range(side)], np.float32)
        down, across = np.meshgrid(steps[::-1], steps, indexing="ij")
        return self.decode(np.stack([across.ravel(), down.ravel()], -1))


def _divergence(means: Any, log_variances: Any) -> Any:
    """Return the KL divergences of Gaussians ``[b, n]`` from the standard normal, ``[b]``."""
    each = tf.exp(log_variances) + tf.square(means) - 1.0 - log_variances
    return 0.5 * tf.reduce_sum(each, -1)
