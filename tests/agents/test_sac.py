import numpy as np
import pytest
import tensorflow as tf
from gymnasium import spaces

import agentlab
from agentlab.agents.initialization import init_from
from agentlab.agents.off_policy import Minibatch
from agentlab.errors import AgentlabError
from agentlab.nets import make_torso
from agentlab.nets.critics import Critics
from agentlab.runs import seed_everything
from agentlab.testing.envs import Sign

SMALL = {"hidden": (16,), "batch_size": 16, "learning_starts": 32, "buffer_size": 1000}
LOG_NORMAL_0 = -0.5 * np.log(2 * np.pi)


def control(algo, n=1, seed=0, env=lambda: Sign(continuous=True), **options):
    seed_everything(seed)
    envs = agentlab.make_envs(env, n)
    return agentlab.make_agent(algo, envs, seed, **{**SMALL, **options}), envs


def constant(net, outputs):
    """Make a policy return ``outputs`` for every observation."""
    net.head.kernel.assign(tf.zeros_like(net.head.kernel))
    net.head.bias.assign(outputs)


def constant_q(critics, values):
    """Make the critics return ``values`` for every observation and action."""
    critics.kernels[-1].assign(tf.zeros_like(critics.kernels[-1]))
    critics.biases[-1].assign(np.reshape(values, (-1, 1, 1)))


def minibatch(noises, actions=0.0, returns=0.5, discounts=0.9):
    one = tf.ones(1)
    return Minibatch(
        one[:, None],
        actions * one[:, None],
        returns * one,
        one[:, None],
        discounts * one,
        tuple(tf.constant([[noise]]) for noise in noises),
    )


def with_known_networks(**options):
    """Return an agent with mean 0 and std 1, critics 1 and 2, and target critics 10 and 20."""
    agent, _ = control("sac", **options)
    constant(agent.net, [0.0, 0.0])
    constant_q(agent.critics, [1.0, 2.0])
    constant_q(agent.target_critics, [20.0, 10.0])
    return agent


def test_the_target_is_the_minimum_of_the_target_critics_plus_the_entropy():
    agent = with_known_networks(ent_coef=0.2)
    found = agent.critic_loss(minibatch([0.0, 0.0]))
    target = 0.5 + 0.9 * (10 - 0.2 * LOG_NORMAL_0)
    assert float(found.loss) == pytest.approx(((1 - target) ** 2 + (2 - target) ** 2) / 2)
    assert float(found.metrics["q_values"]) == pytest.approx(1.5)


def test_nothing_is_bootstrapped_after_termination():
    found = with_known_networks().critic_loss(minibatch([0.0, 0.0], returns=1.0, discounts=0.0))
    assert float(found.loss) == pytest.approx(0.5)  # the mean of 0 and 1


def test_the_policy_loss_is_the_entropy_term_minus_the_smaller_q_value():
    found = with_known_networks(ent_coef=0.2).policy_loss(minibatch([0.0, 0.7]))
    u = 0.7
    log_prob = LOG_NORMAL_0 - 0.5 * u**2 - np.log(1 - np.tanh(u) ** 2)
    assert float(found.loss) == pytest.approx(0.2 * log_prob - 1.0)
    assert found.per_example.numpy() == pytest.approx([log_prob])


def test_the_policy_ascends_the_value_of_its_actions():
    agent = with_known_networks(ent_coef=0.0)
    first, last = agent.critics.kernels
    first.assign(np.reshape([[0.0] * 16, [1.0] + [0.0] * 15] * 2, first.shape))  # the action
    agent.critics.biases[0].assign(tf.ones_like(agent.critics.biases[0]))
    last.assign(3 * tf.ones_like(last))  # Q = 3 relu(a + 1) + a constant
    with tf.GradientTape() as tape:
        loss = agent.policy_loss(minibatch([0.0, 0.0])).loss
    mean, _ = tape.gradient(loss, agent.net.head.bias).numpy()
    assert mean == pytest.approx(-3)  # d tanh(mean) / d mean is 1 at 0


def test_the_temperature_rises_if_the_entropy_is_below_its_target():
    agent, _ = control("sac", ent_coef_start=2.0)
    log_probs = tf.constant([3.0, 1.0])
    with tf.GradientTape() as tape:
        loss = agent.ent_coef_loss(log_probs).loss
    gradient = tape.gradient(loss, agent.log_ent_coef.value)
    assert float(loss) == pytest.approx(-np.log(2) * (2 - 1))  # the target entropy is -1
    assert float(gradient) == pytest.approx(-1)  # descending it raises log alpha


