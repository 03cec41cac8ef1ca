"""The Q-network: action values of a torso's features, with the extensions of Rainbow."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.noisy import NoisyDense


@keras.saving.register_keras_serializable("agentlab")
class QNetwork(keras.Model):  # type: ignore[misc]
    """A torso with a head that returns ``n_atoms`` outputs for each action.

    A single output is the Q-value of the action. Several are the logits of a categorical
    distribution over returns, or the quantiles of the distribution. With ``dueling`` the outputs
    are ``V + A - mean A`` of two streams (Wang et al. 2016, equation 9). With ``cosines`` they are
    quantiles at any fractions: the features are multiplied by an embedding of each fraction
    (implicit quantile networks, Dabney et al. 2018b, equation 4).

    Input shape: that of the torso.
    Output shape: float32 ``[batch, actions, n_atoms]``.

    Args:
        torso: a built torso.
        actions: number of actions.
        n_atoms: number of outputs per action.
        hidden: units of a hidden layer in each stream; 0 for none.
        activation: name of the Keras activation of the hidden layer.
        dueling: whether to use a stream for the value and one for the advantages.
        noisy: whether the layers of the streams are ``NoisyDense``.
        seed: seed of the initial weights of the streams.
        cosines: number of cosines that embed a quantile fraction; 0 for none.

    >>> import numpy as np
    >>> from agentlab.nets import make_torso
    >>> q_network = QNetwork(make_torso("mlp", (4,)), actions=2, dueling=True)
    >>> q_network(np.zeros((8, 4), np.float32)).shape
    TensorShape([8, 2, 1])
    """

    def __init__(
        self,
        torso: keras.Model,
        actions: int,
        n_atoms: int = 1,
        hidden: int = 0,
        activation: str = "relu",
        dueling: bool = False,
        noisy: bool = False,
        seed: int | None = None,
        cosines: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cosines = cosines
        self.torso, self.actions, self.n_atoms, self.hidden = torso, actions, n_atoms, hidden
        self.activation, self.dueling, self.noisy, self.seed = activation, dueling, noisy, seed
        per_action = 1 if cosines else n_atoms
        self.advantage = self._stream("advantage", actions * per_action, 0)
        self.value = self._stream("value", per_action, 10) if dueling else []
        if cosines:
            self.embedding = keras.layers.Dense(
                torso.features,
                "relu",
                kernel_initializer=keras.initializers.GlorotUniform(
                    None if seed is None else seed + 20
                ),
                name="fractions",
                dtype="float32",
            )
            self.embedding.build((None, cosines))
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
        """Return the outputs, float32 ``[batch, actions, n_atoms]``.

        Args:
            inputs: a batch of inputs of the torso.
            seed: seed of the noise of ``NoisyDense`` and of the fractions, int32 ``[2]``; ``None``
                for no noise and for the midpoints of equal fractions.
        """
        features = self.torso.call(inputs)  # [batch, features]
        if self.cosines:  # [batch * n_atoms, features]
            embedded = self._embed(self.fractions(tf.shape(features)[0], seed))
            products = tf.cast(features, tf.float32)[:, None, :] * embedded
            features = tf.reshape(products, (-1, self.torso.features))
        outputs = self._per_action(self.advantage, features, seed, 0)  # [batch, actions, n_atoms]
        if self.dueling:
            value = self._per_action(self.value, features, seed, 10)  # [batch, 1, n_atoms]
            outputs += value - tf.reduce_mean(outputs, axis=1, keepdims=True)
        return outputs

    def fractions(self, batch: Any, seed: Any) -> Any:
        """Return the fractions that ``call`` uses, between 0 and 1, ``[batch, n_atoms]``."""
        if seed is not None:
            return tf.random.stateless_uniform((batch, self.n_atoms), seed + [0, 500])
        midpoints = (tf.range(self.n_atoms, dtype=tf.float32) + 0.5) / self.n_atoms
        return tf.tile(midpoints[None], (batch, 1))

    def _embed(self, fractions: Any) -> Any:
        """Return ``relu(sum_i cos(pi i fraction) w_i + b)``, ``[batch, n_atoms, features]``."""
        frequencies = math.pi * tf.range(self.cosines, dtype=tf.float32)
        return self.embedding.call(tf.cos(fractions[..., None] * frequencies))

    def _per_action(self, layers: list[Any], features: Any, seed: Any, shift: int) -> Any:
        """Return a stream's outputs, ``[batch, actions, n_atoms]``; the value has one action."""
        outputs = self._run(layers, features, seed, shift)
        actions = self.actions if layers is self.advantage else 1
        if self.cosines:
            return tf.transpose(tf.reshape(outputs, (-1, self.n_atoms, actions)), (0, 2, 1))
        return tf.reshape(outputs, (-1, actions, self.n_atoms))

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
            "n_atoms": self.n_atoms,
            "hidden": self.hidden,
            "activation": self.activation,
            "dueling": self.dueling,
            "noisy": self.noisy,
            "seed": self.seed,
            "cosines": self.cosines,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> QNetwork:
        """Build a network with initial weights from the dictionary of ``get_config``."""
        config["torso"] = keras.saving.deserialize_keras_object(config["torso"])
        return cls(**config)
