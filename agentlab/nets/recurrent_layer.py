"""A recurrent layer, which runs the cells of ``recurrence`` over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.recurrence import CELLS, recur


def state_dtype(layer: Any) -> str:
    """Return the dtype of the state of a layer: float32, or float64 if it computes in that."""
    dtype: str = keras.backend.result_type(layer.compute_dtype, "float32")
    return dtype


@keras.saving.register_keras_serializable("agentlab")
class Recurrent(keras.layers.Layer):  # type: ignore[misc]
    """A recurrent layer in one direction.

    Weights: ``kernel [inputs, gates * units]``, ``recurrent_kernel [units, gates * units]``,
    ``bias [gates * units]`` and, for some cells, ``extra [rows, units]``: the peephole weights, or
    the recurrent biases of the GRU. They are initialized as in Keras: Glorot uniform, orthogonal,
    zeros, and ones for the bias of the forget gate.

    Args:
        cell: ``simple``, ``lstm``, ``peephole`` or ``gru``.
        units: units of the layer.
        backwards: whether to run from the last step to the first.
        seed: seed of the initial weights.

    >>> layer = Recurrent("gru", 8)
    >>> layer.build((None, 3))
    >>> outputs, state = layer.call(tf.zeros((5, 2, 3)), (tf.zeros((2, 8)),))
    >>> outputs.shape, state[0].shape
    (TensorShape([5, 2, 8]), TensorShape([2, 8]))
    """

    def __init__(
        self,
        cell: str,
        units: int,
        backwards: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cell, self.units, self.backwards, self.seed = cell, units, backwards, seed
        self._cell = CELLS[cell]

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights for inputs ``[..., features]``."""
        seeds = [None if self.seed is None else self.seed + i for i in range(2)]
        cell, width = self._cell, self._cell.gates * self.units
        self.kernel = self.add_weight(
            (input_shape[-1], width), keras.initializers.GlorotUniform(seeds[0]), name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, width),
            keras.initializers.Orthogonal(seed=seeds[1]),
            name="recurrent_kernel",
        )
        bias = [0.0, 1.0, 0.0, 0.0] if self.cell in ("lstm", "peephole") else [0.0] * cell.gates
        self.bias = self.add_weight(
            (width,), lambda _, dtype: tf.cast(tf.repeat(bias, self.units), dtype), name="bias"
        )
        self.extra = None
        if cell.extra:
            self.extra = self.add_weight((cell.extra, self.units), "zeros", name="extra")
        self.built = True

    def call(
        self, inputs: Any, state: tuple[Any, ...], keep: Any = None, mask: Any = None
    ) -> tuple[Any, tuple[Any, ...]]:
        """Run over time; see ``recurrence.recur``.

        Args:
            inputs: time-major, ``[time, batch, features]``.
            state: the initial state, ``states`` tensors ``[batch, units]``.
            keep: float32 ``[time, batch, 1]``, 0 where the state is reset before the step, else 1.
            mask: bool ``[time, batch, 1]``, false where the step leaves the state unchanged.

        Returns:
            Outputs ``[time, batch, units]`` and the final state.
        """
        steps, batch = tf.unstack(tf.shape(inputs)[:2])
        flat = tf.reshape(tf.cast(inputs, self.compute_dtype), (-1, self.kernel.shape[0]))
        x = tf.nn.bias_add(flat @ tf.cast(self.kernel, flat.dtype), tf.cast(self.bias, flat.dtype))
        x = tf.reshape(x, (steps, batch, x.shape[-1]))  # [time, batch, gates * units]
        x.set_shape((*inputs.shape[:2], None))
        if self.backwards:
            x, mask = x[::-1], None if mask is None else mask[::-1]
        exact = state_dtype(self)
        extra = tf.zeros((0, self.units), exact) if self.extra is None else self.extra
        kernel = tf.convert_to_tensor(self.recurrent_kernel)
        outputs, state = recur(
            self._cell,
            x,
            tf.cast(kernel, exact),
            tf.cast(extra, exact),
            state,
            keep,
            mask,
        )
        return (outputs[::-1] if self.backwards else outputs), state

    @property
    def states(self) -> int:
        """Number of tensors ``[batch, units]`` in the state."""
        return self._cell.states

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "cell": self.cell,
            "units": self.units,
            "backwards": self.backwards,
            "seed": self.seed,
        }
