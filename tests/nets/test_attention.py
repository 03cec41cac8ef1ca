"""Attention, against numbers worked out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from agentlab.nets.attention import (
    BahdanauAttention,
    LuongAttention,
    MultiHeadAttention,
    masked_softmax,
)

LOG2 = float(np.log(2))
VALUES = np.array([[[1.0, 0.0], [0.0, 1.0], [5.0, 5.0]]], np.float32)
MASK = np.array([[True, True, False]])


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_masked_places_have_no_weight_at_all():
    scores = tf.constant([[LOG2, 0.0, 50.0], [0.0, 0.0, 0.0]])
    mask = np.array([[True, True, False], [False, False, False]])
    weights = masked_softmax(scores, mask).numpy()
    np.testing.assert_allclose(weights[0], [2 / 3, 1 / 3, 0], rtol=1e-6)
    assert weights[0, 2] == 0
    assert (weights[1] == 0).all()


def test_no_gradient_reaches_masked_places():
    scores = tf.constant([[1.0, 2.0, 3.0]])
    with tf.GradientTape() as tape:
        tape.watch(scores)
        first = masked_softmax(scores, np.array([[True, True, False]]))[0, 0]
    gradient = tape.gradient(first, scores).numpy()[0]
    p = 1 / (1 + np.e)
    np.testing.assert_allclose(gradient, [p * (1 - p), -p * (1 - p), 0], atol=1e-6)


@pytest.mark.parametrize(("scaled", "scale"), [(True, 2.0), (False, 1.0)])
def test_luong_is_the_scaled_product_of_query_and_projected_values(scaled, scale):
    attention = LuongAttention(scaled=scaled)
    attention.build((None, None, 2), (None, None, 2))
    # Keys are [0, 1], [log 2, 0] and what the mask hides.
    weights = [np.array([[0.0, 1.0], [LOG2, 0.0]])] + [np.array(scale)] * scaled
    attention.set_weights(weights)
    keys = attention.keys(VALUES)
    np.testing.assert_allclose(keys[0, :2], [[0, 1], [LOG2, 0]])
    query = np.array([[[1.0, 0.0], [0.0, 0.0]]], np.float32)  # scores 0, log 2; and 0, 0
    context, shares = attention(query, keys, VALUES, MASK)
    odds = 2**scale
    np.testing.assert_allclose(shares[0, 0], [1 / (1 + odds), odds / (1 + odds), 0], rtol=1e-6)
    np.testing.assert_allclose(context[0, 0], [1 / (1 + odds), odds / (1 + odds)], rtol=1e-6)
    np.testing.assert_allclose(shares[0, 1], [0.5, 0.5, 0])


def test_bahdanau_scores_by_a_hidden_layer_of_query_and_value():
    attention = BahdanauAttention(units=1)
    attention.build((None, None, 1), (None, None, 2))
    # score = 3 tanh(0.5 query + value[0] + 0.25)
    attention.set_weights([np.array(w) for w in ([[0.5]], [[1.0], [0.0]], [0.25], [[3.0]])])
    query = np.array([[[2.0]]], np.float32)
    context, shares = attention(query, attention.keys(VALUES), VALUES, MASK)
    scores = 3 * np.tanh([1 + 1 + 0.25, 1 + 0 + 0.25])
    expected = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(shares[0, 0], [*expected, 0], rtol=1e-5)
    np.testing.assert_allclose(context[0, 0], expected, rtol=1e-5)


def test_each_head_attends_in_its_own_part_of_the_units():
    attention = MultiHeadAttention(heads=2, width=2)
    attention.build((None, None, 2), (None, None, 2))
    one, zeros = np.eye(2), np.zeros(2)
    # Queries and keys are the inputs themselves, values ten times those; heads of depth 1.
    attention.set_weights([one, zeros, np.hstack([one, 10 * one]), np.zeros(4), one, zeros])
    query = np.array([[[LOG2, 0.0]]], np.float32)
    outputs, weights = attention(query, *attention.keys(VALUES), MASK[:, None, None, :])
    # Scores of head 0: log 2 [1, 0]; of head 1: 0.
    np.testing.assert_allclose(weights[0, 0, 0], [2 / 3, 1 / 3, 0], rtol=1e-6)
    np.testing.assert_allclose(weights[0, 1, 0], [0.5, 0.5, 0], rtol=1e-6)
    np.testing.assert_allclose(outputs[0, 0], [20 / 3, 5], rtol=1e-6)


def test_scores_of_heads_are_divided_by_the_root_of_their_depth():
    attention = MultiHeadAttention(heads=1, width=4)
    attention.build((None, None, 4), (None, None, 4))
    one, zeros = np.eye(4), np.zeros(4)
    attention.set_weights([one, zeros, np.hstack([one, one]), np.zeros(8), one, zeros])
    values = np.array([[[1.0, 1, 1, 1], [0, 0, 0, 0]]], np.float32)
    query = np.full((1, 1, 4), LOG2 / 2, np.float32)  # scores 2 log 2 / sqrt(4) and 0
    _, weights = attention(query, *attention.keys(values), np.array(True))
    np.testing.assert_allclose(weights[0, 0, 0], [2 / 3, 1 / 3], rtol=1e-6)


def test_multi_head_attention_computes_what_keras_does():
    mine = MultiHeadAttention(heads=3, width=12, seed=0)
    mine.build((None, None, 5), (None, None, 7))
    for i, weight in enumerate(mine.weights):
        weight.assign(noise(*weight.shape, seed=i))
    query, values, mask = noise(2, 4, 5), noise(2, 6, 7), noise(2, 4, 6) > 0
    theirs = keras.layers.MultiHeadAttention(3, 4, output_shape=12)
    theirs.build((2, 4, 5), (2, 6, 7))
    q, q_bias, kv, kv_bias, out, out_bias = mine.get_weights()
    (k, v), (k_bias, v_bias) = np.split(kv, 2, axis=1), np.split(kv_bias, 2)
    theirs.set_weights(
        [
            *(q.reshape(5, 3, 4), q_bias.reshape(3, 4), k.reshape(7, 3, 4), k_bias.reshape(3, 4)),
            *(v.reshape(7, 3, 4), v_bias.reshape(3, 4), out.reshape(3, 4, 12), out_bias),
        ]
    )
    expected, shares = theirs(query, values, attention_mask=mask, return_attention_scores=True)
    outputs, weights = mine(query, *mine.keys(values), mask[:, None])
    np.testing.assert_allclose(weights, shares, atol=1e-5)
    np.testing.assert_allclose(outputs, expected, rtol=1e-3, atol=1e-4)


def test_attention_weights_are_dropped_in_training_only():
    attention = MultiHeadAttention(heads=1, width=8, dropout=0.5, seed=1)
    attention.build((None, None, 8), (None, None, 8))
    keys, mask = attention.keys(noise(1, 6, 8)), np.ones((1, 1, 1, 6), bool)
    query = noise(1, 1, 8, seed=1)
    quiet, again = (attention(query, *keys, mask)[0].numpy() for _ in range(2))
    np.testing.assert_array_equal(quiet, again)
    assert np.abs(attention(query, *keys, mask, training=True)[0] - quiet).max() > 1e-3


@pytest.mark.parametrize(
    "attention",
    [LuongAttention(seed=1), BahdanauAttention(4, seed=1), MultiHeadAttention(2, 6, 0.1, seed=1)],
)
def test_a_layer_of_attention_can_be_made_again_from_its_configuration(attention):
    twin = type(attention).from_config(attention.get_config())
    for layer in (attention, twin):
        layer.build((None, None, 6), (None, None, 5))
    for mine, copied in zip(attention.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, copied)
