"""Quick copies of a ``QNetwork`` for acting."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from agentlab.agents.acting.copies import clone, copy_weights
from agentlab.agents.acting.numpy_mlp import NumpyMLP, runs_in_numpy
from agentlab.nets.q_network import QNetwork

Floats = npt.NDArray[np.float32]


class QActor(Protocol):
    """A copy of a ``QNetwork`` that acts while the original learns."""

    def __call__(self, inputs: npt.NDArray[Any], rng: np.random.Generator | None) -> Floats:
        """Return ``[n, actions, n_atoms]``; with noise from ``rng`` where the net is noisy."""

    def update(self) -> None:
        """Take over the original's weights."""


class NumpyQActor:
    """Acts by NumPy.

    Args:
        net: a ``QNetwork`` on a torso that ``runs_in_numpy``.
    """

    def __init__(self, net: QNetwork) -> None:
        self._net = net
        self.update()

    def update(self) -> None:
        net = self._net
        self._torso = NumpyMLP(net.torso)
        self._streams = [
            [tuple(weight.numpy() for weight in layer.weights) for layer in stream]
            for stream in (net.advantage, net.value)
        ]

    def __call__(self, inputs: npt.NDArray[Any], rng: np.random.Generator | None) -> Floats:
        net, features = self._net, self._torso(inputs)
        advantage, value = self._streams
        outputs = self._run(advantage, features, rng).reshape(-1, net.actions, net.n_atoms)
        if value:
            outputs = outputs - outputs.mean(axis=1, keepdims=True)
            outputs += self._run(value, features, rng)[:, None, :]
        return outputs

    def _run(
        self, layers: list[tuple[Floats, ...]], features: Floats, rng: np.random.Generator | None
    ) -> Floats:
        for i, weights in enumerate(layers):
            if self._net.noisy and rng is not None:
                kernel, bias = noisy_weights(weights, rng)
            else:
                kernel, bias = weights[:2]
            features = features @ kernel + bias
            if i < len(layers) - 1:
                features = NumpyMLP.ACTIVATIONS[self._net.activation](features)
        return features


class TensorFlowQActor:
    """Acts by a compiled call on a copy of the net, for nets too large for NumPy.

    Args:
        net: any ``QNetwork``.
        spec: TensorFlow's type of a batch of its inputs, of any size.
    """

    def __init__(self, net: QNetwork, spec: Any) -> None:
        self._net, self._copy = net, clone(net)
        seed = tf.TensorSpec((2,), tf.int32)
        self._noisy = tf.function(self._copy.call, input_signature=[spec, seed])
        self._plain = tf.function(lambda inputs: self._copy.call(inputs), input_signature=[spec])

    def update(self) -> None:
        copy_weights(self._net, self._copy)

    def __call__(self, inputs: npt.NDArray[Any], rng: np.random.Generator | None) -> Floats:
        if self._net.noisy and rng is not None:
            outputs = self._noisy(inputs, rng.integers(2**31, size=2, dtype=np.int32))
        else:
            outputs = self._plain(inputs)
        return np.asarray(outputs.numpy(), np.float32)


def make_q_actor(net: QNetwork, spec: Any) -> QActor:
    """Choose the quickest actor for ``net``.

    Args:
        net: any ``QNetwork``.
        spec: TensorFlow's type of a batch of its inputs, of any size.
    """
    return NumpyQActor(net) if runs_in_numpy(net.torso) else TensorFlowQActor(net, spec)


def noisy_weights(weights: tuple[Floats, ...], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw a kernel and a bias from a ``NoisyDense`` layer's weights, in NumPy.

    Args:
        weights: its kernel, bias, and the sigmas of both.
        rng: draws the noise.
    """
    kernel, bias, kernel_sigma, bias_sigma = weights
    normal = rng.standard_normal(sum(kernel.shape), dtype=np.float32)
    noise = np.sign(normal) * np.sqrt(np.abs(normal))
    before, after = noise[: len(kernel)], noise[len(kernel) :]
    return kernel + kernel_sigma * before[:, None] * after, bias + bias_sigma * after
