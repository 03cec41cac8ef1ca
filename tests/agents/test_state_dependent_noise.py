"""gSDE: exploration noise that is a function of the state, kept for several steps."""

import gymnasium
import numpy as np
import pytest
import tensorflow as tf

import agentlab
from agentlab.agents.acting.headed_actors import (
    NumpySDEActor,
    TensorFlowSDEActor,
    make_headed_actor,
)
from agentlab.agents.acting.specifications import keras_specification
from agentlab.agents.state_dependent_noise import StateDependentGaussian, StateDependentNoise
from agentlab.errors import AgentlabError
from agentlab.nets import make_torso
from agentlab.nets.sde_headed import SDEHeaded
from agentlab.testing.envs import Sign

FEATURES = np.array([[1.0, 2.0], [3.0, 0.0]], np.float32)  # of two states
DEVIATIONS = np.array([[0.5], [0.1]], np.float32)
SMALL = {"hidden": (16,), "batch_size": 16, "learning_starts": 32, "buffer_size": 1000}


def test_the_variance_is_that_of_features_times_a_normal_matrix():
    net = SDEHeaded(make_torso("mlp", (2,), hidden=()), 1, seed=0)
    net.head.kernel.assign([[0.5], [100.0]])
    net.log_std.assign(np.log(DEVIATIONS))
    found = net.call(FEATURES).numpy()
    variances = [1 * 0.25 + 4 * 0.01, 9 * 0.25]
    np.testing.assert_allclose(found[:, 1], 0.5 * np.log(variances), rtol=1e-4)
    np.testing.assert_allclose(found[:, 0], [2.0, 1.5], rtol=1e-6)  # 200.5 is clipped to 2


def test_noise_has_that_variance_and_is_a_linear_function_of_the_features():
    rng = np.random.default_rng(0)
    noise = StateDependentNoise(1)
    drawn = np.array([noise(FEATURES, DEVIATIONS, rng)[:, 0] for _ in range(20_000)])
    np.testing.assert_allclose(drawn.var(0), [0.29, 2.25], rtol=0.05)
    kept = StateDependentNoise(-1)
    first = kept(FEATURES, DEVIATIONS, rng)
    np.testing.assert_allclose(kept(3 * FEATURES, DEVIATIONS, rng), 3 * first, rtol=1e-6)


@pytest.mark.parametrize(("freq", "changes"), [(-1, []), (1, [1, 2, 3, 4, 5]), (2, [2, 4])])
def test_a_matrix_is_kept_for_some_steps(freq, changes):
    noise, rng = StateDependentNoise(freq), np.random.default_rng(0)
    drawn = [noise(FEATURES, DEVIATIONS, rng) for _ in range(6)]
    assert [t for t in range(1, 6) if not np.array_equal(drawn[t], drawn[t - 1])] == changes


def test_a_new_episode_gets_a_new_matrix_and_others_keep_theirs():
    noise, rng = StateDependentNoise(-1), np.random.default_rng(0)
    before = noise(FEATURES, DEVIATIONS, rng)
    noise.reset(np.array([False, True]))
    after = noise(FEATURES, DEVIATIONS, rng)
    assert after[0] == before[0] and after[1] != before[1]
    saved = noise.state()
    noise.reset(np.array([True, True]))
    noise(FEATURES, DEVIATIONS, rng)
    noise.restore(saved)
    assert np.array_equal(noise(FEATURES, DEVIATIONS, rng), after)


