"""gSDE: exploration noise that is a function of the state, kept for several steps."""

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
from agentlab.agents.state_dependent_noise import StateDependentNoise
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
