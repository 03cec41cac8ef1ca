"""Action values on a torso: plain, dueling, noisy, distributional; and quick copies for acting."""

from __future__ import annotations

from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from agentlab.nets.copies import clone, copy_weights
from agentlab.nets.mlp import NumpyMLP, runs_in_numpy
from agentlab.nets.noisy import NoisyDense, noisy_weights

Floats = npt.NDArray[np.float32]


@keras.saving.register_keras_serializable("agentlab")
class QNetwork(keras.Model):  # type: ignore[misc]
    """``torso`` features to ``atoms`` numbers for each action.

    One number is the action's value; several are the logits of a categorical distribution of
    returns, or quantiles of it. With ``dueling`` they are ``V + A - mean A`` of two streams
    (Wang et al. 2016, equation 9).

    Input shape: the torso's. Output shape: float32 ``[batch, actions, atoms]``.

    Args:
        torso: a built torso.
        actions: number of actions.
        atoms: numbers an action.
        hidden: units of a hidden layer in each stream; 0 for none.
        activation: that layer's activation, by its Keras name.
        dueling: whether value and advantages have streams of their own.
        noisy: whether the streams' layers are ``NoisyDense``.
        seed: of the streams' initial weights.
    """

    def __init__(
        self,
        torso: keras.Model,
        actions: int,
        atoms: int = 1,
        hidden: int = 0,
        activation: str = "relu",
        dueling: bool = False,
        noisy: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.torso, self.actions, self.atoms, self.hidden = torso, actions, atoms, hidden
        self.activation, self.dueling, self.noisy, self.seed = activation, dueling, noisy, seed
        self.advantage = self._stream("advantage", actions * atoms, 0)
        self.value = self._stream("value", atoms, 10) if dueling else []
        self.built = True

    def _stream(self, name: str, outputs: int, shift: int) -> list[keras.layers.Layer]:
        layers = []
        width = self.torso.features
        sizes = [self.hidden, outputs] if self.hidden else [outputs]
        for i, units in enumerate(sizes):
            last = i == len(sizes) - 1
            seed = None if self.seed is None else self.seed + shift + 2 * i
            arguments: dict[str, Any] = {
                "activation": None if last else self.activation,
                "name": f"{name}_{'out' if last else 'hidden'}",
                "dtype": "float32" if last else self.torso.dtype_policy,
            }
            if self.noisy:
                layer = NoisyDense(units, seed=seed, **{**arguments, "dtype": "float32"})
            else:
                kernel = keras.initializers.GlorotUniform(seed=seed)
                layer = keras.layers.Dense(units, kernel_initializer=kernel, **arguments)
            layer.build((None, width))
            layers.append(layer)
            width = units
        return layers

    def call(self, inputs: Any, seed: Any = None) -> Any:
        """Return ``[batch, actions, atoms]``; with the noise of ``seed``, int32 ``[2]``."""
        features = self.torso.call(inputs)
        numbers = self._run(self.advantage, features, seed, 0)
        numbers = tf.reshape(numbers, (-1, self.actions, self.atoms))
        if self.dueling:
            value = self._run(self.value, features, seed, 10)[:, None, :]
            numbers += value - tf.reduce_mean(numbers, axis=1, keepdims=True)
        return numbers

    def _run(self, layers: list[Any], features: Any, seed: Any, shift: int) -> Any:
        for i, layer in enumerate(layers):
            features = tf.cast(features, layer.compute_dtype)
            if self.noisy and seed is not None:
                features = layer.call(features, seed + [0, shift + i])
            else:
                features = layer.call(features)
        return features

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "torso": keras.saving.serialize_keras_object(self.torso),
            "actions": self.actions,
            "atoms": self.atoms,
            "hidden": self.hidden,
            "activation": self.activation,
            "dueling": self.dueling,
            "noisy": self.noisy,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> QNetwork:
        """Build the net that ``get_config`` described, with initial weights."""
        config["torso"] = keras.saving.deserialize_keras_object(config["torso"])
        return cls(**config)


class QActor(Protocol):
    """A copy of a ``QNetwork`` that acts while the original learns."""

    def __call__(self, inputs: npt.NDArray[Any], rng: np.random.Generator | None) -> Floats:
        """Return ``[n, actions, atoms]``; with noise from ``rng`` where the net is noisy."""

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
        numbers = self._run(advantage, features, rng).reshape(-1, net.actions, net.atoms)
        if value:
            numbers = numbers - numbers.mean(axis=1, keepdims=True)
            numbers += self._run(value, features, rng)[:, None, :]
        return numbers

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
            numbers = self._noisy(inputs, rng.integers(2**31, size=2, dtype=np.int32))
        else:
            numbers = self._plain(inputs)
        return np.asarray(numbers.numpy(), np.float32)


def make_q_actor(net: QNetwork, spec: Any) -> QActor:
    """Choose the quickest actor for ``net``.

    Args:
        net: any ``QNetwork``.
        spec: TensorFlow's type of a batch of its inputs, of any size.
    """
    return NumpyQActor(net) if runs_in_numpy(net.torso) else TensorFlowQActor(net, spec)
