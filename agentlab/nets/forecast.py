"""A recurrent net from the past of series to their future."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.recurrence import CELLS, State
from agentlab.nets.rnn import RNN, Recurrent, state_dtype


@keras.saving.register_keras_serializable("agentlab")
class Forecast(keras.Model):  # type: ignore[misc]
    """An encoder that reads the past, and a decoder that writes the future step by step.

    The decoder starts from the encoder's last state (Sutskever et al. 2014), is fed the last value
    of the past and then, at each step, its own last prediction, in training too; so it never sees
    what it has to predict. A dense layer on its output gives the difference from the last value of
    the past. That layer starts at zeros: a net that has learned nothing gives the naive forecast.

    Input shape: numbers ``[batch, past, columns]``.
    Output shape: float32 ``[batch, horizon, columns]``.

    Args:
        horizon: how many steps are predicted.
        cell: ``gru``, ``lstm``, ``peephole`` or ``simple``.
        units: of each layer.
        layers: of the encoder, and of the decoder.
        dropout: share that training drops between layers and of the decoder's outputs.
        seed: of the initial weights and the dropout.

    Raises:
        AgentlabError: for an unknown cell.
    """

    def __init__(
        self,
        horizon: int,
        cell: str = "gru",
        units: int = 64,
        layers: int = 1,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.horizon, self.cell, self.units, self.depth = horizon, cell, units, layers
        self.rate, self.seed = dropout, seed
        policy = self.dtype_policy
        self.encoder, self.decoder = (
            RNN(
                cell,
                (units,) * layers,
                dropout=dropout,
                seed=None if seed is None else seed + shift,
                dtype=policy,
                name=name,
            )
            for name, shift in (("encoder", 100), ("decoder", 1000))
        )
        own = None if seed is None else seed + 1
        self.drop = keras.layers.Dropout(dropout, seed=own, dtype=policy, name="dropout")

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights for inputs of ``input_shape`` (the batch first)."""
        columns = input_shape[-1]
        self.head = keras.layers.Dense(
            columns, kernel_initializer="zeros", dtype="float32", name="head"
        )
        self.encoder.build((None, None, columns))
        self.decoder.build((None, None, columns))
        self.head.build((None, self.units))
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return what follows ``inputs``."""
        last = tf.cast(inputs[:, -1], tf.float32)
        state = self.encoder.initial_state(tf.shape(inputs)[0])
        _, state = self.encoder.run(inputs, state, training=training)
        written = tf.TensorArray(tf.float32, self.horizon, element_shape=last.shape)

        def advance(t: Any, value: Any, state: Any, written: Any) -> Any:
            features, state = self._step(value, state, training)
            value = last + self.head(tf.cast(features, tf.float32))
            return t + 1, value, state, written.write(t, value)

        *_, written = tf.while_loop(
            lambda t, *_: t < self.horizon,
            advance,
            (tf.constant(0), last, state, written),
            maximum_iterations=self.horizon,
        )
        return tf.transpose(written.stack(), (1, 0, 2))

    def _step(self, value: Any, state: list[Any], training: bool) -> tuple[Any, list[Any]]:
        """Return the decoder's features after one step, ``[batch, units]``, and its new state."""
        features, new_state = tf.cast(value, self.compute_dtype), list[Any]()
        for i, (layer,) in enumerate(self.decoder.recurrents):
            if i:
                features = self.decoder.dropouts[i](features, training=training)
            own, state = tuple(state[: layer.states]), state[layer.states :]
            new = _cell_step(layer, features, own)
            new_state += new
            features = tf.cast(new[0], self.compute_dtype)
        return self.drop(features, training=training), new_state

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "horizon": self.horizon,
            "cell": self.cell,
            "units": self.units,
            "layers": self.depth,
            "dropout": self.rate,
            "seed": self.seed,
        }


def _cell_step(layer: Recurrent, features: Any, state: State) -> State:
    """Return the state of ``layer`` after one step.

    What ``layer.call`` gives, but differentiated by TensorFlow: loops over time within the loop
    over the horizon would take twice as long.
    """
    dtype, exact = features.dtype, state_dtype(layer)
    x = features @ tf.cast(layer.kernel, dtype) + tf.cast(layer.bias, dtype)
    r = tf.cast(state[0], dtype) @ tf.cast(layer.recurrent_kernel, dtype)
    extra = None if layer.extra is None else tf.cast(layer.extra, exact)
    new, _ = CELLS[layer.cell].forward(tf.cast(x, exact), tf.cast(r, exact), state, extra)
    return new
