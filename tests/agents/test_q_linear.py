import numpy as np
import pytest
from gymnasium import spaces

import agentlab
from agentlab.agents.q_linear import FourierFeatures, QLinear, QLinearConfig
from agentlab.envs.vector import Step
from agentlab.errors import AgentlabError
from agentlab.runs import Run
from agentlab.testing.envs import Clock, Sign

SMALL = {
    "features": 20,
    "learning_starts": 60,
    "buffer_size": 1000,
    "batch_size": 8,
    "gradient_steps": 1,
    "tau": 0.01,
    "learning_rate": 0.5,
}


def q_linear(n=1, observation_space=None, action_space=None, **options):
    return QLinear(
        observation_space or spaces.Box(-np.inf, np.inf, (2,)),
        action_space or spaces.Discrete(2),
        n,
        QLinearConfig(**{**SMALL, **options}),
    )


def step(observation, action, reward, following, terminated=False, truncated=False):
    """One step of one environment; an episode that ends starts again in (99, 99)."""
    ended = np.flatnonzero([terminated or truncated])
    successor, rewards = np.float32([following]), np.float32([reward])
    flags = [np.array([flag]) for flag in (terminated, truncated)]
    after = np.float32([[99, 99]]) if len(ended) else successor
    return Step(
        np.float32([observation]), np.array([action]), rewards, rewards, after, *flags, ended,
        successor[ended], flags[0] | flags[1],
    )  # fmt: skip


@pytest.mark.parametrize("kernels", [(0.1,), (0.02, 1.0, 0.5, 0.1)])
def test_inner_products_of_features_come_close_to_the_kernels_mean(kernels):
    rng = np.random.default_rng(0)
    features = FourierFeatures.draw(3, kernels, 10_000, rng)
    x, y = rng.standard_normal((2, 50, 3)).astype(np.float32)
    square = ((x - y) ** 2).sum(1)
    expected = np.mean([np.exp(-gamma * square) for gamma in kernels], 0)
    np.testing.assert_allclose((features(x) * features(y)).sum(1), expected, atol=0.04)
    np.testing.assert_allclose((features(x) ** 2).sum(1), 1, atol=0.04)


def test_each_kernel_has_frequencies_of_its_own_width():
    frequencies = FourierFeatures.draw(1, (0.02, 2.0), 5000, np.random.default_rng(0)).frequencies
    assert frequencies[:, :5000].std() == pytest.approx(0.2, rel=0.05)  # sqrt(2 * .02)
    assert frequencies[:, 5000:].std() == pytest.approx(2.0, rel=0.05)  # sqrt(2 * 2)


