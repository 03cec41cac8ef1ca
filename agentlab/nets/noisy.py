"""Noisy dense layers, which replace epsilon-greedy exploration."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("agentlab")
class NoisyDense(keras.layers.Layer):  # type: ignore[misc]
    """``y = activation(x (W + S * E) + b + s * e)`` (Fortunato et al. 2018, equation 9).

    The noise is factorized: ``E = f(e_in) f(e_out)`` and ``e = f(e_out)``, where ``f(x) = sgn(x)
    sqrt(|x|)`` and ``e_in`` and ``e_out`` are normal (equations 10 and 11). All examples of a batch
    get the same noise.

    Input shape: ``[batch, inputs]``.
    Output shape: ``[batch, units]``.

    Args:
        units: number of outputs.
        activation: name of a Keras activation.
        sigma: initial scale of the noise (section 3.2).
        seed: seed of the initial weights.

    >>> layer = NoisyDense(3)
    >>> layer(tf.ones((8, 4)), seed=[0, 1]).shape
    TensorShape([8, 3])
    """

    def __init__(
        self,
        units: int,
        activation: str | None = None,
        sigma: float = 0.5,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.sigma, self.seed = units, sigma, seed
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs of ``input_shape``, with the batch dimension."""
        width = int(input_shape[-1] or 0)
        bound = 1 / math.sqrt(width)
        noise = keras.initializers.Constant(self.sigma * bound)

        def uniform(shift: int) -> Any:
            seed = None if self.seed is None else self.seed + shift
            return keras.initializers.RandomUniform(-bound, bound, seed=seed)

        self.kernel = self.add_weight(
            shape=(width, self.units), initializer=uniform(0), name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer=uniform(1), name="bias")
        self.kernel_sigma = self.add_weight(
            shape=(width, self.units), initializer=noise, name="kernel_sigma"
        )
        self.bias_sigma = self.add_weight(shape=(self.units,), initializer=noise, name="bias_sigma")
        self.built = True

    def call(self, inputs: Any, seed: Any = None) -> Any:
        """Return the outputs, ``[batch, units]``, with noise drawn from a seed.

        Args:
            inputs: ``[batch, inputs]``.
            seed: seed of the noise, int32 ``[2]``; ``None`` for no noise.
        """
        kernel, bias = self.kernel, self.bias
        if seed is not None:
            width = self.kernel.shape[0]
            normal = tf.random.stateless_normal((width + self.units,), seed)  # [inputs + units]
            noise = tf.sign(normal) * tf.sqrt(tf.abs(normal))
            noise_in, noise_out = noise[:width], noise[width:]  # [inputs], [units]
            kernel = kernel + self.kernel_sigma * noise_in[:, None] * noise_out  # [inputs, units]
            bias = bias + self.bias_sigma * noise_out  # [units]
        return self.activation(tf.matmul(inputs, kernel) + bias)  # [batch, units]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "sigma": self.sigma,
            "seed": self.seed,
        }
