"""Greedy, sampled and beam search, on nets whose probabilities are written down."""

import numpy as np
import pytest
import tensorflow as tf

from agentlab.nets.decoding import (
    State,
    beam_search,
    compiled,
    draw,
    greedy,
    sample,
    scored_greedy,
)

END, A, B, C, D = 2, 3, 4, 5, 6
ONE = np.array([[9, 9]], np.int32)
RARE = 1e-6


class Table:
    """A net that is a table: from the tokens so far to the probabilities of the next one.

    The source's first token is added to the state, to see that it comes along.
    """

    def __init__(self, table, tokens=7):
        self.tokens = list(table)
        rows = np.full((len(table), tokens), RARE)
        for row, chances in zip(rows, table.values(), strict=True):
            for token, chance in chances.items():
                row[token] = chance
        self.logits = tf.constant(np.log(rows), tf.float32)
        self.steps = tf.Variable(0)

    def encode(self, source_ids):
        return State(memory=source_ids, cache=tf.zeros((tf.shape(source_ids)[0], 0, 1), tf.int32))

    def step(self, token_ids, state):
        self.steps.assign_add(1)
        written = tf.concat([state.cache, token_ids[:, None, None]], axis=1)
        # The state of a table is what was written, as a number.
        places = tf.range(tf.shape(written)[1] - 1, -1, -1)
        number = tf.reduce_sum(written[:, :, 0] * 10**places, axis=1)
        known = tf.constant([int("1" + "".join(map(str, key))) for key in self.tokens])
        row = tf.argmax(tf.cast(number[:, None] == known, tf.int32), axis=1)
        return tf.gather(self.logits, row), State(state.memory, written), None


# Greedy begins with A, as 0.6 > 0.4, and ends at 0.6 * 0.4 = 0.24. B goes on surely: 0.4 * 0.9.
TEMPTING = Table(
    {
        (): {A: 0.6, B: 0.4},
        (A,): {C: 0.4, D: 0.35, END: 0.25},
        (B,): {D: 0.9, C: 0.1},
        (A, C): {END: 1.0},
        (A, D): {END: 1.0},
        (B, D): {END: 1.0},
        (B, C): {END: 1.0},
    }
)


@pytest.mark.parametrize("time", [2, 4, None])
def test_scored_greedy_decodes_as_many_tokens_as_the_sources_have(time):
    ids = tf.ones((2, time or 4), tf.int32)
    search = tf.function(scored_greedy).get_concrete_function(
        TEMPTING, tf.TensorSpec((None, time), tf.int32)
    )
    tokens, log_probabilities = search(ids)
    expected, chance = ([A, C], 0.6 * 0.4) if time == 2 else ([A, C, END, 0], 0.6 * 0.4)
    assert tokens.numpy().tolist() == [expected] * 2
    np.testing.assert_allclose(log_probabilities, np.log([chance] * 2), atol=1e-4)
    types = {op.type for op in search.graph.get_operations()}
    assert bool(types & {"While", "StatelessWhile"}) == (time is None)


@pytest.mark.parametrize("compile", [False, True])
def test_a_beam_of_two_finds_what_greedy_misses(compile):
    if compile:
        said = compiled(greedy, TEMPTING)(ONE, 6)
        found = compiled(beam_search, TEMPTING, beam=2)(ONE, 6)
    else:
        said, found = greedy(TEMPTING, ONE, 6), beam_search(TEMPTING, ONE, 6, beam=2)
    assert said.numpy().tolist() == [[A, C, END]]
    assert found.tokens.numpy()[0, 0, :3].tolist() == [B, D, END]
    assert (found.tokens.numpy()[0, 0, 3:] == 0).all()
    # lp(3) = ((5 + 3) / 6) ** 0.6
    expected = np.log([0.36, 0.24]) / (8 / 6) ** 0.6
    np.testing.assert_allclose(found.scores[0], expected, rtol=1e-4)


def test_a_beam_of_one_equals_greedy():
    found = beam_search(TEMPTING, ONE, 6, beam=1, alpha=0.0)
    assert found.tokens.numpy()[0, 0, 0] == A


# The short target has probability 0.3, the long one 0.28.
LENGTHS = Table(
    {
        (): {A: 1.0},
        (A,): {END: 0.3, B: 0.7},
        (A, B): {C: 1.0},
        (A, B, C): {END: 0.4, D: 0.6},
        (A, B, C, D): {D: 1.0},
    }
)


@pytest.mark.parametrize(("alpha", "best"), [(0.0, [A, END, 0, 0]), (1.0, [A, B, C, END])])
def test_the_length_penalty_decides_between_short_and_long(alpha, best):
    found = beam_search(LENGTHS, ONE, 5, beam=3, alpha=alpha)
    assert found.tokens.numpy()[0, 0, :4].tolist() == best
    length = sum(token != 0 for token in best)
    chance = {2: 0.3, 4: 0.28}[length]
    score = np.log(chance) / ((5 + length) / 6) ** alpha
    np.testing.assert_allclose(found.scores[0, 0], score, rtol=1e-4)


