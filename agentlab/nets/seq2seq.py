"""Recurrent nets from sequences to sequences, with or without attention."""

from __future__ import annotations

from typing import Any, Literal

import keras
import tensorflow as tf

from agentlab.errors import AgentlabError
from agentlab.nets.attention import BahdanauAttention, LuongAttention
from agentlab.nets.decoding import State
from agentlab.nets.rnn import RNN


@keras.saving.register_keras_serializable("agentlab")
class Seq2Seq(keras.Model):  # type: ignore[misc]
    """A recurrent encoder, and a recurrent decoder that may attend to all that it put out.

    - ``none`` (Sutskever et al. 2014): the decoder starts from a summary of the source, what the
      encoder has at the ends, through a dense layer with tanh.
    - ``luong`` (Luong et al. 2015, section 3.1, without input feeding): and attends with its
      newest state; the attentional vector ``tanh(W [context; state])`` gives the logits.
    - ``bahdanau`` (Bahdanau et al. 2015): and attends with its last state; the context is part of
      the decoder's next input too, so that training goes token by token.

    Id 0 is padding, to the right of each sequence.

    Input: a pair ``source_ids`` int32 ``[batch, source_time]`` and ``target_ids`` int32 ``[batch,
    target_time]``, the target's tokens from the start token on.
    Output: float32 logits ``[batch, target_time, target_vocabulary]`` of the token after each.

    Args:
        source_vocabulary: ids of the source, padding included.
        target_vocabulary: ids of the target.
        embedding: numbers that stand for an id.
        units: of each layer; of a bidirectional encoder, half of them run backwards.
        layers: of the encoder, and of the decoder.
        cell: ``lstm``, ``gru``, ``peephole`` or ``simple``.
        attention: one of the three.
        bidirectional: whether the encoder also runs backwards.
        dropout: share that training drops of embeddings, of outputs and between layers.
        shared: one embedding for both vocabularies, which are then the same.
        tied: the logits' kernel is the target embedding (Press & Wolf 2017), and the attentional
            vector as long as it; else that has ``units``.
        seed: of the initial weights and of dropout.

    Raises:
        AgentlabError: for an unknown cell, units that cannot be halved, or vocabularies that
            differ but are shared.
    """

    def __init__(
        self,
        source_vocabulary: int,
        target_vocabulary: int,
        embedding: int = 256,
        units: int = 256,
        layers: int = 1,
        cell: str = "gru",
        attention: Literal["luong", "bahdanau", "none"] = "luong",
        bidirectional: bool = True,
        dropout: float = 0.2,
        shared: bool = False,
        tied: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if attention not in ("luong", "bahdanau", "none"):
            raise AgentlabError(f"attention={attention!r} must be luong, bahdanau or none")
        if bidirectional and units % 2:
            raise AgentlabError(f"units={units} must be even where bidirectional=True")
        if shared and source_vocabulary != target_vocabulary:
            raise AgentlabError(
                f"source_vocabulary={source_vocabulary} and target_vocabulary={target_vocabulary} "
                "must be equal where shared=True"
            )
        self.source_vocabulary, self.target_vocabulary = source_vocabulary, target_vocabulary
        self.embedding, self.units, self.depth, self.cell = embedding, units, layers, cell
        self.attention_kind, self.bidirectional, self.rate = attention, bidirectional, dropout
        self.shared, self.tied, self.seed = shared, tied, seed
        policy = self.dtype_policy

        def own(shift: int) -> int | None:
            return None if seed is None else seed + shift

        self.encoder = RNN(
            cell,
            (units // 2 if bidirectional else units,) * layers,
            bidirectional,
            return_sequences=True,
            vocabulary=source_vocabulary,
            embedding=embedding,
            dropout=dropout,
            mask_zero=True,
            seed=own(100),
            dtype=policy,
            name="encoder",
        )
        self.decoder = RNN(
            cell, (units,) * layers, dropout=dropout, seed=own(1000), dtype=policy, name="decoder"
        )
        self.attend: Any = None
        if attention == "luong":
            self.attend = LuongAttention(seed=own(1), dtype=policy, name="attention")
        elif attention == "bahdanau":
            self.attend = BahdanauAttention(units, seed=own(1), dtype=policy, name="attention")

        def dense(width: int, shift: int, name: str) -> keras.layers.Dense:
            kernel = keras.initializers.GlorotUniform(own(shift))
            return keras.layers.Dense(
                width, "tanh", kernel_initializer=kernel, name=name, dtype=policy
            )

        states = sum(recurrent.states for (recurrent,) in self.decoder.recurrents)
        self.bridge = dense(units * states, 10, "bridge")
        self.attentional = dense(embedding if tied else units, 11, "attentional")
        self.dropouts = [
            keras.layers.Dropout(dropout, seed=own(20 + i), name=f"dropout_{i}", dtype=policy)
            for i in range(3)
        ]

    def build(self, input_shape: Any) -> None:
        """Make the weights; nothing of ``input_shape``, a pair of shapes, matters to them."""
        self.encoder.build((None, None))
        embedding: Any = self.encoder.embed
        self.target_embedding = embedding.embeddings
        if not self.shared:
            seed = None if self.seed is None else self.seed + 2
            self.target_embedding = self.add_weight(
                shape=(self.target_vocabulary, self.embedding),
                initializer=keras.initializers.RandomNormal(stddev=0.125, seed=seed),
                name="target_embedding",
            )
        units, context = self.units, 0 if self.attend is None else self.units
        feeding = units if self.attention_kind == "bahdanau" else 0
        self.decoder.build((None, None, self.embedding + feeding))
        if self.attend is not None:
            self.attend.build((None, None, units), (None, None, units))
        self.bridge.build((None, units))
        self.attentional.build((None, None, context + units))
        self.output_embedding = self.target_embedding
        if not self.tied:
            seed = None if self.seed is None else self.seed + 3
            self.output_embedding = self.add_weight(
                shape=(self.target_vocabulary, units),
                initializer=keras.initializers.GlorotUniform(seed),
                name="output_embedding",
            )
        self.output_bias = self.add_weight(
            shape=(self.target_vocabulary,), initializer="zeros", name="output_bias"
        )
        self.built = True

    def call(self, inputs: tuple[Any, Any], training: bool = False) -> Any:
        """Return float32 logits ``[batch, target_time, target_vocabulary]``."""
        source_ids, target_ids = inputs
        return self._decode(target_ids, self.encode(source_ids, training), training)[0]

    def attention(self, inputs: tuple[Any, Any]) -> Any:
        """Return how each target token attends to the source.

        Returns:
            float32 ``[batch, target_time, source_time]``; zeros where ``attention`` is ``none``.
        """
        source_ids, target_ids = inputs
        return self._decode(target_ids, self.encode(source_ids))[2]

    def encode(self, source_ids: Any, training: bool = False) -> State:
        """Take in sources, int32 ``[batch, source_time]``.

        Returns:
            The memory: its mask, keys and values; and the decoder's first state.
        """
        values = self.encoder(source_ids, training=training)
        last = values[:, -1]  # padding leaves it as it was at the last token
        if self.bidirectional:
            half = self.units // 2
            last = tf.concat([last[:, :half], values[:, 0, half:]], axis=-1)
        states = tf.split(self.bridge(last), self.bridge.units // self.units, axis=-1)
        values = self.dropouts[0](values, training=training)
        keys = values if self.attend is None else self.attend.keys(values)
        return State((source_ids != 0, keys, values), [tf.cast(s, tf.float32) for s in states])

    def step(self, token_ids: Any, state: State) -> tuple[Any, State, Any]:
        """Take in the newest tokens; see ``agentlab.nets.decoding.SequenceNet``."""
        logits, state, weights = self._decode(token_ids[:, None], state)
        return logits[:, 0], state, weights[:, 0]

    def _decode(self, ids: Any, state: State, training: bool = False) -> tuple[Any, State, Any]:
        """Take in any number of further tokens, ``[batch, time]``."""
        mask, keys, values = state.memory
        embedded = tf.cast(tf.gather(self.target_embedding, ids), self.compute_dtype)
        embedded = self.dropouts[1](embedded, training=training)
        if self.attention_kind == "bahdanau":
            outputs, context, weights, cache = self._feed(embedded, state, training)
        else:
            outputs, cache = self.decoder.run(embedded, state.cache, training=training)
        if self.attention_kind == "luong":
            context, weights = self.attend(outputs, keys, values, mask)
        if self.attend is None:
            weights = tf.zeros((*tf.unstack(tf.shape(ids)), tf.shape(mask)[1]))
        else:
            outputs = tf.concat([context, outputs], axis=-1)
        vector = self.dropouts[2](self.attentional(outputs), training=training)
        kernel = tf.cast(self.output_embedding, vector.dtype)
        flat = tf.reshape(vector, (-1, kernel.shape[1]))
        logits = tf.cast(tf.matmul(flat, kernel, transpose_b=True), tf.float32)
        logits += tf.cast(self.output_bias, tf.float32)
        shape = (tf.shape(ids)[0], tf.shape(ids)[1], self.target_vocabulary)
        weights = tf.cast(weights, tf.float32)
        return tf.reshape(logits, shape), State(state.memory, cache), weights

    def _feed(self, embedded: Any, state: State, training: bool) -> tuple[Any, Any, Any, Any]:
        """Go through ``embedded`` token by token, each with the context of the last state.

        Returns:
            The decoder's outputs, contexts and attention weights of all tokens, ``[batch, time,
            ...]``; and its last state.
        """
        mask, keys, values = state.memory
        time, above = tf.shape(embedded)[1], -self.decoder.recurrents[-1][0].states

        def advance(t: Any, cache: Any, written: Any) -> Any:
            query = tf.cast(cache[above], embedded.dtype)[:, None]
            context, weights = self.attend(query, keys, values, mask)
            fed = tf.concat([embedded[:, t : t + 1], context], axis=-1)
            output, cache = self.decoder.run(fed, cache, training=training)
            made = (output[:, 0], context[:, 0], weights[:, 0])
            written = [array.write(t, x) for array, x in zip(written, made, strict=True)]
            return t + 1, cache, written

        arrays = [tf.TensorArray(embedded.dtype, time) for _ in range(3)]
        start = (tf.constant(0), state.cache, arrays)
        _, cache, written = tf.while_loop(lambda t, *_: t < time, advance, start)
        outputs, context, weights = (tf.transpose(a.stack(), (1, 0, 2)) for a in written)
        return outputs, context, weights, cache

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "source_vocabulary": self.source_vocabulary,
            "target_vocabulary": self.target_vocabulary,
            "embedding": self.embedding,
            "units": self.units,
            "layers": self.depth,
            "cell": self.cell,
            "attention": self.attention_kind,
            "bidirectional": self.bidirectional,
            "dropout": self.rate,
            "shared": self.shared,
            "tied": self.tied,
            "seed": self.seed,
        }
