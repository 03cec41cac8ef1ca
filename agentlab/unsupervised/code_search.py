"""Codes of a GAN: the one whose image is closest to a given image, and those between two."""

from __future__ import annotations

from typing import Any

import numpy as np

from agentlab.data.batches import Array
from agentlab.lazy import tf

STEPS, RATE = 200, 0.1  # of Adam
STARTS = 4  # random codes from which the search starts
PRIOR = 0.01  # weight of the generator's loss, which keeps the images realistic
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


def make_search(generator: Any, discriminator: Any) -> Any:
    """Return a compiled function that searches codes by gradient descent (Yeh et al. 2017).

    Args:
        generator: of a GAN.
        discriminator: of the same GAN.

    Returns:
        A function of images ``[b, ...]`` in the range of the generator's outputs; a mask ``known``
        (1 where known, else 0) that broadcasts to their shape; initial codes ``[b, latent_dim]``;
        and the number of steps. It returns codes ``[b, latent_dim]`` and the final losses ``[b]``.
    """

    def losses(codes: Any, images: Any, known: Any) -> Any:
        found = generator(codes, training=False)  # [b, ...]
        axes = list(range(1, len(found.shape)))
        weights = tf.broadcast_to(known, tf.shape(found))
        missed = tf.reduce_sum(weights * tf.square(found - images), axes)
        missed /= tf.maximum(tf.reduce_sum(weights, axes), 1)
        unreal = tf.nn.softplus(-discriminator(found, training=False))
        return missed + PRIOR * unreal  # [b]

    def search(images: Any, known: Any, codes: Any, steps: Any) -> Any:
        momentum, velocity = tf.zeros_like(codes), tf.zeros_like(codes)
        for i in tf.range(steps):
            with tf.GradientTape() as tape:
                tape.watch(codes)
                lost = losses(codes, images, known)
            gradient = tape.gradient(lost, codes)
            momentum = BETA_1 * momentum + (1 - BETA_1) * gradient
            velocity = BETA_2 * velocity + (1 - BETA_2) * tf.square(gradient)
            count = tf.cast(i + 1, tf.float32)
            step = momentum / (1 - BETA_1**count)
            codes -= RATE * step / (tf.sqrt(velocity / (1 - BETA_2**count)) + EPSILON)
        return codes, losses(codes, images, known)

    return tf.function(search, reduce_retracing=True)


def great_circle(first: Any, second: Any, count: int) -> Array:
    """Interpolate two codes along a great circle (slerp), ``[count, latent_dim]``.

    On a straight line, codes would have smaller norms than normally distributed ones.

    >>> great_circle(np.array([2.0, 0.0]), np.array([0.0, 2.0]), 3).astype(float).round(2).tolist()
    [[2.0, 0.0], [1.41, 1.41], [0.0, 2.0]]
    """
    lengths = np.linalg.norm(first), np.linalg.norm(second)
    cosine = np.clip(first @ second / max(lengths[0] * lengths[1], 1e-12), -1, 1)
    angle, parts = np.arccos(cosine), np.linspace(0, 1, count)[:, None]
    if np.sin(angle) < 1e-6:
        return np.asarray(first + parts * (second - first), np.float32)
    mixed = np.sin((1 - parts) * angle) * first + np.sin(parts * angle) * second
    return np.asarray(mixed / np.sin(angle), np.float32)
