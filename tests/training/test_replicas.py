"""Minibatches that are split across replicas give the gradients and metrics of whole ones."""

import numpy as np
import pytest
import tensorflow as tf

import agentlab
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.supervised.classifier import Classifier
from agentlab.training.optimizers import make_optimizer
from agentlab.training.replicas import part_of, reporting_lost_workers, using_replicas
from agentlab.training.update import Loss, make_update


class InTurn:
    """Replicas that are computed one after another in this process."""

    compiled, remote = True, False

    def __init__(self, count):
        self.count = count

    def summed(self, function, batch):
        return tf.add_n([function(batch, replica) for replica in range(self.count)])


def descend(replicas, batches, spec):
    """Three weights after gradient descent on each minibatch, its metrics and its errors."""
    weights = tf.Variable([1.0, -2.0, 0.5])

    def loss(batch):
        x, y = batch
        errors = tf.linalg.matvec(x, weights) - y
        value = tf.reduce_mean(errors**2)
        return Loss(value, {"loss": value}, errors)

    with using_replicas(replicas):
        update = make_update(
            loss, ("loss",), [weights], make_optimizer("sgd", 0.1), spec=spec, max_grad_norm=1.0
        )
    metrics, errors = update(batches)
    return weights.numpy(), metrics, np.asarray(errors)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_gradients_metrics_and_errors_are_those_of_whole_minibatches(count):
    rng = np.random.default_rng(0)
    batches = rng.normal(size=(4, 6, 3)).astype("f"), rng.normal(size=(4, 6)).astype("f")
    spec = tf.TensorSpec((4, 6, 3)), tf.TensorSpec((4, 6))
    whole, split = (descend(given, batches, spec) for given in (None, InTurn(count)))
    np.testing.assert_allclose(split[0], whole[0], atol=1e-6)
    assert split[1] == pytest.approx(whole[1], rel=1e-5)
    np.testing.assert_allclose(split[2], whole[2], atol=1e-5)  # in the order of the examples


def test_a_minibatch_of_fixed_size_that_cannot_be_divided_is_refused():
    spec = tf.TensorSpec((1, 6, 3)), tf.TensorSpec((1, 6))
    batches = np.zeros((1, 6, 3), "f"), np.zeros((1, 6), "f")
    with pytest.raises(InvalidArgument, match="6 examples cannot be divided among 4 replicas"):
        descend(InTurn(4), batches, spec)


def test_the_steps_of_sequences_are_split_with_them_and_seeds_are_not():
    sequences, steps, seed = tf.range(4), tf.range(12), tf.constant([7, 8, 9])
    parts = [part_of((sequences, steps, seed), replica, 2) for replica in range(2)]
    assert [part[0].numpy().tolist() for part in parts] == [[0, 1], [2, 3]]
    assert [part[1].numpy().tolist() for part in parts] == [[*range(6)], [*range(6, 12)]]
    assert [part[2].numpy().tolist() for part in parts] == [[7, 8, 9]] * 2


def classify(replicas, **options):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(53, 4)).astype("f")
    weights = rng.uniform(0.5, 2, 53).astype("f")
    data = agentlab.data.Arrays(x, (x.sum(1) > 0).astype(np.int32), weights)
    with using_replicas(replicas):
        settings = {"hidden": (8,), "epochs": 7, "batch_size": 13, "max_grad_norm": 0.5, **options}
        trainer = Classifier(**settings).fit(
            data, validation_data=data, classes=["no", "yes"], quiet=True
        )
    return [np.array(weight) for weight in trainer.net.weights], trainer.history[-1]


def test_a_trainer_learns_the_same_from_split_minibatches_of_any_size():
    # The last of each epoch has one example, so that two of three replicas have none.
    whole, history = classify(None)
    split, split_history = classify(InTurn(3))
    for ours, theirs in zip(split, whole, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert split_history == pytest.approx(history, rel=1e-4)


def train(algo, replicas, **options):
    with using_replicas(replicas), agentlab.make_envs("CartPole-v1", 4) as envs:
        agent = agentlab.make_agent(algo, envs, hidden=(16,), **options)
        agentlab.train(agent, envs, steps=256, quiet=True)
    return [np.array(weight) for weight in agent.net.weights]


@pytest.mark.parametrize(
    ("algo", "options"),
    [
        ("dqn", {"learning_starts": 128, "batch_size": 16, "prioritized": True}),
        ("ppo", {"rollout_length": 32, "n_minibatches": 2, "normalize_advantage": False}),
    ],
)
def test_an_agent_learns_the_same_from_split_minibatches(algo, options):
    whole, split = (train(algo, replicas, **options) for replicas in (None, InTurn(2)))
    for ours, theirs in zip(split, whole, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (tf.errors.UnavailableError(None, None, "Socket closed"), True),
        (tf.errors.InternalError(None, None, "Collective ops is aborted by: peer is gone"), True),
        (tf.errors.InternalError(None, None, "Failed to allocate a buffer"), False),
    ],
)
def test_only_errors_of_other_processes_are_blamed_on_lost_workers(error, lost):
    with (
        pytest.raises(AgentlabError if lost else tf.errors.InternalError),
        reporting_lost_workers(),
    ):
        raise error
