"""Recurrent sequence-to-sequence networks, with or without attention."""

from __future__ import annotations

from typing import Any, Literal

import keras
import tensorflow as tf

from agentlab.errors import InvalidArgument
from agentlab.nets.attention import BahdanauAttention, LuongAttention
from agentlab.nets.decoding import State
from agentlab.nets.image_torso import layer_seed
from agentlab.nets.rnn import RNN


@keras.saving.register_keras_serializable("agentlab")
class Seq2Seq(keras.Model):  # type: ignore[misc]
    """A recurrent encoder and a recurrent decoder, which may attend to the encoder's outputs.

    - ``none`` (Sutskever et al. 2014): the initial state of the decoder is a dense layer with tanh
      of the final states of the encoder.
    - ``luong`` (Luong et al. 2015, section 3.1, without input feeding): also attends with the new
      state of the decoder; the logits are computed from the attentional vector ``tanh(W [context;
      state])``.
    - ``bahdanau`` (Bahdanau et al. 2015): also attends with the previous state of the decoder; the
      context is part of the decoder's input, so that training is sequential.

    Id 0 is padding, at the end of sequences.

    Input: a pair of ``source_ids``, int32 ``[batch, source_time]``, and ``target_ids``, int32
    ``[batch, target_time]``, the tokens of the target beginning with the start token.
    Output: logits of the token after each target token, float32 ``[batch, target_time,
    target_vocabulary]``.

    Args:
        source_vocabulary: size of the source vocabulary, padding included.
        target_vocabulary: size of the target vocabulary, padding included.
        embedding: dimension of the embeddings.
        units: units of each layer; in a bidirectional encoder, of both directions together.
        layers: number of layers of the encoder, and of the decoder.
        cell: ``lstm``, ``gru``, ``peephole`` or ``simple``.
        attention: ``luong``, ``bahdanau`` or ``none``.
        bidirectional: whether the encoder is bidirectional.
        dropout: dropout rate of embeddings, of outputs and between layers.
        shared: whether source and target share an embedding, and so their vocabulary.
        tied: whether the kernel of the logits is the target embedding (Press & Wolf 2017). The
            attentional vector then has its dimension, otherwise ``units``.
        seed: seed of initial weights and dropout.

    Raises:
        InvalidArgument: for an unknown cell or attention, an odd number of units of a bidirectional
            encoder, or shared vocabularies of different sizes.

    >>> translator = Seq2Seq(50, 60, embedding=8, units=8)
    >>> translator((tf.ones((2, 7), tf.int32), tf.ones((2, 5), tf.int32))).shape
    TensorShape([2, 5, 60])
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
            raise InvalidArgument(f"attention={attention!r} must be luong, bahdanau or none")
        if bidirectional and units % 2:
            raise InvalidArgument(f"units={units} must be even with bidirectional=True")
        if shared and source_vocabulary != target_vocabulary:
            raise InvalidArgument(
                f"source_vocabulary={source_vocabulary} and target_vocabulary={target_vocabulary} "
                "must be equal with shared=True"
            )
        self.source_vocabulary, self.target_vocabulary = source_vocabulary, target_vocabulary
        self.embedding, self.units, self.depth, self.cell = embedding, units, layers, cell
        self.attention_kind, self.bidirectional, self.rate = attention, bidirectional, dropout
        self.shared, self.tied, self.seed = shared, tied, seed
        policy = self.dtype_policy

        self.encoder = RNN(
            cell,
            (units // 2 if bidirectional else units,) * layers,
            bidirectional,
            return_sequences=True,
            vocabulary=source_vocabulary,
            embedding=embedding,
            dropout=dropout,
            mask_zero=True,
            seed=layer_seed(seed, 100),
            dtype=policy,
            name="encoder",
        )
        self.decoder = RNN(
            cell,
            (units,) * layers,
            dropout=dropout,
            seed=layer_seed(seed, 1000),
            dtype=policy,
            name="decoder",
        )
        self.attend: Any = None
        if attention == "luong":
            self.attend = LuongAttention(seed=layer_seed(seed, 1), dtype=policy, name="attention")
        elif attention == "bahdanau":
            self.attend = BahdanauAttention(
                units, seed=layer_seed(seed, 1), dtype=policy, name="attention"
            )

        def dense(width: int, shift: int, name: str) -> keras.layers.Dense:
            kernel = keras.initializers.GlorotUniform(layer_seed(seed, shift))
            return keras.layers.Dense(
                width, "tanh", kernel_initializer=kernel, name=name, dtype=policy
            )

        states = sum(recurrent.states for (recurrent,) in self.decoder.recurrents)
        self.bridge = dense(units * states, 10, "bridge")
        self.attentional = dense(embedding if tied else units, 11, "attentional")
        self.dropouts = [
            keras.layers.Dropout(
                dropout, seed=layer_seed(seed, 20 + i), name=f"dropout_{i}", dtype=policy
            )
            for i in range(3)
        ]

    def build(self, input_shape: Any) -> None:
        """Create the weights, which do not depend on ``input_shape``, a pair of shapes."""
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
        """Return the attention weights of each target token on the source.

        Returns:
            float32 ``[batch, target_time, source_time]``; zeros if ``attention`` is ``none``.
        """
        source_ids, target_ids = inputs
        return self._decode(target_ids, self.encode(source_ids))[2]

    def encode(self, source_ids: Any, training: bool = False) -> State:
        """Encode sources, int32 ``[batch, source_time]``.

        Returns:
            The state of the decoder: mask, keys and values as its memory, and its initial state.
        """
        values = self.encoder(source_ids, training=training)  # [batch, source_time, units]
        last = values[:, -1]  # padding does not change it after the last token
        if self.bidirectional:
            half = self.units // 2
            last = tf.concat([last[:, :half], values[:, 0, half:]], axis=-1)
        states = tf.split(self.bridge(last), self.bridge.units // self.units, axis=-1)
        values = self.dropouts[0](values, training=training)
        keys = values if self.attend is None else self.attend.keys(values)
        return State((source_ids != 0, keys, values), [tf.cast(s, tf.float32) for s in states])

    def step(self, token_ids: Any, state: State) -> tuple[Any, State, Any]:
        """Process the newest tokens; see ``agentlab.nets.decoding.SequenceNet``."""
        logits, state, weights = self._decode(token_ids[:, None], state)
        return logits[:, 0], state, weights[:, 0]

    def _decode(self, ids: Any, state: State, training: bool = False) -> tuple[Any, State, Any]:
        """Process further tokens ``[batch, time]``; return logits, state and attention weights."""
        mask, keys, values = state.memory
        embedded = tf.cast(tf.gather(self.target_embedding, ids), self.compute_dtype)
        embedded = self.dropouts[1](embedded, training=training)  # [batch, time, embedding]
        if self.attention_kind == "bahdanau":
            outputs, context, weights, cache = self._run_with_context(embedded, state, training)
        else:
            outputs, cache = self.decoder.run(embedded, state.cache, training=training)
        if self.attention_kind == "luong":
            context, weights = self.attend(outputs, keys, values, mask)
        if self.attend is None:
            weights = tf.zeros((*tf.unstack(tf.shape(ids)), tf.shape(mask)[1]))
        else:
            outputs = tf.concat([context, outputs], axis=-1)  # [batch, time, 2 units]
        vector = self.dropouts[2](self.attentional(outputs), training=training)
        kernel = tf.cast(self.output_embedding, vector.dtype)  # [target_vocabulary, n]
        flat = tf.reshape(vector, (-1, kernel.shape[1]))  # [batch * time, n]
        logits = tf.cast(tf.matmul(flat, kernel, transpose_b=True), tf.float32)
        logits += tf.cast(self.output_bias, tf.float32)
        shape = (tf.shape(ids)[0], tf.shape(ids)[1], self.target_vocabulary)
        weights = tf.cast(weights, tf.float32)
        return tf.reshape(logits, shape), State(state.memory, cache), weights

    def _run_with_context(
        self, embedded: Any, state: State, training: bool
    ) -> tuple[Any, Any, Any, Any]:
        """Run the decoder token by token, feeding it the context of its previous state.

        Returns:
            The decoder's outputs, contexts and attention weights of all tokens, ``[batch, time,
            ...]``, and its final state.
        """
        mask, keys, values = state.memory
        time = tf.shape(embedded)[1]
        top = -self.decoder.recurrents[-1][0].states  # index of the last layer's output

        def run_one(token: Any, cache: Any) -> tuple[Any, Any, Any, Any]:
            query = tf.cast(cache[top], embedded.dtype)[:, None]  # [batch, 1, units]
            context, weights = self.attend(query, keys, values, mask)
            fed = tf.concat([token, context], axis=-1)
            output, cache = self.decoder.run(fed, cache, training=training)
            return output, context, weights, cache

        if embedded.shape[1] == 1:
            return run_one(embedded, state.cache)

        def advance(t: Any, cache: Any, results: Any) -> Any:
            *step, cache = run_one(embedded[:, t : t + 1], cache)
            results = [array.write(t, x[:, 0]) for array, x in zip(results, step, strict=True)]
            return t + 1, cache, results

        arrays = [tf.TensorArray(embedded.dtype, time) for _ in range(3)]
        start = (tf.constant(0), state.cache, arrays)
        _, cache, results = tf.while_loop(lambda t, *_: t < time, advance, start)
        outputs, context, weights = (tf.transpose(a.stack(), (1, 0, 2)) for a in results)
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