def exhaustive(logits, limit, alpha):
    """Score every target of a net whose logits depend on the last token only."""
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    done, alive = [], [((1,), 0.0)]
    for length in range(1, limit + 1):
        going = []
        for tokens, score in alive:
            for token, step in enumerate(log_p[tokens[-1]]):
                target = (*tokens, token), score + step
                (done if token == END else going).append(target)
        alive = going
        done = [(t, s if isinstance(s, tuple) else (s, length)) for t, s in done]
    return max((s / ((5 + n) / 6) ** alpha, t[1:]) for t, (s, n) in done)


class Chain:
    """A net whose logits depend on the last token, and on which source it is."""

    def __init__(self, *logits):
        self.logits = tf.constant(np.stack(logits), tf.float32)

    def encode(self, source_ids):
        return State(memory=source_ids[:, 0], cache=[])

    def step(self, token_ids, state):
        places = tf.stack([state.memory, token_ids], axis=1)
        return tf.gather_nd(self.logits, places), state, None


def test_a_wide_beam_finds_the_best_of_all_targets_for_each_source_of_a_batch():
    rng = np.random.default_rng(0)
    logits = 1.5 * rng.normal(size=(4, 5, 5))
    sources = np.arange(4, dtype=np.int32)[:, None]
    found = compiled(beam_search, Chain(*logits), beam=64, alpha=0.6)(sources, 4)
    for row in range(4):
        score, tokens = exhaustive(logits[row], 4, 0.6)
        np.testing.assert_allclose(found.scores[row, 0], score, rtol=1e-4)
        assert found.tokens[row, 0, : len(tokens)].numpy().tolist() == list(tokens)


def test_the_cache_follows_its_hypothesis_and_the_memory_its_source():
    class Copier:
        """Writes its source, whose tokens it remembers in its memory, counting in its cache."""

        def encode(self, source_ids):
            return State(source_ids, tf.zeros((tf.shape(source_ids)[0], 1), tf.int32))

        def step(self, token_ids, state):
            token = tf.gather(state.memory, state.cache[:, 0], batch_dims=1)
            return 5 * tf.one_hot(token, 9), State(state.memory, state.cache + 1), None

    sources = np.array([[4, 5, 6, END], [8, 7, END, 0]], np.int32)
    assert compiled(greedy, Copier())(sources, 9).numpy().tolist() == sources.tolist()
    found = compiled(beam_search, Copier(), beam=3)(sources, 4)
    assert found.tokens[:, 0].numpy().tolist() == sources.tolist()


def test_ended_rows_are_padded_while_others_continue():
    logits = np.full((2, 5, 5), -9.0)
    logits[0, 1, END] = logits[1, 1, 3] = logits[1, 3, 4] = logits[1, 4, END] = 9
    said = greedy(Chain(*logits), np.array([[0], [1]], np.int32), 8)
    assert said.numpy().tolist() == [[END, 0, 0], [3, 4, END]]


def test_a_target_without_end_token_stops_at_the_limit():
    logits = np.zeros((1, 5, 5))
    logits[..., 3] = 9
    zero = np.zeros((1, 1), np.int32)
    assert greedy(Chain(*logits), zero, 4).numpy().tolist() == [[3, 3, 3, 3]]
    found = beam_search(Chain(*logits), zero, 4, beam=2)
    assert found.tokens.shape[2] <= 4 and END in found.tokens[0, 0].numpy()


def test_a_search_stops_when_no_better_target_is_possible():
    logits = np.full((1, 5, 5), -20.0)
    logits[..., END] = 20
    net = Chain(*logits)
    found = beam_search(net, np.zeros((1, 1), np.int32), 1000, beam=2)
    assert found.tokens.shape[2] == 1


def test_one_trace_serves_all_shapes():
    search = compiled(beam_search, TEMPTING, beam=2)
    for rows, time in ((1, 2), (3, 1), (2, 5)):
        search(np.full((rows, time), 9, np.int32), 5)
    assert search.experimental_get_tracing_count() == 1


def test_tokens_are_sampled_with_the_probabilities_of_the_logits():
    logits = np.tile(np.log([0.1, 0.2, 0.7]), (20_000, 1)).astype(np.float32)
    shares = np.bincount(draw(logits, [0, 1]), minlength=3) / len(logits)
    np.testing.assert_allclose(shares, [0.1, 0.2, 0.7], atol=0.02)
    # Temperature 0.5 squares the probabilities: 1 : 4 : 49.
    shares = np.bincount(draw(logits, [0, 1], temperature=0.5), minlength=3) / len(logits)
    np.testing.assert_allclose(shares, np.array([1, 4, 49]) / 54, atol=0.02)
    shares = np.bincount(draw(logits, [0, 1], top_k=2), minlength=3) / len(logits)
    np.testing.assert_allclose(shares, [0, 2 / 9, 7 / 9], atol=0.02)


def test_sampling_depends_on_the_seed_and_differs_between_rows():
    net = Chain(np.zeros((5, 5)))
    sources = np.zeros((3, 1), np.int32)
    search = compiled(sample, net)
    first, second, other = (search(sources, 12, [0, seed]).numpy() for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert first.shape != other.shape or (first != other).any()
    assert (first[0] != first[1]).any()


def test_sampling_with_top_k_1_is_greedy():
    said = sample(TEMPTING, ONE, 6, [0, 3], top_k=1)
    assert said.numpy().tolist() == [[A, C, END]]
