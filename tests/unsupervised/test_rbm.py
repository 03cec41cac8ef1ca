"""RBMs and DBNs: equations by hand, learning, missing values, and shared weights."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.neural_network import BernoulliRBM

from agentlab.errors import AgentlabError
from agentlab.nets.rbm import Machine
from agentlab.training.callbacks import Callback
from agentlab.unsupervised import DBN, RBM

DIGITS = (load_digits().images * 15.9).astype(np.uint8)  # [1797, 8, 8]
LABELS = load_digits().target
RNG = np.random.default_rng(0)
MACHINE = Machine(
    *(tf.constant(RNG.normal(size=shape), tf.float32) for shape in [(4, 3), (4,), (3,)])
)


def test_the_free_energy_is_that_of_the_sum_over_hidden_states():
    v = np.array([[1, 0, 1, 1]], np.float32)
    kernel, b, c = (
        np.asarray(part) for part in (MACHINE.kernel, MACHINE.visible_bias, MACHINE.hidden_bias)
    )
    total = sum(
        np.exp(v[0] @ kernel @ h + v[0] @ b + h @ c)
        for h in map(np.array, itertools.product([0, 1], repeat=3))
    )
    np.testing.assert_allclose(MACHINE.free_energy(v), [-np.log(total)], rtol=1e-5)


def test_the_pseudo_likelihood_is_that_of_scikit_learn():
    v = RNG.integers(0, 2, (200, 4)).astype(np.float32)
    theirs = BernoulliRBM(3)
    theirs.components_ = np.asarray(MACHINE.kernel).T
    theirs.intercept_visible_ = np.asarray(MACHINE.visible_bias)
    theirs.intercept_hidden_ = np.asarray(MACHINE.hidden_bias)
    theirs.random_state_ = np.random.RandomState(0)
    expected = np.mean([theirs.score_samples(v).mean() for _ in range(200)])
    places = np.tile(np.arange(4), (200, 1))
    ours = float(tf.reduce_mean(MACHINE.pseudo_likelihood(v, places)))
    assert ours == pytest.approx(expected, rel=0.02)


def test_the_gradient_is_the_difference_of_correlations():
    v, chain = (RNG.integers(0, 2, (5, 4)).astype(np.float32) for _ in range(2))
    kernel = tf.Variable(MACHINE.kernel)
    machine = Machine(kernel, MACHINE.visible_bias, MACHINE.hidden_bias)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(machine.divergence(v, chain))
    data, model = (
        rows.T @ tf.sigmoid(machine.hidden_logits(rows)).numpy() / 5 for rows in (v, chain)
    )
    np.testing.assert_allclose(tape.gradient(loss, kernel), model - data, atol=1e-6)


@pytest.mark.parametrize("persistent", [False, True])
def test_an_rbm_learns(persistent):
    rbm = RBM(units=32, epochs=4, persistent=persistent, batch_size=20, learning_rate=0.05)
    rbm.fit(DIGITS, quiet=True)
    found = [row["validation/pseudo_likelihood"] for row in rbm.history]
    assert found[-1] > found[0] and rbm.history[-1]["train/loss"] < rbm.history[0]["train/loss"]
    assert rbm.sample(3, steps=5).shape == (3, 8, 8, 1)


def test_missing_categories_are_neither_reconstructed_nor_learned():
    x = RNG.integers(0, 3, (60, 5))
    x[:, 1] = -1
    rbm = RBM(units=4, visible="softmax", levels=3, epochs=2, batch_size=10).fit(x, quiet=True)
    kernel = np.asarray(rbm.net.machine.kernel).reshape(5, 3, 4)
    start = np.asarray(type(rbm.net)(4, "softmax", 3, seed=0).kernel_start((15, 4)))
    np.testing.assert_array_equal(kernel[1], start.reshape(5, 3, 4)[1])
    assert (kernel[0] != start.reshape(5, 3, 4)[0]).any()


@pytest.mark.parametrize(
    ("x", "options", "words"),
    [
        (np.full((9, 2), 1.5), {}, "x contains 1.5, but visible='bernoulli'"),
        (np.full((9, 2), 5), {"visible": "softmax", "levels": 3}, "x contains 5"),
    ],
)
def test_values_that_do_not_fit_the_units_are_refused(x, options, words):
    with pytest.raises(AgentlabError, match=words):
        RBM(units=2, **options).fit(x, quiet=True)


class AtTheClassifier(Callback):
    """Keeps the weights before and after each stage's first epoch."""

    def __init__(self):
        self.kernels, self.stages = [], []

    def watch(self, dbn):
        begin = dbn.begin_stage

        def begun(stage, *rest):
            begin(stage, *rest)
            self.stages.append(stage.name)
            layers = range(len(dbn.config.hidden))
            self.kernels.append([np.asarray(dbn.net.machine(i).kernel).copy() for i in layers])

        dbn.begin_stage = begun
        return dbn


def test_the_classifier_starts_from_the_weights_of_the_rbms():
    seen = AtTheClassifier()
    dbn = seen.watch(DBN(hidden=(16, 8), pretrain_epochs=2, epochs=1, batch_size=50))
    dbn.fit(DIGITS, LABELS, quiet=True)
    assert seen.stages == ["rbm 0", "rbm 1", "classifier"]
    start, second, classifier = seen.kernels
    assert (second[0] != start[0]).any()  # the first RBM was trained
    np.testing.assert_array_equal(second[1], start[1])  # and the second was not yet
    np.testing.assert_array_equal(classifier[0], second[0])  # while this one kept the first
    assert (classifier[1] != start[1]).any()
    for i, dense in enumerate(dbn.net.torso.denses):  # one variable, not a copy
        assert dbn.net.machine(i).kernel is dense.kernel


def test_unlabeled_examples_take_part_in_the_pretraining_only():
    seen = AtTheClassifier()
    dbn = seen.watch(DBN(hidden=(8,), pretrain_epochs=1, epochs=1, validation_split=0.0))
    dbn.fit(DIGITS[:50], LABELS[:50], unlabeled=DIGITS[50:1000], quiet=True)
    alone = AtTheClassifier()
    other = alone.watch(DBN(hidden=(8,), pretrain_epochs=1, epochs=1, validation_split=0.0))
    other.fit(DIGITS[:50], LABELS[:50], quiet=True)
    assert (seen.kernels[1][0] != alone.kernels[1][0]).any()
    assert dbn.predict(DIGITS[:5]).shape == (5,)


def test_a_dbn_without_labels_returns_features():
    dbn = DBN(hidden=(8, 4), pretrain_epochs=1).fit(DIGITS[:200], quiet=True)
    assert dbn.transform(DIGITS[:5]).shape == (5, 4)
    assert dbn.reconstruct(DIGITS[:5]).shape == (5, 8, 8, 1)
    with pytest.raises(AgentlabError, match="without labels"):
        dbn.predict_proba(DIGITS[:5])
