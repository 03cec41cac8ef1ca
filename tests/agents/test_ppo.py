import keras
import numpy as np
import pytest
import tensorflow as tf

import agentlab
from agentlab.agents.presets import preset
from agentlab.agents.rollout_minibatches import RolloutMinibatch
from agentlab.errors import AgentlabError
from agentlab.runs import seed_everything
from agentlab.testing.envs import Clock, Sign
from agentlab.training.update import Loss, make_update


def made(algo="ppo", env=Sign, n=2, seed=0, **options):
    seed_everything(seed)
    envs = agentlab.make_envs(env, n)
    small = {"hidden": (8,), "rollout_length": 16, "n_minibatches": 2, "n_epochs": 2}
    return agentlab.make_agent(algo, envs, seed, **{**small, **options}), envs


def loss_of(agent, ratios, advantages, values=0.0, returns=None):
    """Return the loss of two examples whose policy is uniform and whose values are constant."""
    agent.net.policy_head.kernel.assign(tf.zeros_like(agent.net.policy_head.kernel))
    agent.net.value_head.kernel.assign(tf.zeros_like(agent.net.value_head.kernel))
    agent.net.value_head.bias.assign([values])
    start = (np.log(0.5) - np.log(ratios)).astype(np.float32)
    advantages = np.float32(advantages)
    returns = advantages if returns is None else np.float32(returns)
    actions = tf.constant([0, 1], tf.int64)
    batch = RolloutMinibatch(tf.ones((2, 1)), actions, start, advantages, returns)
    return agent.loss(batch, start)


def test_the_objective_is_the_minimum_of_the_ratio_and_the_clipped_ratio():
    agent, _ = made(normalize_advantage=False, ent_coef=0.0, vf_coef=0.0)
    found = loss_of(agent, [1.5, 0.5], [1.0, -1.0])
    # min(1.5, 1.2) * 1 and min(0.5 * -1, 0.8 * -1)
    assert float(found.loss) == pytest.approx(-(1.2 - 0.8) / 2)
    assert float(found.metrics["clipped"]) == 1.0
    assert float(found.metrics["kl"]) == pytest.approx(
        np.mean([0.5 - np.log(1.5), -0.5 - np.log(0.5)])
    )


def test_the_clip_range_decays_with_the_learning_rate():
    options = {"decay_steps": 1000, "decay_clip_range": True, "normalize_advantage": False}
    agent, _ = made(**options, ent_coef=0.0, vf_coef=0.0)
    agent.steps = 500
    agent.decay()
    assert float(agent.optimizer.learning_rate) == pytest.approx(1.5e-4)
    assert float(loss_of(agent, [1.5, 1.0], [1.0, 0.0]).loss) == pytest.approx(-1.1 / 2)


def test_advantages_are_normalized_in_each_minibatch():
    agent, _ = made(ent_coef=0.0, vf_coef=0.0)
    assert agent.weights(tf.constant([1.0, 3.0])).numpy() == pytest.approx([-1, 1])
    found = loss_of(agent, [1.1, 1.0], [3.0, 1.0])
    assert float(found.loss) == pytest.approx(-(1.1 - 1.0) / 2)
    rollout = np.array([1.0, 5.0], np.float32)
    assert agent.normalized(rollout) is rollout


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.05, 0.95**2),  # a change of 0.05 from the old value of 1; the return is 2
        (1.5, 0.9**2),  # clipped to 1.1, which is worse than 1.5
        (0.5, 1.5**2),  # clipped to 0.9, which is better than 0.5
    ],
)
def test_the_value_loss_is_the_maximum_for_the_value_and_the_clipped_value(value, expected):
    agent, _ = made(clip_range_vf=0.1, normalize_advantage=False)
    found = loss_of(agent, [1.0, 1.0], [1.0, 1.0], values=value, returns=[2.0, 2.0])
    assert float(found.metrics["loss/value"]) == pytest.approx(expected)


