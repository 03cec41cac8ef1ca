"""The forward pass of a multilayer perceptron in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from agentlab.agents.acting.actor import Array, Floats


def relu(x: Any) -> Any:
    """Apply ReLU to ``x`` in place."""
    return np.maximum(x, 0, out=x)


EPSILON = np.float32(1e-5)  # of layer normalization; that of ``MLP``
# Named functions, since lambdas cannot be pickled.
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"tanh": np.tanh, "relu": relu}


class NumpyMLP:
    """The forward pass of an ``MLP`` torso.

    Args:
        specification: ``activation`` (a key of ``ACTIVATIONS``), ``scale`` (the divisor of inputs),
            ``layers`` (the names of each layer's kernel and bias) and ``norms`` (the names of each
            layer normalization's scale and offset, if there are any).
        weights: arrays by name.
    """

    def __init__(self, specification: Mapping[str, Any], weights: Mapping[str, Array]) -> None:
        self._activation = ACTIVATIONS[specification["activation"]]
        self._norms = [
            (weights[scale], weights[offset]) for scale, offset in specification["norms"]
        ]
        self._scale = np.float32(1 / specification["scale"])
        self._layers = [
            (weights[kernel], weights[bias]) for kernel, bias in specification["layers"]
        ]

    def __call__(self, inputs: Array) -> Floats:
        """Return the features of ``inputs``, float32 ``[batch, features]``."""
        features: Any = inputs.reshape(len(inputs), -1)
        layers = self._layers
        if features.dtype != np.float32:
            if not layers:
                return np.asarray(features * self._scale, np.float32)
            # Most pixels are 0 in all rows: leave their columns out of the product.
            (kernel, bias), *layers = layers
            used = np.flatnonzero(features.any(axis=0))
            features = (features[:, used] * self._scale) @ kernel[used] + bias
            features = self._activation(self._normalized(0, features))
        done = len(self._layers) - len(layers)
        for i, (kernel, bias) in enumerate(layers, done):
            features = self._activation(self._normalized(i, features @ kernel + bias))
        return np.asarray(features, np.float32)

    def _normalized(self, layer: int, features: Floats) -> Floats:
        """Apply the normalization of a layer, if there is one."""
        if not self._norms:
            return features
        scale, offset = self._norms[layer]
        centered = features - features.mean(1, keepdims=True)
        variance = np.square(centered).mean(1, keepdims=True)
        return np.asarray(centered / np.sqrt(variance + EPSILON) * scale + offset)
