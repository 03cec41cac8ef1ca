"""The multilayer perceptron."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from agentlab.errors import AgentlabError
from agentlab.nets.sparse import SparseRows, sparse_matmul


@keras.saving.register_keras_serializable("agentlab")
class MLP(keras.Model):  # type: ignore[misc]
    """Fully connected layers: a torso whose features are the last hidden layer.

    Input shape: ``[batch, ...]`` of any number type, flattened; or ``SparseRows``, for which the
    first layer costs only what the non-zeros cost.
    Output shape: float32 ``[batch, features]``.

    Args:
        hidden: units of each layer; none at all leaves the flat inputs as features.
        activation: a Keras activation by name.
        scale: what inputs are divided by: 255 for bytes of pictures.
        gain: scale of the orthogonal initial kernels (Saxe et al. 2014); the square root of 2
            keeps the variance through ReLU layers (He et al. 2015).
        seed: of the initial kernels.
        signed: whether ``SparseRows`` given may hold minus ones.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (64, 64),
        activation: str = "tanh",
        scale: float = 1.0,
        gain: float = math.sqrt(2),
        seed: int | None = None,
        signed: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        try:
            keras.activations.get(activation)
        except ValueError:
            raise AgentlabError(
                f"activation={activation!r} is unknown; use a Keras activation such as tanh or relu"
            ) from None
        self.hidden, self.activation = tuple(hidden), activation
        self.scale, self.gain, self.seed = scale, gain, seed
        self.signed = signed
        self.denses = [
            keras.layers.Dense(
                units,
                activation,
                kernel_initializer=keras.initializers.Orthogonal(
                    gain, seed=None if seed is None else seed + i
                ),
                dtype=self.dtype_policy,  # also where it is loaded under another policy
                name=f"dense_{i}",
            )
            for i, units in enumerate(self.hidden)
        ]

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the kernels for inputs of ``input_shape`` (the batch first)."""
        width = math.prod(int(size or 0) for size in input_shape[1:])
        for dense in self.denses:
            dense.build((None, width))
            width = dense.units
        self.features = width
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the features of ``inputs``, float32 ``[batch, features]``."""
        if isinstance(inputs, SparseRows):
            first, *rest = self.denses
            features = sparse_matmul(inputs, first.kernel, self.signed) + first.bias
            features = first.activation(features)
        else:
            rest = self.denses
            flat = tf.reshape(inputs, (tf.shape(inputs)[0], -1))
            # Float32 also where the rest is in 16 bits; float64 where that is asked for.
            dtype = keras.backend.result_type(self.compute_dtype, "float32")
            features = tf.cast(flat, dtype) / self.scale
        for dense in rest:
            features = dense(features)
        return features

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "activation": self.activation,
            "scale": self.scale,
            "gain": self.gain,
            "seed": self.seed,
            "signed": self.signed,
        }


class NumpyMLP:
    """The forward pass of an ``MLP`` by NumPy, with the weights that it has now.

    On a small net ten times faster than a call of TensorFlow.

    Args:
        torso: a built ``MLP`` whose activation is one of ``ACTIVATIONS``.
    """

    ACTIVATIONS: ClassVar[dict[str, Callable[..., Any]]] = {
        "tanh": np.tanh,
        "relu": lambda x: np.maximum(x, 0, out=x),
    }

    def __init__(self, torso: MLP) -> None:
        self.activation = self.ACTIVATIONS[torso.activation]
        self._scale = np.float32(1 / torso.scale)
        self._layers = [(dense.kernel.numpy(), dense.bias.numpy()) for dense in torso.denses]

    def __call__(self, inputs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the features of ``inputs``, float32 ``[batch, features]``."""
        features: Any = inputs.reshape(len(inputs), -1)
        layers = self._layers
        if features.dtype != np.float32:
            if not layers:
                return np.asarray(features * self._scale, np.float32)
            # Of pixels most are 0 in all rows at once: leave those out of the product.
            (kernel, bias), *layers = layers
            used = np.flatnonzero(features.any(axis=0))
            features = self.activation((features[:, used] * self._scale) @ kernel[used] + bias)
        for kernel, bias in layers:
            features = self.activation(features @ kernel + bias)
        return np.asarray(features, np.float32)


def runs_in_numpy(torso: keras.Model) -> bool:
    """Whether ``NumpyMLP`` can stand in for ``torso``."""
    return isinstance(torso, MLP) and torso.activation in NumpyMLP.ACTIVATIONS
