"""Measurements of training a DCGAN, with agentlab and plain Keras; run by ``compare.py``.

The data are noise of the shape of MNIST, which does not affect the speed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from metered import FOREVER, measure_fit, measure_keras_fit
from steady import Meter, serve

BATCH, LATENT, RATE, BETA = 64, 100, 2e-4, 0.5


def dcgan(meter: Meter) -> None:
    """Train the default networks of ``DCGAN``; a step is an image."""
    from agentlab.unsupervised import DCGAN

    gan = DCGAN(batch_size=BATCH, epochs=FOREVER, validation_split=0.0, scored_samples=0)
    measure_fit(meter, gan, _images())


def dcgan_keras(meter: Meter) -> None:
    """Train the same networks with the ``train_step`` of the DCGAN example in the Keras docs."""
    import keras
    import tensorflow as tf

    from agentlab.nets import GENERATORS, make_torso
    from agentlab.nets.discriminators import Discriminator

    class Plain(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.generator = GENERATORS.load("dcgan")(LATENT, (28, 28, 1), seed=0)
            self.discriminator = Discriminator(
                make_torso("dcgan", (28, 28, 1), depth=3, scale=1.0, seed=1)
            )
            self.loss_of = keras.losses.BinaryCrossentropy(from_logits=True)
            self.means = [keras.metrics.Mean(name=name) for name in ("d_loss", "g_loss")]
            self.optimizers = [keras.optimizers.Adam(RATE, beta_1=BETA) for _ in range(2)]

        @property
        def metrics(self) -> list[Any]:
            return self.means

        def train_step(self, images: Any) -> dict[str, Any]:
            real, count = tf.cast(images, tf.float32) / 255, tf.shape(images)[0]
            generated = self.generator(tf.random.normal((count, LATENT)), training=True)
            labels = tf.concat([tf.ones((count,)), tf.zeros((count,))], 0)
            with tf.GradientTape() as tape:
                both = self.discriminator(tf.concat([real, generated], 0), training=True)
                lost = self.loss_of(labels, both)
            variables = self.discriminator.trainable_variables
            self.optimizers[0].apply(tape.gradient(lost, variables), variables)
            with tf.GradientTape() as tape:
                generated = self.generator(tf.random.normal((count, LATENT)), training=True)
                fooled = self.loss_of(
                    tf.ones((count,)), self.discriminator(generated, training=True)
                )
            variables = self.generator.trainable_variables
            self.optimizers[1].apply(tape.gradient(fooled, variables), variables)
            for mean, value in zip(self.means, (lost, fooled), strict=True):
                mean.update_state(value)
            return {mean.name: mean.result() for mean in self.means}

    keras.utils.set_random_seed(0)
    plain = Plain()
    plain.compile()
    measure_keras_fit(meter, plain, _images()[..., None], batch=BATCH)


def _images() -> Any:
    return np.random.default_rng(0).integers(256, size=(100 * BATCH, 28, 28), dtype=np.uint8)


if __name__ == "__main__":
    serve(
        {"dcgan": dcgan, "dcgan_keras": dcgan_keras},
        ("agentlab", "tensorflow", "keras", "numpy"),
    )
