"""SAC's variants of the critics: truncated quantiles (TQC), dropout and layer norm (DroQ)."""

import numpy as np
import pytest
import tensorflow as tf

import agentlab
from agentlab.agents.critic_values import TruncatedQuantiles
from agentlab.errors import AgentlabError
from agentlab.nets import make_torso
from agentlab.nets.critics import Critics
from agentlab.runs import seed_everything
from agentlab.testing.envs import Sign

SMALL = {"hidden": (16,), "batch_size": 16, "learning_starts": 32, "buffer_size": 1000}


def make_sac(n=4, **options):
    seed_everything(0)
    envs = agentlab.make_envs(lambda: Sign(continuous=True), n)
    return agentlab.make_agent("sac", envs, 0, **{**SMALL, **options}), envs


def quantile_loss(quantiles, targets):
    """The quantile Huber loss by loops: the mean over quantiles and targets."""
    losses = []
    for i, quantile in enumerate(quantiles):
        fraction = (i + 0.5) / len(quantiles)
        for target in targets:
            error = target - quantile
            huber = 0.5 * error**2 if abs(error) <= 1 else abs(error) - 0.5
            losses.append(abs(fraction - (error < 0)) * huber)
    return np.mean(losses)


def test_the_largest_quantiles_of_all_critics_are_left_out():
    value = TruncatedQuantiles(3, drop=1)
    q = tf.constant([[[0.0, 1.0, 2.0]], [[1.0, 1.5, 4.0]]])  # [critics, b, quantiles]
    next_q = tf.constant([[[1.0, 9.0, 3.0]], [[2.0, 8.0, 4.0]]])
    # Pooled: 1 2 3 4 8 9; one per critic is dropped: 8 and 9.
    targets = [0.5 + 0.9 * (z + 0.1) for z in (1, 2, 3, 4)]
    expected = np.mean([quantile_loss(critic[0], targets) for critic in q.numpy()])
    found = value.loss(q, next_q, tf.constant([0.5]), tf.constant([0.9]), tf.constant([0.1]))
    assert float(found) == pytest.approx(expected, rel=1e-5)
    assert value.value(q).numpy() == pytest.approx([9.5 / 6])


def test_the_targets_of_quantiles_have_no_gradient():
    next_q = tf.Variable(tf.ones((2, 1, 3)))
    one = tf.ones(1)
    with tf.GradientTape() as tape:
        loss = TruncatedQuantiles(3, 1).loss(tf.zeros((2, 1, 3)), next_q, one, one, one)
    assert tape.gradient(loss, next_q) is None


def test_critics_with_several_outputs_dropout_and_layer_norm():
    options = {"outputs": 3, "dropout": 0.5, "layer_norm": True, "seed": 1}
    critics = Critics(make_torso("mlp", (3,), hidden=()), 1, 2, (64,), **options)
    rng = np.random.default_rng(0)
    observations, actions = (rng.standard_normal((5, k), np.float32) for k in (3, 1))
    x = np.concatenate([observations, actions], 1)
    for i in range(2):
        hidden = x @ critics.kernels[0][i] + critics.biases[0][i]
        centered = hidden - np.mean(hidden, 1, keepdims=True)
        hidden = centered / np.sqrt(np.var(hidden, 1, keepdims=True) + 1e-5)
        expected = np.maximum(hidden, 0) @ critics.kernels[1][i] + critics.biases[1][i]
        assert np.allclose(critics.call(observations, actions)[i], expected, atol=1e-4)
    one, same, other = (
        critics.call(observations, actions, seed=tf.constant([k, 0])) for k in (1, 1, 2)
    )
    assert np.array_equal(one, same) and not np.allclose(one, other)
    copy = Critics.from_config(critics.get_config())
    assert [v.shape for v in copy.variables] == [v.shape for v in critics.variables]


def test_dropout_leaves_out_a_fraction_and_keeps_the_mean():
    critics = Critics(make_torso("mlp", (1,), hidden=()), 1, 1, (4000,), "linear", 0, dropout=0.25)
    critics.kernels[0].assign(tf.zeros_like(critics.kernels[0]))
    critics.biases[0].assign(tf.ones_like(critics.biases[0]))
    critics.kernels[1].assign(tf.ones_like(critics.kernels[1]) / 4000)
    found = critics.call(tf.zeros((8, 1)), tf.zeros((8, 1)), seed=tf.constant([0, 0]))
    assert float(tf.reduce_mean(found)) == pytest.approx(1, abs=0.02)
    assert not np.allclose(found, 1, atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"n_quantiles": 5, "top_quantiles_to_drop_per_net": 1, "n_critics": 3},
        {"dropout": 0.01, "layer_norm": True},
    ],
    ids=["tqc", "droq"],
)
@pytest.mark.slow
def test_the_variants_learn(options):
    agent, envs = make_sac(learning_rate=0.01, train_freq=8, gradient_steps=8, **options)
    agentlab.train(agent, envs, 1200, quiet=True)
    assert agentlab.evaluate(agent, envs, episodes=10).mean > 9


def test_all_quantiles_cannot_be_dropped():
    with pytest.raises(AgentlabError, match="top_quantiles_to_drop_per_net=5 must be less"):
        make_sac(n_quantiles=5, top_quantiles_to_drop_per_net=5)
