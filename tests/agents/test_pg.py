import numpy as np
import pytest
import tensorflow as tf

import agentlab
from agentlab.agents.rollout_minibatches import RolloutMinibatch
from agentlab.errors import AgentlabError
from agentlab.runs import Run, seed_everything
from agentlab.testing.envs import Bars, Clock, Sign

SMALL = {"hidden": (16,), "rollout_length": 16, "n_minibatches": 2}


def pg(env, n=4, seed=0, **options):
    envs = agentlab.make_envs(env, n)
    return agentlab.make_agent("pg", envs, seed, **{**SMALL, **options}), envs


def test_a_discrete_policy_learns_which_action_pays():
    agent, envs = pg(Sign, learning_rate=0.01)
    agentlab.train(agent, envs, 4000, quiet=True)
    assert agentlab.evaluate(agent, envs, 20).mean == 10


def test_a_continuous_policy_learns_which_value_pays():
    agent, envs = pg(lambda: Sign(continuous=True), learning_rate=0.01)
    agentlab.train(agent, envs, 12_000, quiet=True)
    assert agentlab.evaluate(agent, envs, 20).mean > 9


@pytest.mark.parametrize("net", ["mlp", "small_cnn"])
@pytest.mark.parametrize("high", [1, 255])
def test_a_policy_on_images_learns_where_the_bar_is(net, high):
    agent, envs = pg(lambda: Bars(high=high), net=net, activation="relu", learning_rate=0.003)
    agentlab.train(agent, envs, 3000, quiet=True)
    assert agentlab.evaluate(agent, envs, 20).mean > 8


@pytest.mark.parametrize(
    "options",
    [
        {"baseline": "none", "clip_range": None, "n_epochs": 1, "n_minibatches": 1, "gamma": 0.5},
        {
            "clip_range": None,
            "n_epochs": 1,
            "n_minibatches": 1,
            "gae_lambda": 1.0,
        },  # with a baseline
        {"optimizer": "rmsprop", "max_grad_norm": None},
        {"shared_torso": True, "overlap": False, "normalize_advantage": False},
    ],
)
def test_every_form_of_the_algorithm_learns(options):
    agent, envs = pg(Sign, learning_rate=0.02, **options)
    agentlab.train(agent, envs, 12_000, quiet=True)
    assert agentlab.evaluate(agent, envs, 20).mean > 9.5


def learned_from(envs, steps, **options):
    """Capture what ``pg`` hands to its learner in the first ``steps`` steps."""
    agent = agentlab.make_agent(
        "pg",
        envs,
        overlap=False,
        normalize_advantage=False,
        n_minibatches=1,
        **{**options, "rollout_length": steps},
    )
    batches = []
    real = agent.update

    def update(given):
        batches.append(given)
        return real(given)

    agent.update = update
    observations = envs.reset(0)
    final_value = agent.actor(np.float32([[3]]))[1][0]
    for _ in range(steps):
        actions, extras = agent.act(observations)
        step = envs.step(actions)
        step.extras = extras
        agent.observe(step)
        observations = step.next_observations
    order = np.argsort(batches[0].inputs[0, :, 0])  # of the one minibatch
    return batches[0].returns[0, order], final_value


def test_returns_stop_at_termination():
    returns, _ = learned_from(agentlab.make_envs(Clock), 3, gamma=0.5, gae_lambda=1.0)
    np.testing.assert_allclose(returns, [1.75, 1.5, 1], rtol=1e-5)


def test_returns_bootstrap_through_truncation_from_the_true_final_observation():
    envs = agentlab.make_envs(lambda: Clock(truncate=True))
    returns, final = learned_from(envs, 3, gamma=0.5, gae_lambda=1.0)
    expected = [1.75 + final / 8, 1.5 + final / 4, 1 + final / 2]
    np.testing.assert_allclose(returns, expected, rtol=1e-5)


def test_returns_are_cut_where_a_point_is_scored():
    envs = agentlab.make_envs(lambda: Clock(truncate=True))
    returns, _ = learned_from(envs, 3, gamma=0.5, gae_lambda=1.0, cut_at_reward=True)
    np.testing.assert_allclose(returns, [1, 1, 1], rtol=1e-5)


def test_the_loss_is_the_clipped_objective_of_the_paper():
    agent, _ = pg(Sign, clip_range=0.2, ent_coef=0.1, vf_coef=0.5)
    inputs = np.float32([[-1], [1]])
    actions, returns = np.array([0, 1]), np.float32([0.3, -0.2])
    advantage = np.float32([2, -1])
    logits, values = (np.asarray(x) for x in agent.net(inputs))
    log_probs = np.asarray(tf.nn.log_softmax(logits))
    chosen = log_probs[[0, 1], actions]
    ratio = np.float32([1.5, 0.5])  # the first is clipped to 1.2; the second, worse, to .8
    start = chosen - np.log(ratio)
    drawn = start - np.log(np.float32([2, 1]))  # drawn by an older policy: weights 2 and 1
    advantage = advantage / np.float32([2, 1])
    found = agent.loss(RolloutMinibatch(inputs, actions, drawn, advantage, returns), start)
    assert list(found.metrics) == ["loss/policy", "loss/value", "entropy", "kl", "clipped"]
    policy_loss = -(1.2 * 2 + 0.8 * -1) / 2
    value_loss = ((values - returns) ** 2).mean()
    entropy = -(np.exp(log_probs) * log_probs).sum(1).mean()
    kl = (ratio - 1 - np.log(ratio)).mean()
    metrics = list(found.metrics.values())
    np.testing.assert_allclose(metrics, [policy_loss, value_loss, entropy, kl, 1], rtol=1e-4)
    expected = policy_loss + 0.5 * value_loss - 0.1 * entropy
    np.testing.assert_allclose(found.loss, expected, rtol=1e-4)


