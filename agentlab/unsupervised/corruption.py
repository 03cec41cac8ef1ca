"""Noise on the inputs of denoising autoencoders."""

from __future__ import annotations

from typing import Any, Literal

from agentlab.lazy import tf

Noise = Literal["none", "gaussian", "masking", "salt_and_pepper"]


def corrupt(x: Any, noise: Noise, level: float, seed: Any, pixels: bool) -> Any:
    """Return ``x`` with noise (Vincent et al. 2010, section 3.3).

    Args:
        x: float ``[b, ...]``.
        noise: ``gaussian`` adds normal noise, ``masking`` sets values to 0, ``salt_and_pepper``
            sets them to 0 or 1.
        level: the standard deviation of Gaussian noise, else the fraction of corrupted values.
        seed: int32 ``[2]``; equal seeds give equal noise.
        pixels: whether values are from 0 to 1, to which Gaussian noise is clipped.
    """
    shape = tf.shape(x)
    if noise == "none" or not level:
        return x
    if noise == "gaussian":
        noisy = x + level * tf.random.stateless_normal(shape, seed)
        return tf.clip_by_value(noisy, 0.0, 1.0) if pixels else noisy
    chance = tf.random.stateless_uniform(shape, seed)  # values below ``level`` are corrupted
    if noise == "masking":
        return tf.where(chance < level, 0.0, x)
    grains = tf.cast(chance < level / 2, x.dtype)
    return tf.where(chance < level, grains, x)
