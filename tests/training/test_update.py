"""The compiled gradient step, against loops written by hand."""

import numpy as np
import pytest
import tensorflow as tf

from agentlab.training.optimizers import make_optimizer
from agentlab.training.update import Loss, last_minibatch, make_update, phase_of, stacked_spec

RATE = 0.1
START = np.float32([1.0, -2.0])
ROW = (tf.TensorSpec((3, 2)), tf.TensorSpec((3,)))  # inputs and targets of three examples


def minibatches(count=4, sizes=None):
    rng = np.random.default_rng(0)
    return [
        (rng.normal(size=(n, 2)).astype(np.float32), rng.normal(size=n).astype(np.float32))
        for n in (sizes or [3] * count)
    ]


def stacked(batches):
    return tuple(np.stack(field) for field in zip(*batches, strict=True))


def model():
    return tf.Variable(START), tf.Variable([7.0])  # the second is used by no loss


def squared(weights):
    """The mean squared error of a linear model, as ``make_update`` takes it."""

    def loss(batch):
        x, y = batch
        errors = tf.linalg.matvec(x, weights) - y
        value = tf.reduce_mean(errors**2)
        return Loss(value, {"loss": value, "bias": tf.reduce_mean(errors)}, errors)

    return loss


def gradient_by_hand(weights, batch):
    x, y = batch
    errors = x @ weights - y
    return 2 * x.T @ errors / len(y), errors


def descent_by_hand(batches, epochs=1, max_norm=None):
    """Plain gradient descent; return weights, mean metrics and the last epoch's errors."""
    weights, rows, last = START.astype(np.float64), [], []
    for _ in range(epochs):
        last = []
        for batch in batches:
            gradient, errors = gradient_by_hand(weights, batch)
            norm = np.linalg.norm(gradient)
            rows.append(((errors**2).mean(), errors.mean(), norm))
            last.append(errors)
            if max_norm is not None and norm > max_norm:
                gradient = gradient * max_norm / norm
            weights = weights - RATE * gradient
    return weights, np.mean(rows, axis=0), last


def made(weights, unused=None, **options):
    variables = [weights] if unused is None else [weights, unused]
    return make_update(
        squared(weights), ("loss", "bias"), variables, make_optimizer("sgd", RATE), **options
    )


