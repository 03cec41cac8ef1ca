"""Batch renormalization of several networks that are evaluated together."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

EPSILON = 1e-3


@keras.saving.register_keras_serializable("agentlab")
class BatchRenorm(keras.layers.Layer):  # type: ignore[misc]
    """Normalizes each unit by the batch statistics, corrected toward the running statistics.

    Ioffe 2017, "Batch Renormalization: Towards Reducing Minibatch Dependence in Batch-Normalized
    Models", algorithm 1. It is plain batch normalization for the first ``warmup`` batches.

    Input and output shape: float32 ``[stack, batch, units]``.

    Args:
        stack: number of networks, each with statistics, a scale and an offset of its own.
        units: number of units.
        momentum: weight of the old value in an update of a running statistic.
        max_scale: largest correction of the scale, ``r_max`` in the paper; the smallest is its
            inverse.
        max_shift: largest correction of the mean in standard deviations, ``d_max`` in the paper.
        warmup: batches without corrections.

    >>> BatchRenorm(2, 3)(tf.ones((2, 8, 3))).shape
    TensorShape([2, 8, 3])
    """

    def __init__(
        self,
        stack: int,
        units: int,
        momentum: float = 0.99,
        max_scale: float = 3.0,
        max_shift: float = 5.0,
        warmup: int = 100_000,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stack, self.units, self.momentum = stack, units, momentum
        self.max_scale, self.max_shift, self.warmup = max_scale, max_shift, warmup

        def weight(name: str, initial: str, trainable: bool) -> Any:
            shape = (stack, 1, units)
            return self.add_weight(shape=shape, initializer=initial, trainable=trainable, name=name)

        self.scale, self.offset = weight("scale", "ones", True), weight("offset", "zeros", True)
        self.moving_mean = weight("moving_mean", "zeros", False)
        self.moving_variance = weight("moving_variance", "ones", False)
        self.batches = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="batches"
        )
        self.built = True

    def call(self, inputs: Any, training: bool = False, first: int | None = None) -> Any:
        """Return the normalized inputs, ``[stack, batch, units]``.

        Args:
            inputs: ``[stack, batch, units]``, or ``[1, batch, units]`` for equal inputs.
            training: normalize by the batch, and update the running statistics.
            first: evaluate only this many networks of the stack; ``None`` for all.
        """
        running_mean, running_variance = self.moving_mean[:first], self.moving_variance[:first]
        running_deviation = tf.sqrt(running_variance + EPSILON)
        scale, offset = self.scale[:first], self.offset[:first]
        if not training:
            return (inputs - running_mean) / running_deviation * scale + offset
        mean, variance = tf.nn.moments(inputs, [1], keepdims=True)  # [stack, 1, units]
        deviation = tf.sqrt(variance + EPSILON)
        warm = self.batches >= self.warmup
        r = tf.clip_by_value(deviation / running_deviation, 1 / self.max_scale, self.max_scale)
        d = tf.clip_by_value(
            (mean - running_mean) / running_deviation, -self.max_shift, self.max_shift
        )
        r, d = (tf.stop_gradient(tf.where(warm, v, w)) for v, w in ((r, 1.0), (d, 0.0)))
        self._move(mean, variance)
        return ((inputs - mean) / deviation * r + d) * scale + offset

    def _move(self, mean: Any, variance: Any) -> None:
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign_add((1 - self.momentum) * (tf.stop_gradient(value) - moving))
        self.batches.assign_add(1.0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        names = ("stack", "units", "momentum", "max_scale", "max_shift", "warmup")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
