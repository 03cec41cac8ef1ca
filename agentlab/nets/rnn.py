"""Recurrent torsos: simple, LSTM, peephole LSTM and GRU, in one or both directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.config import did_you_mean
from agentlab.errors import AgentlabError
from agentlab.nets.recurrence import CELLS, recur


def state_dtype(layer: Any) -> str:
    """Return the dtype of what a layer remembers: float32, or float64 where it computes in that."""
    dtype: str = keras.backend.result_type(layer.compute_dtype, "float32")
    return dtype


@keras.saving.register_keras_serializable("agentlab")
class Recurrent(keras.layers.Layer):  # type: ignore[misc]
    """One layer of recurrent cells in one direction.

    Weights: ``kernel [inputs, gates * units]``, ``recurrent_kernel [units, gates * units]``,
    ``bias [gates * units]`` and, where the cell has some, ``extra [rows, units]``: the peepholes,
    or the GRU's recurrent biases. Values start as in Keras: Glorot uniform, orthogonal, zeros, and
    ones for the forget gate's bias.

    Args:
        cell: ``simple``, ``lstm``, ``peephole`` or ``gru``.
        units: units of the layer.
        backwards: whether it runs from the last step to the first.
        seed: of the initial weights.
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
        """Make the weights for inputs ``[..., features]``."""
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
        """Run over time-major ``inputs [time, batch, features]``; see ``recurrence.recur``."""
        steps, batch = tf.unstack(tf.shape(inputs)[:2])
        flat = tf.reshape(tf.cast(inputs, self.compute_dtype), (-1, self.kernel.shape[0]))
        x = tf.nn.bias_add(flat @ tf.cast(self.kernel, flat.dtype), tf.cast(self.bias, flat.dtype))
        x = tf.reshape(x, (steps, batch, x.shape[-1]))
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
        """How many tensors ``[batch, units]`` the state has."""
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


