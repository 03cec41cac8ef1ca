"""The losses of GANs, and the compiled step that trains both networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from agentlab.lazy import tf
from agentlab.training.optimizers import compiled_apply

AdversarialLoss = Literal["non-saturating", "wasserstein", "hinge"]
METRICS = ("discriminator_loss", "generator_loss", "real_accuracy", "generated_accuracy")
LARGEST = 30.0  # maximum logit in the ratio of two gradients; float32 represents up to e^87


def discriminator_loss(loss: AdversarialLoss, real: Any, generated: Any, smoothing: float) -> Any:
    """Return the discriminator's loss.

    Args:
        loss: ``non-saturating`` (Goodfellow et al. 2014), ``wasserstein`` (Arjovsky et al. 2017) or
            ``hinge`` (Lim & Ye 2017).
        real: logits of real inputs, ``[b]``.
        generated: logits of generated inputs, ``[b]``.
        smoothing: one-sided label smoothing: real inputs have the target 1 - smoothing; only for
            ``non-saturating``.
    """
    if loss == "wasserstein":
        return tf.reduce_mean(generated) - tf.reduce_mean(real)
    if loss == "hinge":
        missed = tf.reduce_mean(tf.nn.relu(1 - real))
        return missed + tf.reduce_mean(tf.nn.relu(1 + generated))
    # -log sigmoid(x) = softplus(-x), which avoids log(0).
    right = (1 - smoothing) * tf.nn.softplus(-real) + smoothing * tf.nn.softplus(real)
    return tf.reduce_mean(right) + tf.reduce_mean(tf.nn.softplus(generated))


def generator_loss(loss: AdversarialLoss, generated: Any) -> Any:
    """Return the generator's loss, from the logits of generated inputs, ``[b]``."""
    if loss == "non-saturating":
        return tf.reduce_mean(tf.nn.softplus(-generated))
    return -tf.reduce_mean(generated)


