"""Images moved at random, so that a net does not learn where things are."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf


def augment(
    pictures: Any,
    seed: Any,
    flip: bool = False,
    rotate: float = 0,
    shift: float = 0,
    zoom: float = 0,
) -> Any:
    """Mirror, turn, move and scale each image by chances of its own, in one resampling.

    Args:
        pictures: ``[batch, height, width, channels]``, or ``[batch, height, width]``.
        seed: int ``[2]``; equal seeds move equal images equally.
        flip: mirror half of them left to right.
        rotate: largest turn either way, in degrees.
        shift: largest move either way, as a fraction of the width and of the height.
        zoom: largest change of size either way, as a share.

    Returns:
        Float32 of the shape of ``pictures``; what comes from outside an image is 0.
    """
    if pictures.shape.rank == 3:
        return augment(pictures[..., None], seed, flip, rotate, shift, zoom)[..., 0]
    batch = tf.shape(pictures)[0]
    height, width = pictures.shape[1:3]
    chance = tf.random.stateless_uniform((5, batch), seed, -1.0, 1.0)
    angle = chance[0] * (rotate * math.pi / 180)
    mirror = tf.where(chance[1] < 0, -1.0, 1.0) if flip else tf.ones(batch)
    scale = 1 + zoom * chance[2]
    cosine, sine = tf.cos(angle) * scale, tf.sin(angle) * scale
    # Rows of the map from new to old places, around the image's middle.
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    a, b, c, d = cosine * mirror, -sine * mirror, sine, cosine
    x = middle_x - a * middle_x - b * middle_y + shift * width * chance[3]
    y = middle_y - c * middle_x - d * middle_y + shift * height * chance[4]
    nothing = tf.zeros(batch)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(pictures, tf.float32),
        transforms=tf.stack([a, b, x, c, d, y, nothing, nothing], axis=1),
        output_shape=(height, width),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
