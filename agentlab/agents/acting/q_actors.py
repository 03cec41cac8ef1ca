"""The forward pass of a ``QNetwork`` in NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agentlab.agents.acting.actor import Array, Floats, NumpyActor, Weights
from agentlab.agents.acting.numpy_mlp import ACTIVATIONS, NumpyMLP, relu


class NumpyQActor(NumpyActor):
    """The forward pass of a ``QNetwork`` on an ``MLP`` torso; see ``q_specification``."""

    def load(self, weights: Weights) -> None:
        self._torso = NumpyMLP(self.specification["torso"], weights)
        self._streams = [
            [[weights[name] for name in layer] for layer in stream]
            for stream in self.specification["streams"]
        ]
        self._embedding = embedded_midpoints(self.specification, weights)

    def __call__(self, inputs: Array, rng: np.random.Generator | None = None) -> Floats:
        """Return outputs ``[n, actions, n_outputs]``; ``rng`` generates the noise, if any."""
        shape = (-1, self.specification["actions"], self.specification["n_outputs"])
        features = self._torso(inputs)
        if self._embedding is not None:
            return self._at_fractions(features, self._embedding, rng)
        advantage, value = self._streams
        outputs = self._run(advantage, features, rng).reshape(shape)
        if value:
            outputs = outputs - outputs.mean(axis=1, keepdims=True)
            outputs += self._run(value, features, rng)[:, None, :]
        return outputs

    def _at_fractions(
        self, features: Floats, embedding: Floats, rng: np.random.Generator | None
    ) -> Floats:
        """Return quantiles at the midpoints of equal fractions, ``[n, actions, n_outputs]``."""
        products = (features[:, None, :] * embedding).reshape(-1, features.shape[1])
        rows, count = len(features), self.specification["n_outputs"]
        advantage, value = self._streams
        outputs = self._run(advantage, products, rng).reshape(rows, count, -1)
        if value:
            outputs = outputs - outputs.mean(axis=2, keepdims=True)
            outputs += self._run(value, products, rng).reshape(rows, count, 1)
        return outputs.transpose(0, 2, 1)

    def _run(
        self, layers: list[list[Floats]], features: Floats, rng: np.random.Generator | None
    ) -> Floats:
        for i, weights in enumerate(layers):
            if self.specification["noisy"] and rng is not None:
                kernel, bias = noisy_weights(weights, rng)
            else:
                kernel, bias = weights[:2]
            features = features @ kernel + bias
            if i < len(layers) - 1:
                features = ACTIVATIONS[self.specification["activation"]](features)
        return features


def embedded_midpoints(specification: Mapping[str, Any], weights: Weights) -> Floats | None:
    """Return embeddings of the midpoints of equal fractions, ``[n_outputs, features]``, if any."""
    if not specification["fractions"]:
        return None
    kernel, bias = (weights[name] for name in specification["fractions"])
    count, frequencies = specification["n_outputs"], np.arange(len(kernel), dtype=np.float32)
    midpoints = (np.arange(count, dtype=np.float32)[:, None] + np.float32(0.5)) / count
    cosines = np.cos(np.float32(np.pi) * midpoints * frequencies)
    return np.asarray(relu(cosines @ kernel + bias), np.float32)


def noisy_weights(weights: list[Floats], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Sample a noisy kernel and bias of a ``NoisyDense`` layer.

    Args:
        weights: the layer's kernel and bias, and the sigmas of both.
        rng: generates the noise.
    """
    kernel, bias, kernel_sigma, bias_sigma = weights
    normal = rng.standard_normal(sum(kernel.shape), dtype=np.float32)
    noise = np.sign(normal) * np.sqrt(np.abs(normal))
    before, after = noise[: len(kernel)], noise[len(kernel) :]
    return kernel + kernel_sigma * before[:, None] * after, bias + bias_sigma * after
