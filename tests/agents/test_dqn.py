import itertools

import gymnasium
import numpy as np
import pytest
import tensorflow as tf

import agentlab
from agentlab.agents.q_minibatches import QMinibatch
from agentlab.envs import Frames
from agentlab.errors import AgentlabError
from agentlab.runs import Run, seed_everything
from agentlab.testing.envs import Bars, Clock, Sign

SMALL = {
    "hidden": (16, 16),
    "buffer_size": 500,
    "learning_starts": 64,
    "batch_size": 16,
    "target_update_interval": 50,
    "epsilon_steps": 500,
    "learning_rate": 0.01,
}
BFLOAT16 = {"precision": "bfloat16"}
FORMS: list[dict] = [
    {},
    {"double": True, "dueling": True},
    {"n_step": 3, "prioritized": True},
    {"noisy": True},
    {"distribution": "c51", "v_min": 0.0, "v_max": 20.0},
    {"distribution": "quantile", "n_atoms": 11},
    {"distribution": "iqn", "n_atoms": 8, "double": True, "dueling": True},
    {"tau": 0.05, "target_update_interval": 4, "epsilon_schedule": "exponential"},
]
SIX = {
    "double": True,
    "dueling": True,
    "n_step": 3,
    "prioritized": True,
    "noisy": True,
    "distribution": "c51",
    "v_min": 0.0,
    "v_max": 20.0,
}


def dqn(env, n=4, seed=0, algo="dqn", **options):
    envs = agentlab.make_envs(env, n)
    return agentlab.make_agent(algo, envs, seed, **{**SMALL, **options}), envs


# Losses, computed by hand


def loss_of(agent, observations, actions, returns, nexts, discounts, weights=None):
    def array(values):
        return tf.constant(np.asarray(values, np.float32))

    batch = QMinibatch(
        observations=array(observations)[:, None],
        actions=tf.constant(actions, tf.int32),
        returns=array(returns),
        next_observations=array(nexts)[:, None],
        discounts=array(discounts),
        weights=array(np.ones(len(actions)) if weights is None else weights),
        next_outputs=agent.target_net.call(array(nexts)[:, None]),
        seed=tf.zeros(2, tf.int32),
    )
    found = agent.loss(batch)
    assert found.metrics.keys() == {"loss", "q_values"}
    assert float(found.metrics["loss"]) == float(found.loss)
    return float(found.loss), found.per_example.numpy(), float(found.metrics["q_values"])


def linear(agent, net, slopes, bias=0.0):
    """Make ``net`` answer ``slope * observation + bias`` for each action (observations >= 0)."""
    first, last = net.torso.denses[0], net.advantage[0]
    first.kernel.assign([[1.0]])
    last.kernel.assign([slopes])
    last.bias.assign(np.full(len(slopes), bias))


def one_unit(**options):
    agent, _ = dqn(Clock, 1, hidden=(1,), **options)
    linear(agent, agent.net, [1.0, 2.0])
    linear(agent, agent.target_net, [10.0, -10.0])
    return agent


def test_the_target_is_the_reward_and_the_best_value_of_the_target_net():
    # Q(1, a=1) = 2; target 0.5 + 0.9 * max(10, -10) * 1 = 9.5; error 7.5, Huber 7.
    loss, errors, value = loss_of(one_unit(), [1], [1], [0.5], [1], [0.9])
    assert (loss, value) == pytest.approx((7.0, 2.0))
    assert errors == pytest.approx([7.5])


def test_double_dqn_lets_the_online_net_choose_and_the_target_net_value():
    # The online net prefers action 1, which the target net values at -10: 0.5 - 9 = -8.5,
    # error 10.5, Huber 10.
    loss, errors, _ = loss_of(one_unit(double=True), [1], [1], [0.5], [1], [0.9])
    assert loss == pytest.approx(10.0)
    assert errors == pytest.approx([10.5])


def test_nothing_is_bootstrapped_where_the_discount_is_zero():
    loss, errors, _ = loss_of(one_unit(), [1], [0], [1.0], [7], [0.0])
    assert loss == pytest.approx(0)  # Q(1, a=0) = 1, the reward itself


def test_weights_scale_losses_and_not_errors():
    # Errors 7.5 and 0, so losses 7 and 0, the mean of 0.5 * 7 and 0.
    loss, errors, _ = loss_of(
        one_unit(), [1, 1], [1, 0], [0.5, 1.0], [1, 1], [0.9, 0.0], weights=[0.5, 1.0]
    )
    assert loss == pytest.approx(1.75)
    assert errors == pytest.approx([7.5, 0.0])


