"""Decoding: how a sequence is made, token by token, from a net that predicts the next one.

``greedy``, ``sample`` and ``beam_search`` are functions of tensors; ``compiled`` makes one of them
a function that is traced once for all batches. Id 0 is padding, 1 starts a sequence and 2 ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

from agentlab.lazy import tf

PADDING, START, END = 0, 1, 2
NEVER = -1e9  # a log-probability that no token really has


class State(NamedTuple):
    """What decoding keeps from token to token; both are nested tensors ``[batch, ...]``.

    Attributes:
        memory: what stays: the encoded source.
        cache: what each token changes; an axis between the first and the last may grow.
    """

    memory: Any
    cache: Any


class SequenceNet(Protocol):
    """A net that predicts the next token of a target from its source and its earlier tokens."""

    def encode(self, source_ids: Any) -> State:
        """Take in sources, int32 ``[batch, source_time]``."""

    def step(self, token_ids: Any, state: State) -> tuple[Any, State, Any]:
        """Take in the newest tokens, int32 ``[batch]``.

        Returns:
            Logits of the next ones, float32 ``[batch, vocabulary]``; the state with the tokens
            taken in; attention weights ``[batch, source_time]``.
        """


def draw(logits: Any, seed: Any, temperature: float = 1.0, top_k: int | None = None) -> Any:
    """Draw tokens by their probabilities.

    Args:
        logits: float32 ``[batch, vocabulary]``.
        seed: int32 ``[2]``; equal seeds draw equally.
        temperature: divides the logits: below 1 for the likelier tokens, above 1 for variety.
        top_k: draw among the so many likeliest only (Fan et al. 2018); ``None`` for all.

    Returns:
        int32 ``[batch]``.
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
    """Draw one target for each source; arguments as of ``draw`` and ``greedy``."""

    def choose(logits: Any, time: Any) -> Any:
        return draw(logits, seed + tf.stack([0, time]), temperature, top_k)

    return _roll(net, source_ids, limit, choose)


def greedy(net: SequenceNet, source_ids: Any, limit: Any) -> Any:
    """Take the likeliest token, again and again.

    Args:
        net: predicts tokens.
        source_ids: int32 ``[batch, source_time]``.
        limit: most tokens of a target, its end included; may be a tensor.

    Returns:
        int32 ``[batch, time]``, each row with its end where it came to one, and padding behind.
    """
    return _roll(net, source_ids, limit, lambda logits, time: tf.argmax(logits, 1, tf.int32))


def _roll(net: SequenceNet, source_ids: Any, limit: Any, choose: Any) -> Any:
    """Choose one token after another for each row, until all rows have ended."""
    rows = tf.shape(source_ids)[0]

    def going_on(time: Any, ended: Any, *rest: Any) -> Any:
        return (time < limit) & ~tf.reduce_all(ended)

    def advance(time: Any, ended: Any, tokens: Any, cache: Any, written: Any) -> Any:
        logits, (_, cache), _ = net.step(tokens, State(memory, cache))
        tokens = tf.where(ended, PADDING, choose(logits, time))
        written = tf.concat([written, tokens[:, None]], axis=1)
        return time + 1, ended | (tokens == END), tokens, cache, written

    memory, cache = net.encode(source_ids)
    start = (tf.constant(0), tf.zeros(rows, tf.bool), tf.fill([rows], START), cache)
    nothing = tf.zeros((rows, 0), tf.int32)
    shapes = (*(x.shape for x in start[:3]), _growing(cache), tf.TensorShape([None, None]))
    return tf.while_loop(going_on, advance, (*start, nothing), shapes)[-1]


class Beam(NamedTuple):
    """The targets found for each source, best first.

    Attributes:
        tokens: int32 ``[batch, beam, time]``, each with its end, and padding behind.
        scores: float32 ``[batch, beam]``, log-probabilities over length penalties.
    """

    tokens: Any
    scores: Any