def test_a_gaussian_states_its_density_and_clips_only_what_leaves():
    from gymnasium import spaces

    from agentlab.agents.policies import Gaussian

    policy = Gaussian(spaces.Box(-1, 1, (2,)))
    log_std = np.float32([0.0, np.log(2)])
    means = np.float32([[0.5, -3]])
    actions, log_prob = policy.sample(means, log_std, np.random.default_rng(0))
    stated, entropy = policy.log_prob_and_entropy(means, log_std, actions)
    noise = (actions - means) / [1, 2]
    by_hand = -0.5 * (noise**2).sum() - np.log(2) - np.log(2 * np.pi)
    np.testing.assert_allclose([log_prob[0], stated[0]], by_hand, rtol=1e-5)
    np.testing.assert_allclose(entropy[0], 1 + np.log(2 * np.pi) + np.log(2), rtol=1e-5)
    assert policy.to_env(means).tolist() == [[0.5, -1]]


def test_a_softmax_draws_as_often_as_it_says():
    from gymnasium import spaces

    from agentlab.agents.policies import Softmax

    policy = Softmax(spaces.Discrete(3, start=4))
    probs = np.float32([0.2, 0.5, 0.3])
    logits = np.tile(np.log(probs), (20_000, 1))
    actions, log_probs = policy.sample(logits, None, np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(actions) / 20_000, probs, atol=0.02)
    np.testing.assert_allclose(log_probs, np.log(probs)[actions], rtol=1e-5)
    assert set(policy.to_env(actions)) == {4, 5, 6}


def trained(steps, seed=0, run=None, **options):
    seed_everything(seed)
    agent, envs = pg(Sign, seed=seed, **options)
    agentlab.train(
        agent, envs, steps, run=run, seed=seed, log_every=100, checkpoint_every=400, quiet=True
    )
    return agent


@pytest.mark.slow
def test_a_seed_repeats_a_run_on_a_cnn_bit_for_bit():
    states = []
    for _ in range(2):
        seed_everything(0)
        agent, envs = pg(lambda: Bars(high=255), net="small_cnn", rollout_length=32)
        agentlab.train(agent, envs, 1000, quiet=True)
        states.append(agent.state())
    assert all(np.array_equal(value, states[1][name]) for name, value in states[0].items())


def test_no_step_is_logged_twice_though_learning_ends_after_it(tmp_path):
    agent, envs = pg(Sign)
    with Run.create(tmp_path, "run", {}) as run:
        agentlab.train(agent, envs, 800, run=run, log_every=100, checkpoint_every=400, quiet=True)
    rows = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == [str(step) for step in range(100, 900, 100)]
    assert rows[-1].split(",")[-1]  # what was learned last is in the last row


def test_resuming_a_run_that_had_ended_changes_nothing(tmp_path):
    trained(800, run=Run.create(tmp_path, "run", {}))
    files = ("metrics.csv", "timings.csv")
    before = [(tmp_path / "run" / name).read_bytes() for name in files]
    checkpoints = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    trained(800, run=Run.open(tmp_path / "run"))
    assert [(tmp_path / "run" / name).read_bytes() for name in files] == before
    after = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert after == checkpoints


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_checkpoint(tmp_path):
    run = Run.create(tmp_path, "run", {})
    for reward, steps in ((1.0, 400), (1e30, 4000)):  # squared, 1e30 is infinite in float32
        agent, envs = pg(lambda reward=reward: Clock(reward=reward), normalize_returns=False)
        if reward == 1.0:
            agentlab.train(agent, envs, steps, run=run, quiet=True)
            continue
        says = "diverged at step .* is (nan|inf).*checkpoints/000001"
        with pytest.raises(AgentlabError, match=says):
            agentlab.train(agent, envs, steps, run=run, quiet=True)
    assert [p.name for p in (run.path / "checkpoints").glob("[0-9]*")] == ["000001"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"learning_rate": 0.0}, "learning_rate=0.0 must be more than 0"),
        ({"gamma": 1.5}, "gamma=1.5 must be between 0 and 1"),
        ({"clip_range": -1.0}, "clip_range=-1.0 must be more than 0, or none"),
        ({"hidden": ()}, r"hidden=\(\) must be"),
        ({"baseline": "mean"}, "baseline='mean' is not one of value, none"),
        ({"n_epochs": "three"}, "n_epochs='three' is not an integer"),
        ({"lerning_rate": 1.0}, "did you mean 'learning_rate'"),
        ({"activation": "tahn"}, "activation='tahn' is unknown"),
    ],
)
def test_bad_settings_are_refused_by_name(options, says):
    with pytest.raises(AgentlabError, match=says):
        pg(Sign, **options)


def test_more_minibatches_than_steps_are_refused():
    agent, envs = pg(Sign, n_minibatches=1000)
    with pytest.raises(AgentlabError, match="n_minibatches=1000 must not exceed the 64 steps"):
        agentlab.train(agent, envs, 1000, quiet=True)


def test_the_graph_and_the_gradients_can_be_shown():
    agent, envs = pg(Sign)
    agentlab.train(agent, envs, 400, quiet=True)
    names = agent.histograms()
    kinds = {name.split("/")[0] for name in names}
    assert kinds == {"weights", "gradients"}
    assert all(np.isfinite(array).all() for array in names.values())
    operations = [operation.name for operation in agent.graph().graph.get_operations()]
    assert any("dense" in name.lower() or "MatMul" in name for name in operations)
    assert not any("gradient" in name.lower() for name in operations)  # the network alone
