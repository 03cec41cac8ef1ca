"""A Gaussian policy whose standard deviations depend on the state: gSDE."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.headed import Headed

MEAN_RANGE = -2.0, 2.0  # Raffin et al. 2021, in their code: keeps tanh out of saturation


@keras.saving.register_keras_serializable("agentlab")
class SDEHeaded(Headed):
    """A torso, a dense head for the means, and a matrix of standard deviations.

    The noise of an action is ``features @ theta`` with ``theta ~ N(0, exp(log_std)^2)``, so that
    its variance is ``features^2 @ exp(log_std)^2`` (generalized state-dependent exploration, Raffin
    et al. 2021, "Smooth Exploration for Robotic Reinforcement Learning", equation 5).

    Input shape: that of the torso.
    Output shape: means and logarithms of standard deviations, float32 ``[batch, 2 * units]``.

    Args:
        torso: a built torso.
        units: number of components of an action.
        log_std_init: initial value of ``log_std``, ``[features, units]``.
        arguments: further arguments of ``Headed``.

    >>> import numpy as np
    >>> from agentlab.nets import make_torso
    >>> SDEHeaded(make_torso("mlp", (4,)), 3).call(np.zeros((8, 4), np.float32)).shape
    TensorShape([8, 6])
    """

    def __init__(
        self, torso: keras.Model, units: int, log_std_init: float = -3.0, **arguments: Any
    ) -> None:
        super().__init__(torso, units, **arguments)
        self.log_std_init = log_std_init
        self.log_std = self.add_weight(
            shape=(torso.features, units),
            initializer=keras.initializers.Constant(log_std_init),
            name="log_std",
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return means and logarithms of standard deviations, ``[batch, 2 * units]``."""
        return self.with_features(inputs, training)[0]

    def with_features(self, inputs: Any, training: bool = False) -> tuple[Any, Any]:
        """Return what ``call`` returns, and the torso's features, ``[batch, features]``."""
        features = tf.cast(self.torso(inputs, training=training), tf.float32)
        means = tf.clip_by_value(self.head(features), *MEAN_RANGE)  # [batch, units]
        variances = tf.matmul(tf.square(features), tf.exp(2 * self.log_std))
        return tf.concat([means, 0.5 * tf.math.log(variances + 1e-6)], 1), features

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {**super().get_config(), "log_std_init": self.log_std_init}
