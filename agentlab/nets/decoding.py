"""Decoding: greedy search, sampling and beam search with a network that predicts the next token.

``greedy``, ``sample`` and ``beam_search`` are functions of tensors; ``compiled`` wraps one of them
in a ``tf.function`` that is traced once. ``scored_greedy`` can be exported. Token id 0 is padding,
1 starts a sequence and 2 ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

from agentlab.lazy import LazyModule, keras, tf

inference: Any = LazyModule("agentlab.nets.inference")
recurrence: Any = LazyModule("agentlab.nets.recurrence")

PADDING, START, END = 0, 1, 2
NEVER = -1e9  # log-probability of impossible tokens


class State(NamedTuple):
    """The state of a decoder; both fields are nested structures of tensors ``[batch, ...]``.

    Attributes:
        memory: the encoded source, which is constant.
        cache: the part that each token changes; axes between the first and the last may grow.
    """

    memory: Any
    cache: Any


class SequenceNet(Protocol):
    """A network that predicts the next token of a target from a source and the tokens so far."""

    def encode(self, source_ids: Any) -> State:
        """Encode sources, int32 ``[batch, source_time]``."""

    def step(self, token_ids: Any, state: State) -> tuple[Any, State, Any]:
        """Process the newest tokens, int32 ``[batch]``.

        Returns:
            Logits of the next tokens, float32 ``[batch, vocabulary]``; the new state; attention
            weights ``[batch, source_time]``.
        """


def draw(logits: Any, seed: Any, temperature: float = 1.0, top_k: int | None = None) -> Any:
    """Sample tokens from their logits.

    Args:
        logits: float32 ``[batch, vocabulary]``.
        seed: seed of the random numbers, int32 ``[2]``.
        temperature: divisor of the logits: below 1 favors likely tokens, above 1 diversity.
        top_k: number of most likely tokens to sample from (Fan et al. 2018); ``None`` for all.

    Returns:
        Token ids, int32 ``[batch]``.

    >>> draw(tf.constant([[0.0, 9.0, 0.0]]), seed=[0, 1], top_k=1).numpy()
    array([1], dtype=int32)
    """
    if top_k is None:
        return tf.random.stateless_categorical(logits / temperature, 1, seed, tf.int32)[:, 0]
    best, tokens = tf.math.top_k(logits, top_k)
    chosen = tf.random.stateless_categorical(best / temperature, 1, seed, tf.int32)
    return tf.gather(tokens, chosen, batch_dims=1)[:, 0]


def sample(
    net: SequenceNet,
    source_ids: Any,
    limit: Any,
    seed: Any,
    temperature: float = 1.0,
    top_k: int | None = None,
) -> Any:
    """Sample a target for each source; arguments as of ``draw`` and ``greedy``."""

    def choose(logits: Any, time: Any) -> Any:
        return draw(logits, seed + tf.stack([0, time]), temperature, top_k)

    return _decode(net, source_ids, limit, choose)


def greedy(net: SequenceNet, source_ids: Any, limit: Any) -> Any:
    """Decode greedily: always take the most likely token.

    Args:
        net: the network that predicts tokens.
        source_ids: int32 ``[batch, source_time]``.
        limit: maximum length of a target, the end token included; may be a tensor.

    Returns:
        Token ids, int32 ``[batch, time]``: up to the end token in each row, followed by padding.
    """
    return _decode(net, source_ids, limit, lambda logits, time: tf.argmax(logits, 1, tf.int32))


def _decode(net: SequenceNet, source_ids: Any, limit: Any, choose: Any) -> Any:
    """Choose tokens one after another until all rows have ended."""
    rows = tf.shape(source_ids)[0]

    def not_done(time: Any, ended: Any, *rest: Any) -> Any:
        return (time < limit) & ~tf.reduce_all(ended)

    def advance(time: Any, ended: Any, tokens: Any, cache: Any, written: Any) -> Any:
        logits, (_, cache), _ = net.step(tokens, State(memory, cache))
        tokens = tf.where(ended, PADDING, choose(logits, time))
        written = tf.concat([written, tokens[:, None]], axis=1)
        return time + 1, ended | (tokens == END), tokens, cache, written

    memory, cache = net.encode(source_ids)
    start = (tf.constant(0), tf.zeros(rows, tf.bool), tf.fill([rows], START), cache)
    written = tf.zeros((rows, 0), tf.int32)
    shapes = (*(x.shape for x in start[:3]), _growing(cache), tf.TensorShape([None, None]))
    return tf.while_loop(not_done, advance, (*start, written), shapes)[-1]


class Scored(NamedTuple):
    """A target for each source.

    Attributes:
        tokens: int32 ``[batch, time]``: up to the end token in each row, followed by padding.
        log_probabilities: the sum over the tokens, float32 ``[batch]``.
    """

    tokens: Any
    log_probabilities: Any


def scored_greedy(net: SequenceNet, source_ids: Any) -> Scored:
    """Decode greedily, up to as many tokens as the sources have.

    If that number is static, there is no loop: runtimes of exported networks may not support loops.

    Args:
        net: the network that predicts tokens.
        source_ids: int32 ``[batch, time]``.

    Raises:
        AgentlabError: within ``agentlab.nets.recurrence.unrolled``, if it is not static.
    """
    rows, time = tf.shape(source_ids)[0], source_ids.shape[1]
    recurrence.check_steps(time)

    def advance(ended: Any, newest: Any, cache: Any, scores: Any) -> Any:
        logits, (_, cache), _ = net.step(newest, State(memory, cache))
        likely = tf.reduce_max(tf.nn.log_softmax(logits), axis=1)  # [batch]
        tokens = tf.where(ended, PADDING, tf.argmax(logits, 1, tf.int32))
        scores += tf.where(ended, 0.0, likely)
        return ended | (tokens == END), tokens, cache, scores

    def body(step: Any, written: Any, *state: Any) -> Any:
        ended, tokens, *rest = advance(*state)
        return step + 1, tf.concat([written, tokens[:, None]], axis=1), ended, tokens, *rest

    memory, cache = net.encode(source_ids)
    state = (tf.zeros(rows, tf.bool), tf.fill([rows], START), cache, tf.zeros(rows))
    if time is not None:
        columns = []
        for _ in range(time):
            state = advance(*state)
            columns.append(state[1])
        return Scored(tf.stack(columns, axis=1), state[-1])
    limit = tf.shape(source_ids)[1]
    start = (tf.constant(0), tf.zeros((rows, 0), tf.int32), *state)
    shapes = (start[0].shape, tf.TensorShape([None, None]), *(x.shape for x in state[:2]))
    shapes = (*shapes, _growing(cache), state[-1].shape)
    _, tokens, *_, scores = tf.while_loop(lambda step, *_: step < limit, body, start, shapes)
    return Scored(tokens, scores)


def greedy_model(net: SequenceNet) -> Any:
    """Return a Keras model from ids ``[n, time]`` to greedy translations, which can be exported.

    The ids, int32, are tokens of the source with the end token, followed by padding. The outputs
    are ``tokens``, int32 ``[n, time]``, and ``log_probabilities``, float32 ``[n]``; see ``Scored``.

    Args:
        net: a Keras model that predicts tokens.
    """
    ids = keras.Input((None,), dtype="int32", name="ids")
    return inference.inference_model(net, ids, lambda ids: scored_greedy(net, ids)._asdict())


class Beam(NamedTuple):
    """The targets found for each source, best first.

    Attributes:
        tokens: int32 ``[batch, beam, time]``, each with its end token, followed by padding.
        scores: log-probabilities divided by length penalties, float32 ``[batch, beam]``.
    """

    tokens: Any
    scores: Any


def beam_search(
    net: SequenceNet, source_ids: Any, limit: Any, beam: int = 5, alpha: float = 0.6
) -> Beam:
    """Decode with beam search, which keeps the ``beam`` most likely hypotheses at each step.

    A complete target ``Y`` has the score ``log P(Y) / lp(Y)`` with ``lp(Y) = ((5 + |Y|) / 6) **
    alpha`` (Wu et al. 2016, equation 14, without coverage), where ``|Y|`` includes the end token.
    The search stops when no hypothesis can lead to a better target than the best one found.

    Args:
        net: the network that predicts tokens.
        source_ids: int32 ``[batch, source_time]``.
        limit: maximum length of a target, the end token included; may be a tensor.
        beam: number of hypotheses.
        alpha: exponent of the length penalty: 0 favors short targets; 1 is close to the mean
            log-probability of the tokens.
    """
    rows = tf.shape(source_ids)[0]

    def penalty(length: Any) -> Any:
        return ((5 + tf.cast(length, tf.float32)) / 6) ** alpha

    def not_done(time: Any, scores: Any, alive: Any, cache: Any, best: Any, found: Any) -> Any:
        # Log-probabilities only decrease, so this is an upper bound on future scores.
        bound = scores[:, 0] / penalty(limit)  # [batch]
        return (time < limit) & tf.reduce_any(bound > best[:, 0])

    def advance(time: Any, scores: Any, alive: Any, cache: Any, best: Any, found: Any) -> Any:
        newest = tf.reshape(alive[:, :, -1], [-1])  # [batch * beam]
        logits, (_, cache), _ = net.step(newest, State(memory, cache))
        scores -= tf.reshape(tf.reduce_logsumexp(logits, axis=1), (rows, beam))

        # Each hypothesis may end here; keep the best of these and of the targets found before.
        ends = (scores + tf.reshape(logits[:, END], (rows, beam))) / penalty(time + 1)
        ended = tf.concat([alive, tf.fill((rows, beam, 1), END)], axis=2)
        found = tf.concat([tf.pad(found, ((0, 0), (0, 0), (0, 1))), ended], axis=1)
        best, indices = tf.math.top_k(tf.concat([best, ends], axis=1), beam)
        found = tf.gather(found, indices, batch_dims=1)

        # The best continuations are among the most likely tokens of each hypothesis.
        k = tf.minimum(beam + 1, tf.shape(logits)[1])
        likely, tokens = tf.math.top_k(logits, k)  # [batch * beam, k]
        likely = tf.where(tokens == END, NEVER, likely)
        scores = scores[:, :, None] + tf.reshape(likely, (rows, beam, k))
        scores, indices = tf.math.top_k(tf.reshape(scores, (rows, -1)), beam)
        tokens = tf.gather(tf.reshape(tokens, (rows, -1)), indices, batch_dims=1)
        alive = tf.gather(alive, indices // k, batch_dims=1)
        alive = tf.concat([alive, tokens[:, :, None]], axis=2)
        parents = tf.reshape(indices // k + beam * tf.range(rows)[:, None], [-1])
        cache = tf.nest.map_structure(lambda x: tf.gather(x, parents), cache)
        return time + 1, scores, alive, cache, best, found

    encoded = net.encode(source_ids)
    memory, cache = tf.nest.map_structure(lambda x: tf.repeat(x, beam, axis=0), encoded)
    # All hypotheses are equal at first, so only one of them counts.
    scores = tf.tile([[0.0] + [NEVER] * (beam - 1)], (rows, 1))
    alive, found = tf.fill((rows, beam, 1), START), tf.fill((rows, beam, 1), PADDING)
    best = tf.fill((rows, beam), NEVER)
    start = (tf.constant(0), scores, alive, cache, best, found)
    written = tf.TensorShape([None, beam, None])
    shapes = (start[0].shape, scores.shape, written, _growing(cache), best.shape, written)
    *_, best, found = tf.while_loop(not_done, advance, start, shapes)
    return Beam(tokens=found[:, :, 1:], scores=best)


def _growing(cache: Any) -> Any:
    """Return the shape invariants of ``cache``, whose inner axes may grow."""

    def shape(x: Any) -> Any:
        return tf.TensorShape([None] * (len(x.shape) - 1) + [x.shape[-1]])

    return tf.nest.map_structure(shape, cache)


def compiled(search: Callable[..., Any], net: SequenceNet, **arguments: Any) -> Any:
    """Compile ``search`` to a function that is traced once for all shapes.

    Args:
        search: ``greedy``, ``sample`` or ``beam_search``.
        net: the network that predicts tokens.
        arguments: arguments of ``search``, such as ``beam=5``.

    Returns:
        A function of ``source_ids`` (int32 ``[batch, source_time]``), ``limit`` (int32) and, of
        ``sample``, ``seed`` (int32 ``[2]``).
    """
    signature = [tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((), tf.int32)]
    if search is sample:
        signature.append(tf.TensorSpec((2,), tf.int32))
    return tf.function(partial(search, net, **arguments), input_signature=signature)