def test_twin_critics_are_two_networks_in_one_product():
    critics = Critics(make_torso("mlp", (3,), hidden=()), 2, 2, (8, 4), seed=3)
    rng = np.random.default_rng(0)
    observations, actions = (rng.standard_normal((5, k), np.float32) for k in (3, 2))
    for i in range(2):
        x = np.concatenate([observations, actions], 1)
        for layer in range(3):
            x = x @ critics.kernels[layer][i] + critics.biases[layer][i]
            x = np.maximum(x, 0) if layer < 2 else x
        assert np.allclose(critics.call(observations, actions)[i], x[:, 0], atol=1e-5)
    alone = critics.call(observations, actions, critics=1)
    assert np.allclose(alone, critics.call(observations, actions)[:1], atol=1e-6)
    assert not np.allclose(critics.kernels[1][0], critics.kernels[1][1])


def after_an_episode(truncate):
    """Return minibatches of an agent after one episode of ten steps, and the last observation."""
    agent, envs = control("sac", env=lambda: Sign(continuous=True, truncate=truncate))
    observations = envs.reset(seed=0)
    for t in range(12):
        step = envs.step(agent.act(observations))
        agent.experience.add(step)
        observations = step.next_observations
        if t == 9:
            final = step.final_observations[0]
    return agent.experience.sample(4), final


def test_truncation_is_not_termination():
    terminated, _ = after_an_episode(truncate=False)
    truncated, final = after_an_episode(truncate=True)
    assert np.unique(terminated.discounts).tolist() == pytest.approx([0, 0.99])
    assert np.unique(truncated.discounts).tolist() == pytest.approx([0.99])
    assert final in truncated.next_observations


def test_actions_are_random_before_learning_and_scaled_for_the_critics():
    space = spaces.Box(np.array([0.0], np.float32), np.array([8.0], np.float32))

    class Wide(Sign):
        def __init__(self):
            super().__init__(continuous=True)
            self.action_space = space

        def step(self, action):
            return super().step(action / 4 - 1)

    agent, envs = control("sac", 4, env=Wide)
    observations = envs.reset(seed=0)
    drawn = np.concatenate([agent.act(observations) for _ in range(500)])
    assert np.histogram(drawn, 4, (0, 8))[0] == pytest.approx([500] * 4, abs=100)
    step = envs.step(agent.act(observations))
    agent.experience.add(step)
    agent.experience.add(step)
    assert agent.experience.sample(8).actions.min() >= -1
    expected = step.actions / 4 - 1
    assert np.isin(agent.experience.sample(8).actions.round(4), expected.round(4)).all()


def test_updates_keep_pace_with_the_steps_in_any_number_of_environments():
    agent, envs = control("sac", 3, train_freq=4, gradient_steps=2, learning_starts=30)
    observations, due = envs.reset(seed=0), []
    for _ in range(20):
        step = envs.step(agent.act(observations))
        due.append(agent.experience.add(step))
        observations = step.next_observations
    assert sum(due[:9]) == 0
    assert sum(due) == 2 * (60 // 4 - 27 // 4)


@pytest.mark.parametrize("algo", ["sac", "td3"])
def test_a_new_run_starts_from_a_trained_policy_and_its_critics(algo, tmp_path):
    trained, _ = control(algo)
    for variable in (*trained.net.variables, *trained.critics.variables):
        variable.assign(variable + 1)
    trained.save(tmp_path / "trained")
    agent, _ = control(algo, seed=5)
    init_from(agent, str(tmp_path / "trained"))
    for name in ("net", "critics"):
        pairs = zip(getattr(agent, name).variables, getattr(trained, name).variables, strict=True)
        assert all(np.array_equal(own, its) for own, its in pairs)


def test_sac_learns_and_adapts_its_temperature():
    agent, envs = control("sac", 4, learning_rate=0.01, train_freq=8, gradient_steps=8)
    agentlab.train(agent, envs, 1200, quiet=True)
    assert agentlab.evaluate(agent, envs, episodes=10).mean > 9.5
    assert 0 < float(agent.ent_coef) < 0.5
    assert {name.split("/")[0] for name in agent.histograms()} == {"weights", "gradients"}
    assert any("critics" in name for name in agent.histograms())


@pytest.mark.parametrize("algo", ["sac", "td3", "ddpg"])
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tau": 0.0}, "tau=0.0 must be"),
        ({"noise_type": "brown"}, "noise_type='brown' is not one of normal"),
        ({"net": "lstm"}, "net='lstm' is recurrent"),
        ({"batch_size": 64, "learning_starts": 32}, "learning_starts=32 must be at least"),
    ],
)
def test_bad_settings_are_refused_by_name(algo, options, says):
    with pytest.raises(AgentlabError, match=says):
        control(algo, **options)


def test_the_temperature_is_a_positive_number_or_auto():
    with pytest.raises(AgentlabError, match="ent_coef='high' is not a number or one of auto"):
        control("sac", ent_coef="high")
    with pytest.raises(AgentlabError, match="ent_coef=-1.0 must be 0 or more"):
        control("sac", ent_coef=-1.0)
