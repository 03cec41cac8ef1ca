"""Measurements of autoencoders, with agentlab and plain Keras; run by ``compare.py``.

The data are noise of the shape of MNIST, which does not affect the speed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from metered import FOREVER, measure_fit, measure_keras_fit
from steady import Meter, serve

BATCH, HIDDEN, LATENT, CODE, RATE = 128, 500, 20, 256, 2e-3


def autoencoder(meter: Meter) -> None:
    """Train the network of the recipe mnist-autoencoder; a step is an image."""
    from agentlab.unsupervised import Autoencoder

    options = {"hidden": (), "code_size": CODE, "code_activation": "relu", "loss": "bce"}
    _measure(meter, Autoencoder, **options)


def vae(meter: Meter) -> None:
    """Train the network of the recipe mnist-vae; a step is an image."""
    from agentlab.unsupervised import VAE

    _measure(meter, VAE, hidden=(HIDDEN, HIDDEN), latent_dim=LATENT, binarize=True)


def autoencoder_keras(meter: Meter) -> None:
    """Train the same network with a ``train_step``, as in the guides of Keras."""
    import keras
    import tensorflow as tf

    class Plain(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.encoder = keras.layers.Dense(CODE, "relu")
            self.decoder = keras.layers.Dense(784)
            self.means = [keras.metrics.Mean(name=name) for name in ("loss", "mse")]

        @property
        def metrics(self) -> list[Any]:
            return self.means

        def train_step(self, images: Any) -> dict[str, Any]:
            x = tf.reshape(tf.cast(images, tf.float32) / 255, (-1, 784))
            with tf.GradientTape() as tape:
                outputs = self.decoder(self.encoder(x))
                loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(x, outputs))
            self.optimizer.apply(
                tape.gradient(loss, self.trainable_variables), self.trainable_variables
            )
            error = tf.reduce_mean(tf.square(tf.sigmoid(outputs) - x))
            return _updated(self.means, (loss, error))

    _measure_keras(meter, Plain())


def vae_keras(meter: Meter) -> None:
    """Train the same network with the ``train_step`` of the VAE example in the Keras docs."""
    import keras
    import tensorflow as tf

    dense = keras.layers.Dense

    class Plain(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.encoder = keras.Sequential([dense(HIDDEN, "relu"), dense(HIDDEN, "relu")])
            self.statistics = dense(2 * LATENT)
            layers = [dense(HIDDEN, "relu"), dense(HIDDEN, "relu"), dense(784)]
            self.decoder = keras.Sequential(layers)
            names = ("loss", "reconstruction", "kl")
            self.means = [keras.metrics.Mean(name=name) for name in names]

        @property
        def metrics(self) -> list[Any]:
            return self.means

        def train_step(self, images: Any) -> dict[str, Any]:
            gray = tf.reshape(tf.cast(images, tf.float32) / 255, (-1, 784))
            x = tf.cast(tf.random.uniform(tf.shape(gray)) < gray, tf.float32)
            with tf.GradientTape() as tape:
                mean, log_variance = tf.split(self.statistics(self.encoder(x)), 2, -1)
                z = mean + tf.exp(0.5 * log_variance) * tf.random.normal(tf.shape(mean))
                cross = tf.nn.sigmoid_cross_entropy_with_logits(x, self.decoder(z))
                reconstruction = tf.reduce_mean(tf.reduce_sum(cross, -1))
                kl = 0.5 * (tf.exp(log_variance) + tf.square(mean) - 1 - log_variance)
                kl = tf.reduce_mean(tf.reduce_sum(kl, -1))
                loss = reconstruction + kl
            self.optimizer.apply(
                tape.gradient(loss, self.trainable_variables), self.trainable_variables
            )
            return _updated(self.means, (loss, reconstruction, kl))

    _measure_keras(meter, Plain())


def _updated(means: list[Any], values: tuple[Any, ...]) -> dict[str, Any]:
    for mean, value in zip(means, values, strict=True):
        mean.update_state(value)
    return {mean.name: mean.result() for mean in means}


def _measure(meter: Meter, cls: Any, **options: Any) -> None:
    trainer = cls(
        batch_size=BATCH, learning_rate=RATE, epochs=FOREVER, validation_split=0.0, **options
    )
    measure_fit(meter, trainer, _images())


def _measure_keras(meter: Meter, net: Any) -> None:
    import keras

    keras.utils.set_random_seed(0)
    net.compile(keras.optimizers.Adam(RATE))
    measure_keras_fit(meter, net, _images(), batch=BATCH)


def _images() -> Any:
    return np.random.default_rng(0).integers(256, size=(200 * BATCH, 28, 28), dtype=np.uint8)


if __name__ == "__main__":
    serve(
        {
            "autoencoder": autoencoder,
            "autoencoder_keras": autoencoder_keras,
            "vae": vae,
            "vae_keras": vae_keras,
        },
        ("agentlab", "tensorflow", "keras", "numpy"),
    )