def test_dueling_streams_add_up_to_the_value_and_the_centered_advantage():
    agent, _ = dqn(Clock, 1, hidden=(1, 1), dueling=True)
    net = agent.net
    for stream, slopes, bias in ((net.advantage, [1.0, 3.0], 0.0), (net.value, [1.0], 5.0)):
        hidden, last = stream
        hidden.kernel.assign([[1.0]])
        last.kernel.assign([slopes])
        last.bias.assign(np.full(len(slopes), bias))
    net.torso.denses[0].kernel.assign([[1.0]])
    # V = 2 + 5, A = 2 and 6, their mean 4.
    np.testing.assert_allclose(net.call(np.array([[2.0]], np.float32))[..., 0], [[5.0, 9.0]])


def test_priorities_of_c51_are_zero_where_the_distribution_is_known():
    agent, _ = dqn(Clock, 1, distribution="c51", n_atoms=3, v_min=0.0, v_max=2.0, hidden=(1,))
    for net in (agent.net, agent.target_net):
        net.advantage[0].kernel.assign(np.zeros((1, 6)))
        net.advantage[0].bias.assign(np.zeros(6))
    # All is uniform, and a reward of 0 at discount 1 moves nothing.
    _, errors, _ = loss_of(agent, [1], [0], [0.0], [1], [1.0])
    assert errors == pytest.approx([0.0], abs=1e-6)


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("dueling", [False, True])
def test_the_numpy_actor_says_what_the_net_says(noisy, dueling):
    agent, envs = dqn(Sign, noisy=noisy, dueling=dueling, distribution="quantile", n_atoms=5)
    observations = np.linspace(-1, 1, 7, dtype=np.float32)[:, None]
    acted = agent.actor(observations, None)
    np.testing.assert_allclose(acted, agent.net.call(observations), rtol=1e-5, atol=1e-6)


def test_noise_changes_actions_values_only_while_exploring():
    agent, _ = dqn(Sign, noisy=True)
    observations = np.ones((1, 1), np.float32)
    drawn = [agent.actor(observations, agent.rng) for _ in range(2)]
    assert not np.allclose(*drawn)
    still = [agent.actor(observations, None) for _ in range(2)]
    assert np.array_equal(*still)


# Learning


@pytest.mark.parametrize(
    "options",
    [
        {"overlap": False, "train_freq": 16, "gradient_steps": 4},
        *(pytest.param(options, marks=pytest.mark.slow) for options in (SIX, *FORMS)),
    ],
    ids=str,
)
def test_every_form_of_the_algorithm_learns_which_action_pays(options):
    agent, envs = dqn(Sign, gamma=0.9, **options)
    agentlab.train(agent, envs, 4000, quiet=True)
    assert agentlab.evaluate(agent, envs, 20).mean > 9.5


@pytest.mark.parametrize(
    "options",
    [{}, *(pytest.param(options, marks=pytest.mark.slow) for options in (BFLOAT16, SIX))],
    ids=["plain", "bfloat16", "all six"],
)
def test_it_learns_from_images(options):
    agent, envs = dqn(
        lambda: Bars(high=255), net="small_cnn", gamma=0.5, **{**options, "learning_rate": 0.003}
    )
    agentlab.train(agent, envs, 2500, quiet=True)
    assert agentlab.evaluate(agent, envs, 20).mean > 8


def value_at_start(truncate):
    agent, envs = dqn(
        lambda: Clock(length=1, truncate=truncate),
        gamma=0.5,
        target_update_interval=10,
        epsilon_end=1.0,
    )
    agentlab.train(agent, envs, 4000, quiet=True)
    return agent.distribution.expected_values(agent.actor(np.zeros((1, 1), np.float32), None)).max()


def test_values_stop_at_termination_and_go_on_through_truncation():
    # One step an episode, paid 1. Where it terminates that is all. Where it is cut, the value of
    # the final observation counts on: nobody ever acts there, but the net fills it in, above 0.
    assert value_at_start(truncate=False) == pytest.approx(1.0, abs=0.1)
    assert value_at_start(truncate=True) > 1.2


def with_targets(agent, batches):
    """Add the target network's outputs to the minibatches, unless it draws noise."""
    if agent.config.noisy:
        return batches
    outputs = [agent.target_net.call(observations) for observations in batches.next_observations]
    return batches._replace(next_outputs=np.stack(outputs))


