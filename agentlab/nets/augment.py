"""Random image augmentation."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf


def augment(
    images: Any,
    seed: Any,
    flip: bool = False,
    rotate: float = 0,
    shift: float = 0,
    zoom: float = 0,
) -> Any:
    """Flip, rotate, shift and zoom each image at random, with a single resampling.

    Args:
        images: ``[batch, height, width, channels]``, or ``[batch, height, width]``.
        seed: seed of the random numbers, int ``[2]``.
        flip: whether to flip half of the images horizontally.
        rotate: maximum rotation in both directions, in degrees.
        shift: maximum shift in both directions, as a fraction of width and height.
        zoom: maximum zoom in and out, as a fraction of the size.

    Returns:
        Float32 of the shape of ``images``. Pixels from outside an image are 0.

    >>> augment(tf.ones((2, 28, 28, 1)), seed=[0, 1], flip=True, rotate=10).shape
    TensorShape([2, 28, 28, 1])
    """
    if images.shape.rank == 3:
        return augment(images[..., None], seed, flip, rotate, shift, zoom)[..., 0]
    batch = tf.shape(images)[0]
    height, width = images.shape[1:3]
    noise = tf.random.stateless_uniform((5, batch), seed, -1.0, 1.0)  # [5, batch]
    angle = noise[0] * (rotate * math.pi / 180)
    mirror = tf.where(noise[1] < 0, -1.0, 1.0) if flip else tf.ones(batch)
    scale = 1 + zoom * noise[2]
    cosine, sine = tf.cos(angle) * scale, tf.sin(angle) * scale
    # Coefficients of the affine map from output to input pixels, around the center.
    center_x, center_y = (width - 1) / 2, (height - 1) / 2
    a, b, c, d = cosine * mirror, -sine * mirror, sine, cosine
    x = center_x - a * center_x - b * center_y + shift * width * noise[3]
    y = center_y - c * center_x - d * center_y + shift * height * noise[4]
    zero = tf.zeros(batch)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=tf.stack([a, b, x, c, d, y, zero, zero], axis=1),  # [batch, 8]
        output_shape=(height, width),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def shift_pixels(images: Any, seed: Any, pixels: int) -> Any:
    """Shift each image at random by up to ``pixels`` whole pixels in both directions.

    Args:
        images: ``[batch, height, width, channels]``.
        seed: seed of the random numbers, int ``[2]``.
        pixels: the largest shift.

    Returns:
        Float32 of the shape of ``images``. Pixels from outside an image are 0.

    >>> shift_pixels(tf.ones((2, 28, 28, 1)), seed=[0, 1], pixels=2).shape
    TensorShape([2, 28, 28, 1])
    """
    batch = tf.shape(images)[0]
    drawn = tf.random.stateless_uniform((2, batch), seed, -pixels, pixels + 1, tf.int32)
    x, y = tf.unstack(tf.cast(drawn, tf.float32))  # [batch]
    zero, one = tf.zeros(batch), tf.ones(batch)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=tf.stack([one, zero, x, zero, one, y, zero, zero], axis=1),  # [batch, 8]
        output_shape=images.shape[1:3],
        fill_value=0.0,
        interpolation="NEAREST",
        fill_mode="CONSTANT",
    )