def beam_search(
    net: SequenceNet, source_ids: Any, limit: Any, beam: int = 5, alpha: float = 0.6
) -> Beam:
    """Go on with the ``beam`` likeliest beginnings at a time.

    A target ``Y`` that has ended scores ``log P(Y) / lp(Y)`` with ``lp(Y) = ((5 + |Y|) / 6) **
    alpha`` (Wu et al. 2016, equation 14, without coverage), where ``|Y|`` counts the end too. The
    search stops when no beginning can come to a better end than the best found.

    Args:
        net: predicts tokens.
        source_ids: int32 ``[batch, source_time]``.
        limit: most tokens of a target, its end included; may be a tensor.
        beam: how many beginnings.
        alpha: 0 favors short targets, 1 compares nearly the mean over tokens.
    """
    rows = tf.shape(source_ids)[0]

    def penalty(length: Any) -> Any:
        return ((5 + tf.cast(length, tf.float32)) / 6) ** alpha

    def going_on(time: Any, scores: Any, alive: Any, cache: Any, best: Any, found: Any) -> Any:
        # Log-probabilities only fall: they can hope for no more than the greatest penalty.
        hope = scores[:, 0] / penalty(limit)
        return (time < limit) & tf.reduce_any(hope > best[:, 0])

    def advance(time: Any, scores: Any, alive: Any, cache: Any, best: Any, found: Any) -> Any:
        newest = tf.reshape(alive[:, :, -1], [-1])
        logits, (_, cache), _ = net.step(newest, State(memory, cache))
        scores -= tf.reshape(tf.reduce_logsumexp(logits, axis=1), (rows, beam))

        # All beginnings may end here; the best of these and of those found before are kept.
        ends = (scores + tf.reshape(logits[:, END], (rows, beam))) / penalty(time + 1)
        ended = tf.concat([alive, tf.fill((rows, beam, 1), END)], axis=2)
        found = tf.concat([tf.pad(found, ((0, 0), (0, 0), (0, 1))), ended], axis=1)
        best, places = tf.math.top_k(tf.concat([best, ends], axis=1), beam)
        found = tf.gather(found, places, batch_dims=1)

        # Of those that go on, the best lie among the best tokens of each beginning.
        many = tf.minimum(beam + 1, tf.shape(logits)[1])
        likely, tokens = tf.math.top_k(logits, many)
        likely = tf.where(tokens == END, NEVER, likely)
        scores = scores[:, :, None] + tf.reshape(likely, (rows, beam, many))
        scores, places = tf.math.top_k(tf.reshape(scores, (rows, -1)), beam)
        tokens = tf.gather(tf.reshape(tokens, (rows, -1)), places, batch_dims=1)
        alive = tf.gather(alive, places // many, batch_dims=1)
        alive = tf.concat([alive, tokens[:, :, None]], axis=2)
        parents = tf.reshape(places // many + beam * tf.range(rows)[:, None], [-1])
        cache = tf.nest.map_structure(lambda x: tf.gather(x, parents), cache)
        return time + 1, scores, alive, cache, best, found

    encoded = net.encode(source_ids)
    memory, cache = tf.nest.map_structure(lambda x: tf.repeat(x, beam, axis=0), encoded)
    # All beginnings are the same at first: only one of them counts.
    scores = tf.tile([[0.0] + [NEVER] * (beam - 1)], (rows, 1))
    alive, found = tf.fill((rows, beam, 1), START), tf.fill((rows, beam, 1), PADDING)
    best = tf.fill((rows, beam), NEVER)
    start = (tf.constant(0), scores, alive, cache, best, found)
    written = tf.TensorShape([None, beam, None])
    shapes = (start[0].shape, scores.shape, written, _growing(cache), best.shape, written)
    *_, best, found = tf.while_loop(going_on, advance, start, shapes)
    return Beam(tokens=found[:, :, 1:], scores=best)


def _growing(cache: Any) -> Any:
    """Return the shapes of ``cache`` that stay the same from token to token."""

    def shape(x: Any) -> Any:
        return tf.TensorShape([None] * (len(x.shape) - 1) + [x.shape[-1]])

    return tf.nest.map_structure(shape, cache)


def compiled(search: Callable[..., Any], net: SequenceNet, **arguments: Any) -> Any:
    """Trace ``search`` once for all sources.

    Args:
        search: ``greedy``, ``sample`` or ``beam_search``.
        net: predicts tokens.
        arguments: of ``search``, such as ``beam=5``.

    Returns:
        A function of ``source_ids`` (int32 ``[batch, source_time]``), ``limit`` (int32) and, of
        ``sample``, ``seed`` (int32 ``[2]``).
    """
    signature = [tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((), tf.int32)]
    if search is sample:
        signature.append(tf.TensorSpec((2,), tf.int32))
    return tf.function(partial(search, net, **arguments), input_signature=signature)
