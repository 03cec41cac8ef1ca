"""Action values on a torso: plain, dueling, noisy, distributional."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.noisy import NoisyDense


@keras.saving.register_keras_serializable("agentlab")
class QNetwork(keras.Model):  # type: ignore[misc]
    """``torso`` features to ``n_atoms`` outputs for each action.

    One output is the action's value; several are the logits of a categorical distribution of
    returns, or quantiles of it. With ``dueling`` they are ``V + A - mean A`` of two streams
    (Wang et al. 2016, equation 9).

    Input shape: the torso's. Output shape: float32 ``[batch, actions, n_atoms]``.

    Args:
        torso: a built torso.
        actions: number of actions.
        n_atoms: outputs per action.
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
        n_atoms: int = 1,
        hidden: int = 0,
        activation: str = "relu",
        dueling: bool = False,
        noisy: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.torso, self.actions, self.n_atoms, self.hidden = torso, actions, n_atoms, hidden
        self.activation, self.dueling, self.noisy, self.seed = activation, dueling, noisy, seed
        self.advantage = self._stream("advantage", actions * n_atoms, 0)
        self.value = self._stream("value", n_atoms, 10) if dueling else []
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
        """Return ``[batch, actions, n_atoms]``; with the noise of ``seed``, int32 ``[2]``."""
        features = self.torso.call(inputs)
        outputs = self._run(self.advantage, features, seed, 0)
        outputs = tf.reshape(outputs, (-1, self.actions, self.n_atoms))
        if self.dueling:
            value = self._run(self.value, features, seed, 10)[:, None, :]
            outputs += value - tf.reduce_mean(outputs, axis=1, keepdims=True)
        return outputs

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
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> QNetwork:
        """Build the net that ``get_config`` described, with initial weights."""
        config["torso"] = keras.saving.deserialize_keras_object(config["torso"])
        return cls(**config)
