"""SAC's variants of the critics: TQC's quantiles, DroQ's dropout, CrossQ's normalization."""

import numpy as np
import pytest
import tensorflow as tf

import agentlab
from agentlab.agents.bounded_actions import squashed_gaussian
from agentlab.agents.critic_values import TruncatedQuantiles
from agentlab.agents.off_policy import Minibatch
from agentlab.errors import AgentlabError
from agentlab.nets import make_torso
from agentlab.nets.batch_renorm import BatchRenorm
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
        {"crossq": True, "policy_delay": 3, "critic_hidden": (32,)},
    ],
    ids=["tqc", "droq", "crossq"],
)
@pytest.mark.slow
def test_the_variants_learn(options):
    agent, envs = make_sac(learning_rate=0.01, train_freq=8, gradient_steps=8, **options)
    agentlab.train(agent, envs, 1200, quiet=True)
    assert agentlab.evaluate(agent, envs, episodes=10).mean > 9


def test_all_quantiles_cannot_be_dropped():
    with pytest.raises(AgentlabError, match="top_quantiles_to_drop_per_net=5 must be less"):
        make_sac(n_quantiles=5, top_quantiles_to_drop_per_net=5)


def renormalized(x, training, corrected):
    """Batch renormalization by NumPy, ``[batch, units]``, with running mean 0.5 and variance 4."""
    mean, deviation = 0.5, np.sqrt(4 + 1e-3)
    if not training:
        return (x - mean) / deviation
    batch_mean, batch_deviation = x.mean(0), np.sqrt(x.var(0) + 1e-3)
    normalized = (x - batch_mean) / batch_deviation
    if not corrected:
        return normalized
    r = np.clip(batch_deviation / deviation, 1 / 3, 3)
    return normalized * r + np.clip((batch_mean - mean) / deviation, -5, 5)


@pytest.mark.parametrize("batches", [0, 100_000])
def test_batch_renormalization_by_hand(batches):
    x = np.array([[[1.0, 0.0], [3.0, 0.1], [8.0, 0.2]]], np.float32)  # [stack, batch, units]
    layer = BatchRenorm(1, 2)
    layer.moving_mean.assign([[[0.5, 0.5]]])
    layer.moving_variance.assign([[[4.0, 4.0]]])
    layer.batches.assign(batches)
    before = layer.call(x)
    np.testing.assert_allclose(before[0], renormalized(x[0], False, False), rtol=1e-5)
    found = layer.call(x, training=True)[0]
    expected = renormalized(x[0], True, batches >= 100_000)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean[0, 0], [0.495 + 0.04, 0.495 + 0.001], rtol=1e-5)
    np.testing.assert_allclose(
        layer.moving_variance[0, 0], 0.99 * 4 + 0.01 * x[0].var(0), rtol=1e-5
    )
    assert float(layer.batches) == batches + 1


def test_the_corrections_of_batch_renormalization_have_no_gradient():
    layer = BatchRenorm(1, 1, warmup=0)
    layer.moving_variance.assign([[[4.0]]])
    x = tf.Variable([[[1.0], [2.0], [4.0]]])
    with tf.GradientTape() as tape:
        first = layer.call(x, training=True)[0, 0, 0]
    centered = x.numpy().ravel() - x.numpy().mean()
    deviation = np.sqrt(x.numpy().var() + 1e-3)
    r = deviation / np.sqrt(4 + 1e-3)  # a constant: the gradient is that of batch normalization
    gradient = (np.array([1.0, 0, 0]) - 1 / 3 - centered * centered[0] / (3 * deviation**2)) * r
    found = tape.gradient(first, x).numpy().ravel()
    np.testing.assert_allclose(found, gradient / deviation, rtol=1e-4)


def test_crossq_bootstraps_from_the_joint_batch_without_target_networks():
    agent, _ = make_sac(crossq=True, ent_coef=0.5, gamma=0.9, hidden=(4,))
    rng = np.random.default_rng(0)
    b, size = 16, agent.observation_space.shape[0]
    now, following = rng.standard_normal((2, b, size), np.float32)
    actions, noise = rng.uniform(-1, 1, (b, 1)).astype("float32"), rng.standard_normal((b, 1))
    returns, discounts = rng.standard_normal(b), np.full(b, 0.9)
    floats = (np.float32(value) for value in (returns, discounts, noise))
    returns, discounts, noise = floats
    next_actions, log_probs = squashed_gaussian(agent.net.call(following), noise)
    x = np.concatenate([np.r_[now, following], np.r_[actions, next_actions]], 1)
    critics, q = agent.critics, []
    for i in range(2):
        hidden = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3) @ critics.kernels[0][i]
        hidden = np.maximum(hidden + critics.biases[0][i], 0)
        hidden = (hidden - hidden.mean(0)) / np.sqrt(hidden.var(0) + 1e-3)
        q.append((hidden @ critics.kernels[1][i] + critics.biases[1][i])[:, 0])
    targets = returns + 0.9 * (np.min(q, 0)[b:] - 0.5 * log_probs.numpy())
    expected = np.mean([(values[:b] - targets) ** 2 for values in q])
    batch = Minibatch(now, actions, returns, following, discounts, (noise, noise))
    assert float(agent.critic_loss(batch).loss) == pytest.approx(expected, rel=1e-4)
    assert "target_critics" not in agent.components()
    mean = critics.renorms[0].moving_mean.numpy()[1, 0]
    np.testing.assert_allclose(mean, 0.01 * x.mean(0), atol=1e-6)
    agent.policy_loss(batch)  # uses the running statistics, and leaves them alone
    np.testing.assert_array_equal(critics.renorms[0].moving_mean[1, 0], mean)


def test_the_policy_is_updated_every_policy_delay_updates():
    agent, envs = make_sac(crossq=True, policy_delay=3, critic_hidden=(8, 8))
    assert [k.shape[2] for k in agent.critics.kernels] == [8, 8, 1]
    agentlab.train(agent, envs, 80, quiet=True)
    updates = int(agent.critic_optimizer.iterations.numpy())
    assert int(agent.policy_optimizer.iterations.numpy()) == updates // 3
    before = [v.numpy() for v in agent.critics.statistics]
    agent.histograms()
    assert all(np.array_equal(a, b) for a, b in zip(before, agent.critics.statistics, strict=True))


def test_crossq_needs_continuous_actions():
    with pytest.raises(AgentlabError, match="crossq=True needs continuous actions"):
        agentlab.make_agent("sac", agentlab.make_envs("CartPole-v1", 1), crossq=True)