@keras.saving.register_keras_serializable("agentlab")
class RNN(keras.Model):  # type: ignore[misc]
    """Recurrent layers on one another: a torso for sequences.

    Input shape: numbers ``[batch, time, features]``; with ``vocabulary`` ids, int
    ``[batch, time]``; with ``repeat`` numbers ``[batch, features]``.
    Output shape: the last step's ``[batch, features]``, or with ``return_sequences`` every step's
    ``[batch, time, features]``; of the compute dtype (float32 if nothing else is asked).

    One input to one output is ``time`` 1; one to many ``repeat`` with ``return_sequences``; many to
    one the default; many to many ``return_sequences``.

    Args:
        cell: ``simple`` (Elman 1990), ``lstm`` (Hochreiter & Schmidhuber 1997), ``peephole``
            (Gers & Schmidhuber 2000) or ``gru`` (Cho et al. 2014).
        units: units of each layer.
        bidirectional: whether each layer also runs backwards; its outputs are put side by side.
        return_sequences: whether to return every step.
        vocabulary: how many ids there are; ``None`` for inputs that are numbers.
        embedding: numbers that stand for an id.
        dropout: fraction of each layer's inputs dropped in training (Zaremba et al. 2014); inputs
            that are numbers are never dropped.
        scale: what inputs that are numbers are divided by.
        mask_zero: whether the id 0 is padding that leaves the state, and so the output, as it was.
        repeat: how many times the one input is shown.
        seed: of the initial weights and the dropout.

    Raises:
        AgentlabError: for an unknown cell, no layers or a layer without units.
    """

    def __init__(
        self,
        cell: str = "lstm",
        units: Sequence[int] = (128,),
        bidirectional: bool = False,
        return_sequences: bool = False,
        vocabulary: int | None = None,
        embedding: int = 64,
        dropout: float = 0.0,
        scale: float = 1.0,
        mask_zero: bool = False,
        repeat: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if cell not in CELLS:
            hint = did_you_mean(cell, CELLS) or f"; there are {', '.join(CELLS)}"
            raise AgentlabError(f"cell={cell!r} is unknown{hint}")
        if not units:
            raise AgentlabError("units=() is empty; give the units of at least one layer")
        if min(units) < 1:
            raise AgentlabError(f"units={tuple(units)} must all be 1 or more")
        self.cell, self.units, self.bidirectional = cell, tuple(units), bidirectional
        self.return_sequences, self.repeat = return_sequences, repeat
        self.vocabulary, self.embedding, self.mask_zero = vocabulary, embedding, mask_zero
        self.dropout, self.scale, self.seed = dropout, scale, seed

        def own(i: int) -> int | None:
            return None if seed is None else seed + i

        self.embed = None
        if vocabulary is not None:
            self.embed = keras.layers.Embedding(
                vocabulary,
                embedding,
                keras.initializers.RandomNormal(stddev=0.125, seed=own(1)),
                dtype=self.dtype_policy,
                name="embedding",
            )
        directions = (False, True) if bidirectional else (False,)
        self.recurrents = [
            [
                Recurrent(
                    cell,
                    width,
                    backwards,
                    own(10 * (i + 1) + 5 * backwards),
                    dtype=self.dtype_policy,
                    name=f"{cell}_{i}{'_backwards' * backwards}",
                )
                for backwards in directions
            ]
            for i, width in enumerate(self.units)
        ]
        self.dropouts = [
            keras.layers.Dropout(dropout, seed=own(10 * (i + 1) + 9), name=f"dropout_{i}")
            for i in range(len(self.units))
        ]

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights for inputs of ``input_shape`` (the batch first)."""
        width = input_shape[-1]
        if self.embed is not None:
            self.embed.build(tuple(input_shape))
            width = self.embedding
        for layer in self.recurrents:
            for recurrent in layer:
                recurrent.build((None, None, width))
            width = sum(recurrent.units for recurrent in layer)
        self.features = width
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the features of ``inputs`` from a state of zeros."""
        outputs, _ = self._run(inputs, None, None, training)
        if self.return_sequences:
            return tf.transpose(outputs, (1, 0, 2))
        if not self.bidirectional:
            return outputs[-1]
        # A backward layer has seen everything at the first step.
        forwards, backwards = tf.split(outputs, 2, axis=-1)
        return tf.concat([forwards[-1], backwards[0]], axis=-1)

    def initial_state(self, batch: Any) -> list[Any]:
        """Return the state at the start: zeros, float32 ``[batch, units]``, layer by layer.

        An LSTM's layer has two tensors, the output ``h`` and the memory ``c``, others have one.
        """
        layers = [recurrent for layer in self.recurrents for recurrent in layer]
        return [
            tf.zeros((batch, layer.units), state_dtype(layer))
            for layer in layers
            for _ in range(layer.states)
        ]

    def run(
        self, inputs: Any, state: Sequence[Any], resets: Any = None, training: bool = False
    ) -> tuple[Any, list[Any]]:
        """Go on from a state: pieces of a sequence one after another give what the whole gives.

        Args:
            inputs: as for ``call``.
            state: what ``initial_state`` or the last ``run`` returned.
            resets: bool ``[batch, time]``, true where the state is zeroed before the step.
            training: whether to drop.

        Returns:
            The features of every step, ``[batch, time, features]``, and the new state.

        Raises:
            AgentlabError: for a bidirectional net, which has to see the whole sequence.
        """
        if self.bidirectional:
            raise AgentlabError(
                "bidirectional=True cannot go on from a state: it has to see the whole sequence"
            )
        outputs, state = self._run(inputs, list(state), resets, training)
        return tf.transpose(outputs, (1, 0, 2)), state

    def _run(
        self, inputs: Any, state: list[Any] | None, resets: Any, training: bool
    ) -> tuple[Any, list[Any]]:
        """Return time-major outputs of the last layer and the states after the last step."""
        mask = keep = None
        if self.embed is not None:
            ids = tf.transpose(inputs)
            mask = tf.not_equal(ids, 0)[..., None] if self.mask_zero else None
            features = tf.gather(tf.convert_to_tensor(self.embed.embeddings), ids)
        else:
            features = tf.cast(inputs, self.compute_dtype) / self.scale
            if self.repeat is None:
                features = tf.transpose(features, (1, 0, 2))
            else:
                features = tf.repeat(features[None], self.repeat, axis=0)
        if resets is not None:
            keep = 1.0 - tf.cast(tf.transpose(resets), state_dtype(self))[..., None]
        state = self.initial_state(tf.shape(features)[1]) if state is None else state
        new_state: list[Any] = []
        for i, (layer, dropout) in enumerate(zip(self.recurrents, self.dropouts, strict=True)):
            if self.dropout and training and (i or self.embed is not None):
                features = dropout(features, training=True)
            outputs = []
            for recurrent in layer:
                own, state = tuple(state[: recurrent.states]), state[recurrent.states :]
                output, new = recurrent.call(features, own, keep, mask)
                outputs.append(output)
                new_state += new
            features = outputs[0] if len(outputs) == 1 else tf.concat(outputs, axis=-1)
        return features, new_state

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "cell": self.cell,
            "units": self.units,
            "bidirectional": self.bidirectional,
            "return_sequences": self.return_sequences,
            "vocabulary": self.vocabulary,
            "embedding": self.embedding,
            "dropout": self.dropout,
            "scale": self.scale,
            "mask_zero": self.mask_zero,
            "repeat": self.repeat,
            "seed": self.seed,
        }