def test_actors_compute_what_the_network_does():
    net = SDEHeaded(make_torso("mlp", (3,), hidden=(8,), seed=1), 2, seed=2)
    observations = np.random.default_rng(0).standard_normal((4, 3), np.float32)
    envs = agentlab.make_envs(lambda: Sign(continuous=True), 1)
    encoding = agentlab.make_agent("sac", envs, 0, **SMALL).encoding
    specification = {**keras_specification(net, encoding), "inputs": [[3], "float32"]}
    weights = NumpySDEActor.weights(make_headed_actor(net, encoding))
    for actor in (
        make_headed_actor(net, encoding),
        TensorFlowSDEActor(specification, weights),
    ):
        np.testing.assert_allclose(actor(observations), net.call(observations), rtol=1e-4)
        features = net.torso.call(observations)
        np.testing.assert_allclose(actor.features, features, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(actor.deviations, tf.exp(net.log_std), rtol=1e-6)


def test_sac_learns_with_gsde_reproducibly():
    means = []
    for _ in range(2):
        agentlab.runs.seed_everything(0)
        envs = agentlab.make_envs(lambda: Sign(continuous=True), 4)
        options = {"learning_rate": 0.01, "train_freq": 8, "gradient_steps": 8}
        agent = agentlab.make_agent(
            "sac", envs, 0, use_sde=True, sde_sample_freq=4, log_std_init=-1.0, **SMALL, **options
        )
        before = agent.net.log_std.numpy()
        agentlab.train(agent, envs, 800, quiet=True)
        assert not np.array_equal(agent.net.log_std.numpy(), before)  # it is learned
        means.append(agentlab.evaluate(agent, envs, episodes=10).mean)
    assert means[0] > 9 and means[0] == means[1]


def test_a_policy_gradient_agent_knows_the_probabilities_of_its_noise():
    space = gymnasium.spaces.Box(-1, 1, (1,))
    policy = StateDependentGaussian(space, -1)
    parameters = np.concatenate([[[0.5], [-1.0]], FEATURES], 1, dtype=np.float32)
    log_std, rng = np.log(DEVIATIONS), np.random.default_rng(0)
    actions, log_probs = policy.sample(parameters, log_std, rng)
    variances = np.array([0.29, 2.25])  # 1 * 0.25 + 4 * 0.01, and 9 * 0.25
    noise = actions[:, 0] - [0.5, -1.0]
    expected = -0.5 * noise**2 / variances - 0.5 * np.log(2 * np.pi * variances)
    np.testing.assert_allclose(log_probs, expected, rtol=1e-4)
    found, entropies = policy.log_prob_and_entropy(tf.constant(parameters), log_std, actions)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(entropies, 0.5 * np.log(2 * np.pi * np.e * variances), rtol=1e-4)
    np.testing.assert_array_equal(policy.best(parameters), parameters[:, :1])
    again, _ = policy.sample(parameters, log_std, rng)
    np.testing.assert_array_equal(again, actions)  # one noise matrix per episode
    policy.reset(np.array([True, False]))
    again, _ = policy.sample(parameters, log_std, rng)
    assert again[0] != actions[0] and again[1] == actions[1]


def test_its_features_are_learned_from_the_means_only():
    policy = StateDependentGaussian(gymnasium.spaces.Box(-1, 1, (1,)), -1)
    parameters = tf.Variable(np.concatenate([[[0.5], [-1.0]], FEATURES], 1, dtype=np.float32))
    log_std = tf.Variable(np.log(DEVIATIONS))
    with tf.GradientTape() as tape:
        found, _ = policy.log_prob_and_entropy(parameters, log_std, np.ones((2, 1), np.float32))
    by_parameters, by_log_std = tape.gradient(found, [parameters, log_std])
    assert not by_parameters[:, 1:].numpy().any() and by_parameters[:, 0].numpy().all()
    assert by_log_std.numpy().all()


@pytest.mark.parametrize("net", ["mlp", "gru"])
def test_policy_gradients_use_the_noise_of_the_network_that_acts(net):
    agentlab.runs.seed_everything(0)
    envs = agentlab.make_envs(lambda: Sign(continuous=True), 2)
    agent = agentlab.make_agent("a2c", envs, 0, net=net, hidden=(8,), use_sde=True, log_std_init=-1)
    assert agent.net.log_std.shape == (8, 1)
    np.testing.assert_array_equal(agent.net.log_std, np.full((8, 1), -1))
    observations = envs.reset(seed=0)
    agent.reset(np.ones(2, np.bool_))
    _, extras = agent.act(observations)
    agent.reset(np.ones(2, np.bool_))
    parameters, _ = agent.actor(agent.encoding(observations))
    log_probs, _ = agent.policy.log_prob_and_entropy(
        tf.constant(parameters), agent.net.log_std, extras["actions"]
    )
    np.testing.assert_allclose(extras["log_probs"], log_probs, rtol=1e-5)
    if net == "gru":
        return
    agentlab.train(agent, envs, 40, quiet=True)
    assert not np.array_equal(agent.net.log_std, np.full((8, 1), -1))  # it is learned
    actions = agent.inference_model()(observations)["actions"]
    np.testing.assert_allclose(actions, agent.act(observations, explore=False), atol=1e-5)


def test_discrete_actions_have_no_such_noise():
    envs = agentlab.make_envs("CartPole-v1", 1)
    with pytest.raises(AgentlabError, match=r"use_sde=True needs continuous actions, .*Discrete"):
        agentlab.make_agent("ppo", envs, use_sde=True)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sde_sample_freq": 0}, "sde_sample_freq=0 must be positive"),
        ({"use_sde": True, "noise_type": "pink"}, "noise_type='pink' must be 'normal'"),
    ],
)
def test_inconsistent_options_are_refused(options, says):
    envs = agentlab.make_envs(lambda: Sign(continuous=True), 1)
    with pytest.raises(AgentlabError, match=says):
        agentlab.make_agent("sac", envs, 0, **{**SMALL, **options})