def check(metrics, weights, expected, means):
    assert list(metrics) == ["loss", "bias", "grad_norm"]
    assert all(type(value) is float for value in metrics.values())
    np.testing.assert_allclose(list(metrics.values()), means, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(weights, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("xla", "epochs", "max_norm"),
    [(False, 1, None), (False, 3, 0.5), (True, 1, 0.5), (True, 3, None)],
)
def test_stacked_minibatches_are_those_of_a_loop(xla, epochs, max_norm):
    batches, (weights, unused) = minibatches(), model()
    update = made(
        weights, unused, spec=stacked_spec(4, ROW), epochs=epochs, max_grad_norm=max_norm, xla=xla
    )
    expected, means, last = descent_by_hand(batches, epochs, max_norm)
    metrics, errors = update(stacked(batches))
    check(metrics, weights, expected, means)
    np.testing.assert_allclose(errors, last, rtol=1e-4, atol=1e-5)
    assert unused.numpy() == 7


@pytest.mark.parametrize(
    ("typed", "epochs", "max_norm", "xla_apply"),
    [(False, 1, None, None), (False, 3, 0.5, True), (True, 1, 0.5, True), (True, 3, None, None)],
)
def test_listed_minibatches_of_unlike_sizes_are_those_of_a_loop(typed, max_norm, epochs, xla_apply):
    sizes = [3, 5, 1]
    batches, (weights, unused) = minibatches(sizes=sizes), model()
    spec = [(tf.TensorSpec((n, 2)), tf.TensorSpec((n,))) for n in sizes] if typed else None
    update = made(
        weights, unused, spec=spec, epochs=epochs, max_grad_norm=max_norm, xla_apply=xla_apply
    )
    expected, means, last = descent_by_hand(batches, epochs, max_norm)
    metrics, errors = update(batches)
    check(metrics, weights, expected, means)
    assert unused.numpy() == 7
    if epochs == 1:
        for given, by_hand in zip(errors, last, strict=True):
            np.testing.assert_allclose(given, by_hand, rtol=1e-4, atol=1e-5)


def test_updates_go_on_from_where_the_last_call_ended():
    batches, (weights, _) = minibatches(), model()
    update = made(weights)
    for batch in batches:
        metrics, (errors,) = update([batch])
    expected, _, last = descent_by_hand(batches)
    np.testing.assert_allclose(weights, expected, rtol=1e-4)
    np.testing.assert_allclose(errors, last[-1], rtol=1e-4, atol=1e-6)


def test_any_number_of_minibatches_can_be_stacked():
    weights, _ = model()
    update = made(weights, spec=stacked_spec(None, ROW))
    update(stacked(minibatches(2)))
    update(stacked(minibatches(3)))
    expected, *_ = descent_by_hand([*minibatches(2), *minibatches(3)])
    np.testing.assert_allclose(weights, expected, rtol=1e-4)


@pytest.mark.parametrize("form", ["stacked", "list", "untyped"])
@pytest.mark.parametrize("epochs", [1, 3])
def test_what_is_prepared_is_computed_once_by_the_weights_before_the_first_step(form, epochs):
    """As PPO's old log-probabilities: here the loss draws outputs to twice those at the start."""
    batches, (weights, _) = minibatches(2), model()

    def prepare(batch):
        return tf.linalg.matvec(batch[0], weights)

    def loss(batch, start):
        errors = tf.linalg.matvec(batch[0], weights) - 2 * start
        return Loss(tf.reduce_mean(errors**2), {"start": tf.reduce_mean(start)})

    spec = {"stacked": stacked_spec(2, ROW), "list": [ROW, ROW], "untyped": None}[form]
    optimizer = make_optimizer("sgd", RATE)
    update = make_update(
        loss, ("start",), [weights], optimizer, spec=spec, epochs=epochs, prepare=prepare
    )
    metrics, _ = update(stacked(batches) if form == "stacked" else batches)
    by_hand, starts = START.astype(np.float64), [x @ START for x, _ in batches]
    for _ in range(epochs):
        for (x, _), start in zip(batches, starts, strict=True):
            by_hand = by_hand - RATE * 2 * x.T @ (x @ by_hand - 2 * start) / len(x)
    np.testing.assert_allclose(weights, by_hand, rtol=1e-4)
    assert metrics["start"] == pytest.approx(np.mean(starts), rel=1e-4)


def test_gradients_change_nothing_and_are_those_of_the_loss():
    batches, (weights, unused) = minibatches(1), model()
    for options in ({}, {"spec": stacked_spec(2, ROW)}, {"spec": [ROW]}):
        update = made(weights, unused, **options)
        gradient, nothing = update.gradients(batches[0])
        np.testing.assert_allclose(gradient, gradient_by_hand(START, batches[0])[0], rtol=1e-4)
        assert nothing.numpy() == 0
        np.testing.assert_array_equal(weights, START)


def test_the_phase_ends_when_the_first_update_is_complete():
    class Learner:
        pass

    learner, (weights, unused) = Learner(), model()
    assert phase_of(learner) == ""
    learner.update = made(weights, unused)
    assert phase_of(learner) == "collecting"
    learner.update.started = True
    assert phase_of(learner) == "compiling"
    learner.update(minibatches(1))
    assert phase_of(learner) == ""


def test_a_gradient_of_rows_of_an_embedding_is_taken_as_a_whole():
    table = tf.Variable(np.ones((4, 2), np.float32))

    def loss(rows):
        value = tf.reduce_sum(tf.gather(table, rows))
        return Loss(value, {"loss": value})

    update = make_update(loss, ("loss",), [table], make_optimizer("sgd", RATE))
    metrics, _ = update([np.array([1, 3, 3])])
    np.testing.assert_allclose(table, [[1, 1], [0.9, 0.9], [1, 1], [0.8, 0.8]])
    assert metrics["loss"] == 6
    assert metrics["grad_norm"] == pytest.approx(np.sqrt(2 * 1 + 2 * 4))


def test_the_bound_is_on_the_norm_of_all_gradients_together():
    one, other = tf.Variable([0.0]), tf.Variable([0.0])

    def loss(batch):
        value = 3 * tf.reduce_sum(one) + 4 * tf.reduce_sum(other)
        return Loss(value, {"loss": value})

    for xla in (False, True):
        for variable in (one, other):
            variable.assign([0.0])
        optimizer = make_optimizer("sgd", 1.0)
        update = make_update(loss, ("loss",), [one, other], optimizer, max_grad_norm=1.0, xla=xla)
        metrics, _ = update([np.zeros(1, np.float32)])
        assert metrics["grad_norm"] == pytest.approx(5)  # as it was before it was bounded
        np.testing.assert_allclose([one.numpy()[0], other.numpy()[0]], [-0.6, -0.8], rtol=1e-5)


def test_an_optimizer_is_built_for_what_is_changed_and_keeps_its_moments():
    weights, _ = model()
    adam = make_optimizer("adam", RATE)
    update = make_update(squared(weights), ("loss",), [weights], adam)
    assert adam.built
    update(minibatches(3))
    assert int(adam.iterations.numpy()) == 3


def test_tensors_come_in_the_order_of_the_names():
    weights, _ = model()
    update = made(weights)
    assert update.metrics == ("loss", "bias", "grad_norm")
    means, _ = update.tensors(minibatches(1))
    _, expected, _ = descent_by_hand(minibatches(1))
    np.testing.assert_allclose(means, expected, rtol=1e-4)


def test_the_last_minibatch_of_a_nest_is_found():
    nest = ((np.arange(6).reshape(3, 2), [np.arange(3)]), np.array([4, 5, 6]))
    (first, (second,)), third = last_minibatch(nest)
    assert (first.tolist(), second, third) == ([4, 5], 2, 6)