class AdversarialStep:
    """A compiled training step of both networks, or of one of them.

    Both networks are updated from one forward pass of the discriminator, before either update.
    For each example, the gradient of the generator's loss with respect to the generated input is a
    multiple of that of the discriminator's loss, so that one backward pass gives both.

    Args:
        generator, discriminator: the networks.
        optimizers: of the generator and of the discriminator.
        scaled: scales network inputs to the range of the generator's outputs.
        loss: see ``discriminator_loss``.
        smoothing: see ``discriminator_loss``.
        gradient_penalty: weight of the gradient penalty of ``wasserstein`` (Gulrajani et al. 2017).
        max_grad_norm: maximum global norm of the gradients of each network.
        spec: TensorSpec of network inputs.
        seed: seed of the random interpolation in the gradient penalty.
    """

    def __init__(
        self,
        generator: Any,
        discriminator: Any,
        optimizers: Sequence[Any],
        scaled: Callable[[Any], Any],
        loss: AdversarialLoss,
        smoothing: float,
        gradient_penalty: float,
        max_grad_norm: float | None,
        spec: Any,
        seed: int,
    ) -> None:
        self._generator, self._discriminator = generator, discriminator
        self._scaled, self._loss, self._smoothing = scaled, loss, smoothing
        self._penalty = gradient_penalty if loss == "wasserstein" else 0.0
        self._seed = seed
        self._variables = [net.trainable_variables for net in (generator, discriminator)]
        for optimizer, variables in zip(optimizers, self._variables, strict=True):
            if not optimizer.built:
                optimizer.build(variables)
        self._steps = optimizers[1].iterations
        self._apply = [
            compiled_apply(optimizer, variables, max_grad_norm, xla=False)
            for optimizer, variables in zip(optimizers, self._variables, strict=True)
        ]
        codes = tf.TensorSpec((None, generator.latent_dim), tf.float32)
        self._both = tf.function(self._train_both, [spec, codes])
        self._one = tf.function(self._train_discriminator, [spec, codes])
        self._other = tf.function(self._train_generator, [codes])

    def __call__(self, inputs: Any, codes: Any, generator: bool = True) -> Any:
        """Train the discriminator and, unless ``generator`` is false, the generator.

        Args:
            inputs: real network inputs, ``[b, ...]``.
            codes: float32 ``[b, latent_dim]``.
            generator: whether to train the generator too.

        Returns:
            The values of ``METRICS`` before the step, float32 ``[4]``.
        """
        return (self._both if generator else self._one)(inputs, codes)

    def train_generator(self, codes: Any) -> None:
        """Train the generator alone on ``codes``, float32 ``[b, latent_dim]``."""
        self._other(codes)

    def _train_both(self, inputs: Any, codes: Any) -> Any:
        with tf.GradientTape() as made:
            generated = self._generator(codes, training=True)  # [b, ...]
        with tf.GradientTape(persistent=self._loss == "hinge") as tape:
            tape.watch(generated)
            lost, fooled, metrics, logits = self._losses(inputs, generated)
        if self._loss == "hinge":  # its gradient can be 0, which leaves the ratio undefined
            own = tape.gradient(lost, self._variables[1])
            upstream = tape.gradient(fooled, generated)
        else:
            *own, upstream = tape.gradient(lost, [*self._variables[1], generated])
            ratio = self._ratio(logits)
            upstream *= tf.reshape(ratio, (-1, *[1] * (len(generated.shape) - 1)))
        gradients = made.gradient(generated, self._variables[0], output_gradients=upstream)
        self._apply[1](own)
        self._apply[0](gradients)
        return metrics

    def _train_discriminator(self, inputs: Any, codes: Any) -> Any:
        generated = self._generator(codes, training=True)
        with tf.GradientTape() as tape:
            lost, _, metrics, _ = self._losses(inputs, generated)
        self._apply[1](tape.gradient(lost, self._variables[1]))
        return metrics

    def _train_generator(self, codes: Any) -> None:
        with tf.GradientTape() as tape:
            logits = self._discriminator(self._generator(codes, training=True), training=True)
            fooled = generator_loss(self._loss, logits)
        self._apply[0](tape.gradient(fooled, self._variables[0]))

    def _losses(self, inputs: Any, generated: Any) -> tuple[Any, Any, Any, Any]:
        """Return the losses of both networks, ``METRICS``, and the logits of generated inputs."""
        real = self._scaled(inputs)
        both = self._discriminator(tf.concat([real, generated], 0), training=True)
        real_logits, logits = tf.split(both, 2)
        lost = discriminator_loss(self._loss, real_logits, logits, self._smoothing)
        fooled = generator_loss(self._loss, logits)
        # A critic's outputs have no natural threshold, so use their mean.
        threshold = tf.reduce_mean(both) if self._loss == "wasserstein" else 0.0
        right = [real_logits > threshold, logits < threshold]
        found = [tf.reduce_mean(tf.cast(part, tf.float32)) for part in right]
        metrics = tf.stack([lost, fooled, *found])
        if self._penalty:
            lost += self._penalty * self._steepness(real, tf.stop_gradient(generated))
        return lost, fooled, metrics, logits

    def _ratio(self, logits: Any) -> Any:
        """Return the generator's gradient divided by the discriminator's, per logit ``[b]``."""
        if self._loss == "wasserstein":
            return -tf.ones_like(logits)
        # softplus(-x)' / softplus(x)' = -sigmoid(-x) / sigmoid(x) = -exp(-x)
        return -tf.exp(-tf.clip_by_value(logits, -LARGEST, LARGEST))

    def _steepness(self, real: Any, generated: Any) -> Any:
        """Return the gradient penalty: the mean of (norm of the critic's gradient - 1)^2."""
        size = tf.shape(real)[0]
        seed = tf.stack([self._seed, tf.cast(self._steps, tf.int32)])
        shape = [size, *[1] * (len(real.shape) - 1)]
        mix = tf.random.stateless_uniform(shape, seed)
        between = mix * real + (1 - mix) * generated
        with tf.GradientTape() as tape:
            tape.watch(between)
            logits = self._discriminator(between, training=True)
        slopes = tf.reshape(tape.gradient(logits, between), (size, -1))
        norms = tf.sqrt(tf.reduce_sum(tf.square(slopes), 1) + 1e-12)
        return tf.reduce_mean(tf.square(norms - 1))