@pytest.mark.parametrize("stacked", [True, False])
def test_the_epochs_end_when_the_last_minibatch_meets_the_condition(stacked):
    weight = tf.Variable(0.0)
    spec = tf.TensorSpec((2, 1), tf.float32) if stacked else [tf.TensorSpec((1,), tf.float32)] * 2
    update = make_update(
        lambda batch: Loss(tf.reduce_sum(batch) * weight, {"weight": tf.identity(weight)}),
        ("weight",),
        [weight],
        keras.optimizers.SGD(1.0),
        spec=spec,
        epochs=10,
        stop=lambda metrics: metrics["weight"] < -4.0,
    )
    batches = np.ones((2, 1), np.float32)
    metrics, _ = update(batches if stacked else list(batches))
    # The weights before the steps are 0 -1, -2 -3, -4 -5: the third epoch is the last.
    assert float(weight) == -6.0
    assert metrics["weight"] == pytest.approx(-2.5)


def rollout_of(truncate):
    agent, envs = made(env=lambda: Clock(length=3, truncate=truncate), n=1, rollout_length=4)
    agent.net.value_head.kernel.assign(tf.zeros_like(agent.net.value_head.kernel))
    agent.net.value_head.bias.assign([10.0])
    agent.actor.update(agent.net)
    observations = envs.reset(seed=0)
    agent.on_episodes_cut(np.ones(1, bool))
    for _ in range(3):
        actions, extras = agent.act(observations)
        step = envs.step(actions)
        step.extras = extras
        agent.observe(step)
        observations = step.next_observations
    return agent.rollout.next_values(np.float32([7.0]))[:, 0].tolist()


def test_only_a_truncated_episode_bootstraps_from_its_last_value():
    assert rollout_of(truncate=False) == [10, 10, 0]
    assert rollout_of(truncate=True) == [10, 10, 10]


def test_a2c_has_the_optimizer_of_its_paper_and_makes_one_step_per_rollout():
    agent, _ = made("a2c", rollout_length=5, n_minibatches=1, n_epochs=1)
    assert (agent.optimizer.name, agent.optimizer.rho) == ("rmsprop", 0.99)
    assert agent.config.clip_range is None
    adam, _ = made("a2c", optimizer="adam")
    assert adam.optimizer.name == "adam"


def test_ppo_learns_continuous_actions_and_stops_at_its_target_kl():
    options = {"learning_rate": 0.01, "target_kl": 0.02, "log_std_init": -0.5, "n_epochs": 10}
    agent, envs = made(env=lambda: Sign(continuous=True), n=4, **options)
    assert agent.actor.log_std.tolist() == [-0.5]
    agentlab.train(agent, envs, 6000, quiet=True)
    assert agentlab.evaluate(agent, envs, episodes=10).mean > 9


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"clip_range": None}, "clip_range=None must be a number; use algo='pg'"),
        ({"decay_clip_range": True}, "decay_clip_range=True needs decay_steps"),
        ({"target_kl": 0.0}, "target_kl=0.0 must be more than 0, or none"),
    ],
)
def test_bad_settings_are_refused_by_name(options, says):
    with pytest.raises(AgentlabError, match=says):
        made(**options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("algo", "env", "least"),
    [
        ("ppo", "CartPole-v1", 475),
        ("a2c", "CartPole-v1", 475),
        ("sac", "Pendulum-v1", -165),
        ("td3", "Pendulum-v1", -165),
    ],
)
def test_a_preset_learns_its_task(algo, env, least):
    chosen = preset(algo, env)
    seed_everything(0)
    with agentlab.make_envs(env, chosen.training["n_envs"]) as envs:
        agent = agentlab.make_agent(algo, envs, 0, **chosen.config)
        agentlab.train(agent, envs, chosen.training["steps"], quiet=True)
        assert agentlab.evaluate(agent, envs, episodes=100).mean >= least
