"""Recurrent torsos: simple RNN, LSTM, peephole LSTM and GRU, optionally bidirectional."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.config import did_you_mean
from agentlab.errors import InvalidArgument
from agentlab.nets.image_torso import layer_seed
from agentlab.nets.recurrence import CELLS
from agentlab.nets.recurrent_layer import Recurrent, state_dtype


@keras.saving.register_keras_serializable("agentlab")
class RNN(keras.Model):  # type: ignore[misc]
    """A torso for sequences: stacked recurrent layers.

    Input shape: numbers ``[batch, time, features]``; token ids ``[batch, time]`` with
    ``vocabulary``; numbers ``[batch, features]`` with ``repeat``.
    Output shape: the last step ``[batch, features]``, or with ``return_sequences`` all steps
    ``[batch, time, features]``, in the compute dtype, float32 by default.

    The default is many to one; ``return_sequences`` makes it many to many, and with ``repeat`` one
    to many.

    Args:
        cell: ``simple`` (Elman 1990), ``lstm`` (Hochreiter & Schmidhuber 1997), ``peephole``
            (Gers & Schmidhuber 2000) or ``gru`` (Cho et al. 2014).
        units: units of each layer.
        bidirectional: whether each layer also runs backwards; the outputs are concatenated.
        return_sequences: whether to return all steps instead of the last.
        vocabulary: size of the vocabulary of token ids; ``None`` for inputs that are numbers.
        embedding: dimension of the embedding of token ids.
        dropout: dropout rate of the inputs of each layer (Zaremba et al. 2014), except of inputs
            that are numbers.
        scale: divisor of inputs that are numbers.
        mask_zero: whether token id 0 is padding, which leaves the state and the output unchanged.
        repeat: number of steps for which a single input is repeated.
        seed: seed of initial weights and dropout.

    Raises:
        InvalidArgument: for an unknown cell, no layers, or a layer without units.

    >>> RNN("gru", (16,))(tf.zeros((2, 10, 3))).shape
    TensorShape([2, 16])
    >>> RNN("lstm", (16,), return_sequences=True, vocabulary=50)(tf.ones((2, 10), tf.int32)).shape
    TensorShape([2, 10, 16])
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
            raise InvalidArgument(f"cell={cell!r} is unknown{hint}")
        if not units:
            raise InvalidArgument("units=() is empty; give the units of at least one layer")
        if min(units) < 1:
            raise InvalidArgument(f"units={tuple(units)} must all be 1 or more")
        self.cell, self.units, self.bidirectional = cell, tuple(units), bidirectional
        self.return_sequences, self.repeat = return_sequences, repeat
        self.vocabulary, self.embedding, self.mask_zero = vocabulary, embedding, mask_zero
        self.dropout, self.scale, self.seed = dropout, scale, seed

        self.embed = None
        if vocabulary is not None:
            self.embed = keras.layers.Embedding(
                vocabulary,
                embedding,
                keras.initializers.RandomNormal(stddev=0.125, seed=layer_seed(seed, 1)),
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
                    layer_seed(seed, 10 * (i + 1) + 5 * backwards),
                    dtype=self.dtype_policy,
                    name=f"{cell}_{i}{'_backwards' * backwards}",
                )
                for backwards in directions
            ]
            for i, width in enumerate(self.units)
        ]
        self.dropouts = [
            keras.layers.Dropout(
                dropout, seed=layer_seed(seed, 10 * (i + 1) + 9), name=f"dropout_{i}"
            )
            for i in range(len(self.units))
        ]

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights for inputs of ``input_shape``, with the batch dimension."""
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
        """Return the features of ``inputs``, starting from a state of zeros."""
        outputs, _ = self._run(inputs, None, None, training)  # [time, batch, features]
        if self.return_sequences:
            return tf.transpose(outputs, (1, 0, 2))
        if not self.bidirectional:
            return outputs[-1]
        # The backward layer has processed the whole sequence at the first step.
        forwards, backwards = tf.split(outputs, 2, axis=-1)
        return tf.concat([forwards[-1], backwards[0]], axis=-1)

    def initial_state(self, batch: Any) -> list[Any]:
        """Return the initial state: zeros, float32 ``[batch, units]``, layer by layer.

        Layers of LSTMs have two tensors, the hidden state ``h`` and the cell state ``c``; others
        have one.
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
        """Run from a given state, so that a sequence can be processed in chunks.

        Args:
            inputs: as for ``call``.
            state: the state from ``initial_state`` or the last ``run``.
            resets: bool ``[batch, time]``, true where the state is reset before the step.
            training: whether to apply dropout.

        Returns:
            The features of all steps, ``[batch, time, features]``, and the new state.

        Raises:
            InvalidArgument: for a bidirectional network, which needs the whole sequence.
        """
        if self.bidirectional:
            raise InvalidArgument(
                "bidirectional=True cannot run from a given state: it needs the whole sequence"
            )
        outputs, state = self._run(inputs, list(state), resets, training)
        return tf.transpose(outputs, (1, 0, 2)), state

    def _run(
        self, inputs: Any, state: list[Any] | None, resets: Any, training: bool
    ) -> tuple[Any, list[Any]]:
        """Return the time-major outputs of the last layer and the final state."""
        mask = keep = None
        if self.embed is not None:
            ids = tf.transpose(inputs)  # [time, batch]
            mask = tf.not_equal(ids, 0)[..., None] if self.mask_zero else None
            table = tf.convert_to_tensor(self.embed.embeddings)  # [vocabulary, embedding]
            features = tf.gather(table, ids)  # [time, batch, embedding]
        else:
            features = tf.cast(inputs, self.compute_dtype) / self.scale
            if self.repeat is None:
                features = tf.transpose(features, (1, 0, 2))  # [time, batch, features]
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
                layer_state, state = tuple(state[: recurrent.states]), state[recurrent.states :]
                output, new = recurrent.call(features, layer_state, keep, mask)
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