@pytest.mark.parametrize("options", [{}, {"double": True, "distribution": "c51"}, {"noisy": True}])
def test_updates_of_one_call_are_those_of_one_call_each(options):
    rng = np.random.default_rng(0)
    together, alone = (
        dqn("CartPole-v1", hidden=(8,), batch_size=4, **options)[0] for _ in range(2)
    )
    batches = QMinibatch(
        observations=rng.normal(size=(3, 4, 4)).astype(np.float32),
        actions=rng.integers(2, size=(3, 4)).astype(np.int32),
        returns=rng.normal(size=(3, 4)).astype(np.float32),
        next_observations=rng.normal(size=(3, 4, 4)).astype(np.float32),
        discounts=rng.random((3, 4)).astype(np.float32),
        weights=rng.random((3, 4)).astype(np.float32),
        seed=np.arange(6, dtype=np.int32).reshape(3, 2),
    )
    _, errors = together.update(with_targets(together, batches))
    parts = []
    for i in range(3):
        one = tf.nest.map_structure(lambda field, i=i: field[i : i + 1], batches)
        parts.append(alone.update(with_targets(alone, one))[1])
    np.testing.assert_allclose(errors, np.concatenate(parts), rtol=1e-4, atol=1e-5)
    for one, other in zip(together.net.weights, alone.net.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_the_target_net_follows_at_its_own_pace():
    agent, envs = dqn(Clock, 4, target_update_interval=1000, learning_starts=16)
    before = [v.numpy() for v in agent.target_net.variables]
    agentlab.train(agent, envs, 900, quiet=True)
    assert all(
        np.array_equal(a, b) for a, b in zip(before, agent.target_net.variables, strict=True)
    )
    agentlab.train(agent, envs, 200, quiet=True)  # passes 1000
    assert not all(
        np.array_equal(a, b) for a, b in zip(before, agent.target_net.variables, strict=True)
    )


def test_polyak_averaging_takes_over_a_share():
    agent, _ = dqn(Clock, 1)
    old, new = agent.target_net.variables[0], agent.net.variables[0]
    new.assign(old + 1.0)
    before = old.numpy()
    agent.update_target(np.float32(0.25))
    np.testing.assert_allclose(old, before + 0.25, rtol=1e-5)


def test_updates_keep_pace_with_steps_whatever_the_number_of_environments():
    for n, train_freq in ((1, 4), (4, 4), (8, 4), (6, 4)):
        agent, envs = dqn(Clock, n, train_freq=train_freq, learning_starts=60, batch_size=8)
        agentlab.train(agent, envs, 600, quiet=True)
        updates = int(agent.optimizer.iterations.numpy())
        assert abs(updates - (600 - 60) / train_freq) <= 2 + n / train_freq


def test_random_actions_become_rarer_as_the_flags_say():
    agent, envs = dqn(Sign, epsilon_start=0.8, epsilon_end=0.2, epsilon_steps=1000)
    assert agent.epsilon == 1  # before learning starts
    agent.steps = 500
    assert agent.epsilon == pytest.approx(0.5)
    agent.steps = 5000
    assert agent.epsilon == pytest.approx(0.2)


# Repeating and resuming


def images(n=4):
    preprocessing = agentlab.envs.Preprocessing(
        grayscale=True, resize=36, frame_stack=4, frame_skip=4, clip_rewards=True, noop_max=5
    )
    return agentlab.make_envs("PongNoFrameskip-v4", n, preprocessing=preprocessing)


def trained(steps, run=None, seed=3, envs=None, **options):
    seed_everything(seed)
    envs = agentlab.make_envs(Sign, 4) if envs is None else envs
    agent = agentlab.make_agent("dqn", envs, seed, **{**SMALL, **options})
    agentlab.train(agent, envs, steps, run=run, seed=seed, quiet=True, checkpoint_every=400)
    return agent


def equal(a, b):
    states = a.state(), b.state()
    return a.rng.bit_generator.state == b.rng.bit_generator.state and all(
        np.array_equal(states[0][name], states[1][name]) for name in states[0]
    )


def test_a_seed_repeats_a_run_on_stacked_images_bit_for_bit():
    runs = []
    for _ in range(2):
        with images() as envs:
            assert isinstance(envs.observation_space, Frames)
            runs.append(trained(480, envs=envs, net="small_cnn", double=True, n_step=2))
    assert equal(*runs)


@pytest.mark.slow
def test_a_resumed_run_with_a_compressed_buffer_equals_an_unbroken_one_bit_for_bit(tmp_path):
    options = {"compress": True, "train_freq": 48, "target_update_interval": 70}
    unbroken = trained(1600, Run.create(tmp_path, "unbroken", {}), **options)
    trained(1000, Run.create(tmp_path, "resumed", {}), **options)
    latest = sorted((tmp_path / "resumed" / "checkpoints").glob("[0-9]*"))[-1]
    for file in latest.iterdir():  # as if it had been killed between two checkpoints
        if file.is_file():
            file.unlink()
    resumed = trained(1600, Run.open(tmp_path / "resumed"), **options)
    assert equal(unbroken, resumed)
    metrics = [(tmp_path / name / "metrics.csv").read_bytes() for name in ("unbroken", "resumed")]
    assert metrics[0] == metrics[1]


def test_a_loss_that_is_no_number_stops_the_run():
    agent, envs = dqn(Sign)
    agent.net.variables[0].assign(np.full(agent.net.variables[0].shape, np.nan))
    with pytest.raises(AgentlabError, match="training diverged at step .* is nan"):
        agentlab.train(agent, envs, 400, quiet=True)


def test_a_saved_agent_plays_without_its_memory(tmp_path):
    agent = trained(800)
    agent.save(tmp_path / "agent")
    assert (tmp_path / "agent" / "replay").is_dir()
    loaded = agentlab.load(tmp_path / "agent", num_envs=2)
    observations = np.array([[1.0], [-1.0]], np.float32)
    assert np.array_equal(loaded.act(observations, False), agent.act(observations, False))
    assert "replay" not in loaded.__dict__  # nothing was read or allocated


def test_an_agent_that_is_loaded_and_saved_again_keeps_its_memory(tmp_path):
    agent = trained(800)
    agent.save(tmp_path / "agent")
    loaded = agentlab.load(tmp_path / "agent")
    loaded.save(tmp_path / "again")
    again = agentlab.load(tmp_path / "again")
    draws = [a.replay.sample(9, np.random.default_rng(0)) for a in (agent, again)]
    assert np.array_equal(draws[0].observations, draws[1].observations)


# Refusals and views


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"n_step": 500}, "n_step=500 must be less than buffer_size=500"),
        ({"batch_size": 65}, "learning_starts=64 must be at least batch_size=65"),
        ({"alpha": 1.5}, "alpha=1.5 must be between 0 and 1"),
        ({"beta": -0.1}, "beta=-0.1 must be between 0 and 1"),
        ({"learning_starts": 501}, "learning_starts=501 must not exceed buffer_size=500"),
        ({"distribution": "c51", "n_atoms": 1}, "n_atoms=1 must be 2 or more"),
        ({"v_min": 3.0, "v_max": 2.0}, "v_min=3.0 must be less than v_max=2.0"),
        ({"epsilon_end": 2.0}, "epsilon_end=2.0 must be between 0 and 1"),
        ({"train_freq": 0}, "train_freq=0 must be more than 0"),
        ({"buffer_size": 100, "n_step": 30}, "buffer_size=100 must be 128 or more for 4 env"),
        ({"noisy": True, "hidden": (16,), "net": "small_cnn"}, "needs images"),
        ({"precision": "bfloat16"}, "needs a convolutional network; net='mlp'"),
    ],
)
def test_bad_settings_are_refused_by_name(options, says):
    with pytest.raises(AgentlabError, match=says):
        agentlab.train(*dqn(Sign, **options), 8, quiet=True)  # the buffer is made at its first step


def test_rainbow_is_dqn_with_all_six_improvements():
    agent, _ = dqn(Sign, algo="rainbow")
    config = agent.config
    assert config.double and config.dueling and config.prioritized and config.noisy
    assert config.n_step == 3 and config.distribution == "c51"


def test_weights_gradients_and_the_graph_can_be_shown():
    agent, envs = dqn(Sign)
    agentlab.train(agent, envs, 400, quiet=True)
    names = {name.split("/")[0] for name in agent.histograms()}
    assert names == {"weights", "gradients"}
    assert agent.graph() is not None


def test_discrete_observations_and_actions_that_start_elsewhere_are_understood():
    class Named(gymnasium.Env):
        observation_space = gymnasium.spaces.Discrete(3, start=5)
        action_space = gymnasium.spaces.Discrete(2, start=7)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.days = itertools.count(1)
            return 5, {}

        def step(self, action):
            assert action in (7, 8)
            day = next(self.days)
            return 5 + day % 3, float(action == 8), day == 6, False, {}

    agent, envs = dqn(Named, gamma=0.5)
    agentlab.train(agent, envs, 2000, quiet=True)
    assert agentlab.evaluate(agent, envs, 8).mean == 6
