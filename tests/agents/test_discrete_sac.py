"""SAC with discrete actions: expectations over actions, computed by hand, and action masks."""

import math

import numpy as np
import pytest
import tensorflow as tf
from gymnasium import spaces

import agentlab
from agentlab.agents.off_policy import Minibatch
from agentlab.agents.soft_policies import SoftmaxPolicy
from agentlab.errors import AgentlabError
from agentlab.runs import seed_everything
from agentlab.testing.envs import Sign

SMALL = {"hidden": (16,), "batch_size": 16, "learning_starts": 32, "buffer_size": 1000}


def discrete(n=1, **options):
    seed_everything(0)
    envs = agentlab.make_envs(Sign, n)
    return agentlab.make_agent("sac", envs, 0, **{**SMALL, **options}), envs


@pytest.fixture(scope="module")
def agent():
    """An agent with action probabilities 1/4 and 3/4, and known Q-values."""
    agent, _ = discrete(ent_coef=0.2)
    agent.net.head.kernel.assign(tf.zeros_like(agent.net.head.kernel))
    agent.net.head.bias.assign([0.0, math.log(3)])
    for critics, values in (
        (agent.critics, [[1.0, 5.0], [2.0, 4.0]]),  # of each critic, by action
        (agent.target_critics, [[10.0, 40.0], [20.0, 30.0]]),
    ):
        critics.kernels[-1].assign(tf.zeros_like(critics.kernels[-1]))
        critics.biases[-1].assign(np.reshape(values, (2, 1, 2)))
    return agent


def minibatch(agent, action, **masks):
    one = tf.ones(1)
    observations = tf.zeros((1, *agent.encoding.shape))
    actions = tf.constant([action], tf.int32)
    return Minibatch(observations, actions, 0.5 * one, observations, 0.9 * one, **masks)


NEGATIVE_ENTROPY = 0.25 * math.log(0.25) + 0.75 * math.log(0.75)


def test_the_target_is_the_expected_minimum_of_the_target_critics_plus_the_entropy(agent):
    found = agent.critic_loss(minibatch(agent, 0))
    target = 0.5 + 0.9 * (0.25 * 10 + 0.75 * 30 - 0.2 * NEGATIVE_ENTROPY)
    expected = ((1 - target) ** 2 + (2 - target) ** 2) / 2
    assert float(found.loss) == pytest.approx(expected, rel=1e-5)
    assert float(found.metrics["q_values"]) == pytest.approx(1.5)
    assert float(agent.critic_loss(minibatch(agent, 1)).metrics["q_values"]) == pytest.approx(4.5)


def test_the_policy_loss_is_an_expectation_over_all_actions(agent):
    found = agent.policy_loss(minibatch(agent, 0))
    expected = 0.2 * NEGATIVE_ENTROPY - (0.25 * 1 + 0.75 * 4)
    assert float(found.loss) == pytest.approx(expected, rel=1e-5)
    assert found.per_example.numpy() == pytest.approx([NEGATIVE_ENTROPY])


def test_forbidden_actions_have_no_value_probability_or_gradient():
    policy = SoftmaxPolicy(spaces.Discrete(3))
    outputs = tf.Variable([[0.0, 0.0, 50.0]])
    mask = tf.constant([[True, True, False]])
    with tf.GradientTape() as tape:
        q, log_probs = policy.evaluate(
            lambda actions: tf.constant([[[1.0, 3.0, 1e6]]]), outputs, None, mask
        )
        loss = tf.reduce_mean(log_probs - q)
    assert q.numpy() == pytest.approx(np.array([[2.0]]))
    assert log_probs.numpy() == pytest.approx([-math.log(2)])
    gradient = tape.gradient(loss, outputs).numpy()
    assert gradient == pytest.approx(np.array([[0.5, -0.5, 0.0]]))
    for learning in (False, True):
        chosen = policy.explore(
            lambda inputs: inputs, outputs.numpy(), mask.numpy(), learning, np.random.default_rng(0)
        )
        assert chosen[0] in (0, 1)
    assert policy.best(outputs.numpy(), mask.numpy())[0] in (0, 1)


def test_the_target_entropy_is_98_percent_of_the_maximum_entropy():
    assert discrete()[0].target_entropy == pytest.approx(0.98 * math.log(2))
    assert discrete(target_entropy=0.1)[0].target_entropy == 0.1


def test_discrete_actions_are_numbered_from_zero_in_minibatches():
    policy = SoftmaxPolicy(spaces.Discrete(2, start=5))
    assert policy.actions.from_env(np.array([5, 6])).tolist() == [0, 1]
    assert policy.best(np.array([[0.0, 1.0]]), None).tolist() == [6]


def test_sac_learns_discrete_actions():
    agent, envs = discrete(
        4, learning_rate=0.01, train_freq=8, gradient_steps=8, target_entropy=0.2
    )
    agentlab.train(agent, envs, 1000, quiet=True)
    assert agentlab.evaluate(agent, envs, episodes=10).mean > 9.5


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"noise_type": "pink"}, "noise_type='pink' needs continuous actions"),
        ({"use_sde": True}, "use_sde=True needs continuous actions"),
        ({"n_quantiles": 25}, "n_quantiles=25 needs continuous actions"),
    ],
)
def test_options_for_continuous_actions_are_refused(options, says):
    with pytest.raises(AgentlabError, match=says):
        discrete(**options)
