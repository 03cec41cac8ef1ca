"""Dense layers with learned noise on their weights, which explores instead of epsilon."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("agentlab")
class NoisyDense(keras.layers.Layer):  # type: ignore[misc]
    """``y = activation(x (W + S * E) + b + s * e)`` (Fortunato et al. 2018, equation 9).

    The noise is factorized: ``E = f(e_in) f(e)`` and ``e = f(e_out)`` with ``f(x) = sgn(x)
    sqrt(|x|)`` of normal ``e_in`` and ``e_out`` (equations 10 and 11), one draw for a whole batch.

    Input shape: ``[batch, inputs]``. Output shape: ``[batch, units]``.

    Args:
        units: outputs.
        activation: a Keras activation by name.
        sigma: initial scale of the noise (section 3.2).
        seed: of the initial weights.
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
        """Make the weights for inputs of ``input_shape`` (the batch first)."""
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
        """Return the outputs with the noise of ``seed``, int32 ``[2]``; ``None`` for no noise."""
        kernel, bias = self.kernel, self.bias
        if seed is not None:
            width = self.kernel.shape[0]
            normal = tf.random.stateless_normal((width + self.units,), seed)
            noise = tf.sign(normal) * tf.sqrt(tf.abs(normal))
            before, after = noise[:width], noise[width:]
            kernel = kernel + self.kernel_sigma * before[:, None] * after
            bias = bias + self.bias_sigma * after
        return self.activation(tf.matmul(inputs, kernel) + bias)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "sigma": self.sigma,
            "seed": self.seed,
        }
