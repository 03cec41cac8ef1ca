import numpy as np
import pytest
import tensorflow as tf

import agentlab

from .test_sac import constant, constant_q, control, minibatch


def with_known_networks(algo, **options):
    """Return an agent whose target policy chooses tanh(0.5), with constant critics."""
    agent, _ = control(algo, **options)
    constant(agent.net, [0.0])
    constant(agent.target_net, [0.5])
    values = [1.0, 2.0][: agent.n_critics], [20.0, 10.0][: agent.n_critics]
    constant_q(agent.critics, values[0])
    constant_q(agent.target_critics, values[1])
    return agent


def test_ddpg_bootstraps_from_the_value_of_the_target_policy():
    found = with_known_networks("ddpg").critic_loss(minibatch([]))
    assert float(found.loss) == pytest.approx((1 - (0.5 + 0.9 * 20)) ** 2)


def test_td3_bootstraps_from_the_smaller_of_two_values():
    found = with_known_networks("td3").critic_loss(minibatch([0.0]))
    target = 0.5 + 0.9 * 10
    assert float(found.loss) == pytest.approx((1 - target) ** 2 + (2 - target) ** 2)


def test_nothing_is_bootstrapped_after_termination():
    found = with_known_networks("td3").critic_loss(minibatch([0.0], returns=1.0, discounts=0.0))
    assert float(found.loss) == pytest.approx(1.0)  # the sum of 0 and 1


@pytest.mark.parametrize(
    ("noise", "expected"),
    [
        (1.0, np.tanh(0.5) + 0.2),
        (-10.0, np.tanh(0.5) - 0.5),  # the noise is clipped to 0.5
        (10.0, np.tanh(0.5) + 0.5),
    ],
)
def test_the_target_policy_is_smoothed_by_clipped_noise(noise, expected):
    agent = with_known_networks("td3")
    actions = agent.target_actions(tf.ones((1, 1)), (tf.constant([[noise]]),))
    assert float(actions[0, 0]) == pytest.approx(expected)


def test_smoothed_actions_stay_within_the_bounds():
    agent = with_known_networks("td3")
    constant(agent.target_net, [3.0])
    actions = agent.target_actions(tf.ones((1, 1)), (tf.constant([[10.0]]),))
    assert float(actions[0, 0]) == 1.0


def test_the_policy_ascends_the_first_critic():
    assert float(with_known_networks("td3").policy_loss(minibatch([0.0])).loss) == -1.0


def test_the_policy_and_the_targets_are_updated_after_every_second_update():
    agent, envs = control("td3", 1, learning_starts=16, tau=0.5)
    observations = envs.reset(seed=0)
    for _ in range(20):
        step = envs.step(agent.act(observations))
        agent.experience.add(step)
        observations = step.next_observations
    nets = {"net": agent.net, "target_critics": agent.target_critics, "critics": agent.critics}

    def changed():
        """Return the networks that one more minibatch changes."""
        before = {name: [v.numpy() for v in net.variables] for name, net in nets.items()}
        agent.learn(agent.experience.sample(1))
        return {
            name
            for name, net in nets.items()
            if any(
                (old != v.numpy()).any() for old, v in zip(before[name], net.variables, strict=1)
            )
        }

    assert [changed() for _ in range(4)] == [{"critics"}, set(nets), {"critics"}, set(nets)]


def test_exploration_adds_noise_and_evaluation_does_not():
    agent, envs = control("td3", 200, noise_std=0.5, learning_starts=16)
    constant(agent.net, [0.0])
    agent.actor.update(agent.net)
    agent.experience.steps = 100
    observations = envs.reset(seed=0)
    assert agent.act(observations).std() == pytest.approx(0.45, abs=0.1)  # some are clipped at 1
    assert not agent.act(observations, explore=False).any()


def test_td3_learns():
    options = {"learning_rate": 0.01, "train_freq": 8, "gradient_steps": 8, "noise_std": 0.3}
    agent, envs = control("td3", 4, **options)
    agentlab.train(agent, envs, 1000, quiet=True)
    assert agentlab.evaluate(agent, envs, episodes=10).mean > 9.5
