"""A recurrent encoder-decoder network for forecasting time series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.recurrence import CELLS, State
from agentlab.nets.recurrent_layer import Recurrent, state_dtype
from agentlab.nets.rnn import RNN


@keras.saving.register_keras_serializable("agentlab")
class Forecast(keras.Model):  # type: ignore[misc]
    """A recurrent encoder of the past, and a decoder that predicts the future step by step.

    The decoder starts from the final state of the encoder (Sutskever et al. 2014). Its first input
    is the last value of the past; then each input is its previous prediction, in training too (no
    teacher forcing). A dense layer maps its output to the difference from the last value of the
    past. The layer is initialized to zeros, so an untrained network gives the naive forecast.

    Input shape: numbers ``[batch, past, columns]``.
    Output shape: float32 ``[batch, horizon, columns]``.

    Args:
        horizon: number of steps to predict.
        cell: ``gru``, ``lstm``, ``peephole`` or ``simple``.
        units: units of each layer.
        layers: number of layers of the encoder, and of the decoder.
        dropout: dropout rate between layers and of the decoder's outputs.
        seed: seed of initial weights and dropout.

    Raises:
        InvalidArgument: for an unknown cell.

    >>> Forecast(horizon=3, units=8)(tf.zeros((2, 10, 1))).shape
    TensorShape([2, 3, 1])
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
        drop_seed = None if seed is None else seed + 1
        self.drop = keras.layers.Dropout(dropout, seed=drop_seed, dtype=policy, name="dropout")

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights for inputs of ``input_shape``, with the batch dimension."""
        columns = input_shape[-1]
        self.head = keras.layers.Dense(
            columns, kernel_initializer="zeros", dtype="float32", name="head"
        )
        self.encoder.build((None, None, columns))
        self.decoder.build((None, None, columns))
        self.head.build((None, self.units))
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the forecast, float32 ``[batch, horizon, columns]``."""
        last = tf.cast(inputs[:, -1], tf.float32)  # [batch, columns]
        state = self.encoder.initial_state(tf.shape(inputs)[0])
        _, state = self.encoder.run(inputs, state, training=training)
        predictions = tf.TensorArray(tf.float32, self.horizon, element_shape=last.shape)

        def advance(t: Any, value: Any, state: Any, predictions: Any) -> Any:
            features, state = self._step(value, state, training)  # [batch, units]
            value = last + self.head(tf.cast(features, tf.float32))  # [batch, columns]
            return t + 1, value, state, predictions.write(t, value)

        *_, predictions = tf.while_loop(
            lambda t, *_: t < self.horizon,
            advance,
            (tf.constant(0), last, state, predictions),
            maximum_iterations=self.horizon,
        )
        return tf.transpose(predictions.stack(), (1, 0, 2))  # [batch, horizon, columns]

    def _step(self, value: Any, state: list[Any], training: bool) -> tuple[Any, list[Any]]:
        """Return the decoder's features after one step, ``[batch, units]``, and its new state."""
        features, new_state = tf.cast(value, self.compute_dtype), list[Any]()
        for i, (layer,) in enumerate(self.decoder.recurrents):
            if i:
                features = self.decoder.dropouts[i](features, training=training)
            layer_state, state = tuple(state[: layer.states]), state[layer.states :]
            new = _cell_step(layer, features, layer_state)
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

    Equal to ``layer.call`` for one step, but differentiated by TensorFlow: a loop over time within
    the loop over the horizon would take twice as long.
    """
    dtype, exact = features.dtype, state_dtype(layer)
    x = features @ tf.cast(layer.kernel, dtype) + tf.cast(
        layer.bias, dtype
    )  # [batch, gates * units]
    r = tf.cast(state[0], dtype) @ tf.cast(layer.recurrent_kernel, dtype)  # [batch, gates * units]
    extra = None if layer.extra is None else tf.cast(layer.extra, exact)
    new, _ = CELLS[layer.cell].forward(tf.cast(x, exact), tf.cast(r, exact), state, extra)
    return new