@pytest.mark.parametrize(
    ("end", "discount"), [({}, 0.5), ({"terminated": True}, 0), ({"truncated": True}, 0.5)]
)
def test_an_update_moves_a_value_towards_reward_and_next_value(end, discount):
    agent = q_linear(learning_starts=2, batch_size=1, gamma=0.5, learning_rate=0.25, tau=0.1)
    rng = np.random.default_rng(1)
    agent.weights[:], agent.target[:] = rng.standard_normal((2, *agent.weights.shape))
    weights, target = agent.weights.copy(), agent.target.copy()
    first = step([3, 4], 1, 3, [2, 0] if end else [1, 2], **end)
    agent.observe(first)  # the random steps go on: nothing is learned
    assert (agent.weights == weights).all()
    agent.observe(step([1, 2], 0, 5, [2, 0]))  # only now it is known what followed the first
    assert agent.mean.tolist() == [2, 3]
    assert agent.deviation.tolist() == [1, 1]
    z, next_z = (
        agent.features(np.float32([x]) - agent.mean) for x in ([3, 4], [2, 0] if end else [1, 2])
    )
    error = 3 + discount * (next_z @ target).max() - (z @ weights)[0, 1]
    expected = weights.copy()
    expected[:, 1] += 0.25 * error * z[0]
    np.testing.assert_allclose(agent.weights, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(agent.target, target + 0.1 * (expected - target), atol=1e-5)


def test_observations_are_standardized_on_those_of_the_warm_up_and_no_others():
    envs = agentlab.make_envs(lambda: Clock(5), 2)
    agent = agentlab.make_agent(QLinear, envs, **{**SMALL, "learning_starts": 20})
    agentlab.train(agent, envs, 20, quiet=True)  # sees 0, 1, 2, 3, 4 four times
    assert agent.mean.tolist() == [2]
    assert agent.deviation[0] == pytest.approx(np.sqrt(2))
    frequencies = agent.features.frequencies.copy()
    agentlab.train(agent, agentlab.make_envs(lambda: Clock(50), 2), 200, quiet=True)
    assert agent.mean.tolist() == [2]
    assert (agent.features.frequencies == frequencies).all()


def test_a_dimension_that_never_changes_is_left_as_it_is():
    agent = q_linear(learning_starts=2)
    for _ in range(2):
        agent.observe(step([1, 2], 1, 0, [1, 2]))
    assert agent.deviation.tolist() == [1, 1]
    assert np.isfinite(agent.weights).all()


def test_the_warm_up_is_random_and_greedy_play_is_then_the_first_action():
    agent = q_linear(200, action_space=spaces.Discrete(2, start=3), epsilon_start=0, epsilon_end=0)
    observations = np.zeros((200, 2), np.float32)
    assert agent.epsilon == 1
    assert 70 < (agent.act(observations) == 3).sum() < 130
    assert set(agent.act(observations, explore=False)) == {3}


def test_exploration_begins_when_the_warm_up_is_over():
    agent = q_linear(learning_starts=2, epsilon_start=0.5, epsilon_end=0.0, epsilon_steps=4)
    shares = [agent.epsilon]
    for _ in range(4):
        agent.observe(step([1, 2], 1, 0, [1, 2]))
        shares.append(agent.epsilon)
    assert shares == [1, 1, 0.5, 0.375, 0.25]


def test_an_update_gets_smaller_where_it_is_asked_for():
    agent = q_linear(learning_starts=2, learning_rate=2.0, learning_rate_half_life=4)
    rates = []
    for _ in range(14):
        agent.observe(step([1, 2], 1, 0, [1, 2]))
        rates.append(agent.learning_rate)
    # 0, 4 and 12 steps after the warm-up: divided by 1, 2 and 4.
    assert [rates[1], rates[5], rates[13]] == [2, 1, 0.5]
    assert q_linear(learning_rate=2.0).learning_rate == 2


def test_old_steps_make_room_for_new_ones():
    agent = q_linear(learning_starts=2, buffer_size=4)
    for reward in range(6):
        agent.observe(step([1, 2], 1, reward, [1, 2]))
    drawn = agent.replay.sample(200, np.random.default_rng(0))
    assert set(drawn.returns) == {2, 3, 4}  # what follows the last is not known yet


def trained(steps, seed=0, run=None, env=Sign, n=2, **options):
    envs = agentlab.make_envs(env, n)
    options = {**SMALL, "epsilon_steps": 500, "gamma": 0.5, **options}
    agent = agentlab.make_agent(QLinear, envs, seed, **options)
    agentlab.train(
        agent, envs, steps, run=run, seed=seed, log_every=90, checkpoint_every=400, quiet=True
    )
    return agent


def test_it_learns_which_action_pays():
    agent = trained(1500)
    assert agentlab.evaluate(agent, agentlab.make_envs(Sign, 2), 20).mean == 10


@pytest.mark.parametrize("truncate", [True, False])
def test_a_last_value_counts_what_follows_a_cut_but_nothing_after_a_termination(truncate):
    agent = trained(3000, env=lambda: Clock(3, truncate), learning_rate=1.0)
    last, final = (agent.encode(np.float32([[t]])) @ agent.weights for t in (2, 3))
    assert abs(final.max()) > 0.5
    expected = 1 + 0.5 * final.max() if truncate else 1
    np.testing.assert_allclose(last, expected, atol=0.05)


@pytest.mark.parametrize(
    "learning_starts", [60, 600]
)  # over before the checkpoint, or still under way
def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(tmp_path, learning_starts):
    unbroken = trained(
        1600, run=Run.create(tmp_path, "unbroken", {}), learning_starts=learning_starts
    )
    trained(500, run=Run.create(tmp_path, "resumed", {}), learning_starts=learning_starts)
    # Forget what the end at 500 saved: as if it had been killed between two checkpoints.
    latest = sorted((tmp_path / "resumed" / "checkpoints").glob("[0-9]*"))[-1]
    for file in latest.iterdir():
        if file.is_file():
            file.unlink()
    resumed = trained(1600, run=Run.open(tmp_path / "resumed"), learning_starts=learning_starts)
    one, other = unbroken.state(), resumed.state()
    assert one.keys() == other.keys()
    assert all(np.array_equal(value, other[name]) for name, value in one.items())
    assert unbroken.rng.bit_generator.state == resumed.rng.bit_generator.state
    metrics = [(tmp_path / name / "metrics.csv").read_bytes() for name in ("unbroken", "resumed")]
    assert metrics[0] == metrics[1]
    assert b"td_error" in metrics[0]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"learning_rate": 0.0}, "learning_rate=0.0 must be more than 0"),
        ({"learning_rate_half_life": -1}, "learning_rate_half_life=-1 must be 0 or more"),
        ({"features": 0}, "features=0 must be more than 0"),
        ({"kernels": ()}, r"kernels=\(\) must be one or more positive numbers"),
        ({"kernels": (1.0, 0.0)}, r"each item of kernels=\(1.0, 0.0\) must be more than 0"),
        ({"learning_starts": 1}, "learning_starts=1 must be 2 or more"),
        ({"learning_starts": 5000}, "learning_starts=5000 must not exceed buffer_size=1000"),
        ({"gamma": 1.5}, "gamma=1.5 must be between 0 and 1"),
        ({"tau": 0.0}, "tau=0.0 must be more than 0 and at most 1"),
        ({"epsilon_end": -1.0}, "epsilon_end=-1.0 must be between 0 and 1"),
    ],
)
def test_bad_settings_are_refused_by_name(options, says):
    with pytest.raises(AgentlabError, match=says):
        q_linear(**options)


@pytest.mark.parametrize(
    ("observations", "actions", "says"),
    [
        (None, spaces.Box(-1, 1), "algo='q_linear' needs Discrete actions, but .* has Box"),
        (spaces.Text(4), None, "algo='q_linear' needs .* observations, but .* has Text"),
    ],
)
def test_spaces_that_it_cannot_handle_are_refused(observations, actions, says):
    with pytest.raises(AgentlabError, match=says):
        q_linear(1, observations, actions)
