"""Policies that remember: what they learn, and that no episode leaks into another."""

import numpy as np
import pytest
import tensorflow as tf

import agentlab
from agentlab.agents.agent import Agent
from agentlab.agents.pg import METRICS
from agentlab.errors import AgentlabError
from agentlab.runs import Run, seed_everything
from agentlab.testing.envs import Bars, Clock, Recall, Sign

CELLS = ("simple_rnn", "lstm", "peephole", "gru")
SMALL = {"hidden": (16,), "rollout_length": 8, "n_minibatches": 2}


def pg(env, n=4, seed=0, **options):
    seed_everything(seed)
    envs = agentlab.make_envs(env, n)
    return agentlab.make_agent("pg", envs, seed, **{"net": "lstm", **SMALL, **options}), envs


def recalled(net):
    """Return what a policy gets that had to remember for four steps, in 5 environments."""
    agent, envs = pg(Recall, 16, net=net, shared_torso=True, rollout_length=20, learning_rate=0.004)
    agentlab.train(agent, envs, 8000, quiet=True)
    return agentlab.evaluate(agent, agentlab.make_envs(Recall, 5), 400).mean


@pytest.mark.parametrize("net", ["lstm", "gru"])
def test_a_recurrent_policy_learns_to_remember(net):
    assert recalled(net) > 0.95


def test_a_policy_without_memory_stays_at_chance():
    assert 0.4 < recalled("mlp") < 0.6


def sharpen(agent):
    """Let the policy's output depend visibly on what is remembered."""
    for head in (agent.net.policy_head, agent.net.value_head):
        shape = head.kernel.shape
        head.kernel.assign(np.random.default_rng(0).standard_normal(shape, np.float32))
    agent.actor.update(agent.net)


def spy(agent):
    """Collect what is handed to the learner, which learns nothing."""
    batches = []

    class Spy:
        def __call__(self, given):
            batches.append(given)
            return dict.fromkeys((*METRICS, "grad_norm"), 0.0), ()

        def gradients(self, batch):
            return [v * 0 for v in agent.net.trainable_variables]

        def graph(self):
            return None

    agent.update = Spy()
    sharpen(agent)
    return batches


def minibatch(batches, i):
    return tf.nest.map_structure(lambda field: field[i], batches)


@pytest.mark.parametrize(
    ("env", "options"),
    [
        *((Recall, {"net": net}) for net in CELLS),
        (Recall, {"hidden": (8, 4), "shared_torso": True}),
        (lambda: Sign(length=3, continuous=True), {}),
        (lambda: Bars(high=255), {}),
    ],
)
def test_learning_goes_through_the_same_states_as_acting_did(env, options):
    # Episodes end within rollouts, and rollouts within episodes.
    agent, envs = pg(env, 5, overlap=False, **options)
    batches = spy(agent)
    agentlab.train(agent, envs, 5 * 8 * 3, quiet=True)
    assert len(batches) == 3
    for minibatches in batches:
        for i in range(2):
            inputs, actions, log_probs, *_ = minibatch(minibatches, i)
            assert inputs[0].shape[:2] == (2, 8)  # whole sequences of two environments
            parameters, _ = agent.net.run(*inputs)
            log_std = agent.net.log_std
            stated, _ = agent.policy.log_prob_and_entropy(parameters, log_std, actions)
            np.testing.assert_allclose(stated, log_probs, rtol=1e-3, atol=1e-5)


def test_an_update_takes_whole_sequences():
    agent, envs = pg(Clock, 5, net="gru")
    batches = spy(agent)
    agentlab.train(agent, envs, 5 * 8, quiet=True)
    inputs, recurrent_state, resets = batches[0].inputs
    assert inputs.shape == (2, 2, 8, 1) and resets.shape == (2, 2, 8)
    assert [part.shape for part in recurrent_state] == [(2, 2, 16)] * 2  # policy's and value's
    assert inputs[0, 0, :, 0].tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert resets[0, 0].tolist() == [t % 3 == 0 for t in range(8)]


def parameters_seen(agent, env, n, episodes):
    """Return the policy's parameters at every step of an evaluation, ``[steps, n, outputs]``."""
    seen, best = [], agent.policy.best
    agent.policy.best = lambda parameters: (seen.append(parameters), best(parameters))[1]
    agentlab.evaluate(agent, agentlab.make_envs(env, n), episodes)
    agent.policy.best = best
    return np.array(seen)


def test_evaluation_forgets_where_an_episode_ends_and_where_it_begins_itself():
    agent, _ = pg(Clock)
    sharpen(agent)
    agent.act(np.full((2, 1), 7, np.float32))  # something to forget
    seen = parameters_seen(agent, Clock, 2, 6)
    assert len(seen) == 9
    np.testing.assert_array_equal(seen[:3], seen[3:6])
    np.testing.assert_array_equal(seen[:3], seen[6:])
    assert not np.allclose(seen[0], seen[1])
    alone = parameters_seen(agent, Clock, 1, 2)
    np.testing.assert_allclose(alone[:, 0], seen[:6, 0], rtol=1e-5)


def test_an_environment_forgets_alone():
    lengths = iter([2, 4])
    agent, _ = pg(Clock)
    sharpen(agent)
    seen = parameters_seen(agent, lambda: Clock(next(lengths)), 2, 4)
    np.testing.assert_allclose(seen[2, 0], seen[0, 0], rtol=1e-5)  # a new episode
    whole = parameters_seen(agent, lambda: Clock(4), 1, 1)
    np.testing.assert_allclose(seen[:4, 1], whole[:, 0], rtol=1e-5)  # goes on beside it


def values_of(agent, *observations):
    """Return V of the last of one episode's observations."""
    agent.actor.reset(np.ones(1, bool))
    for observation in observations:
        _, values = agent.actor(np.float32([[observation]]))
    return values[0]


def discounted(steps, value):
    """Returns of ``steps`` rewards of 1 and then ``value``, at a discount of 1/2."""
    return [2 - 2 * 0.5**k + value * 0.5**k for k in range(steps, 0, -1)]


def test_values_that_follow_remember_their_own_episode():
    lengths = iter([5, 3])
    options = {"gamma": 0.5, "gae_lambda": 1.0, "normalize_advantage": False, "rollout_length": 6}
    agent, envs = pg(
        lambda: Clock(next(lengths), truncate=True), 2, n_minibatches=1, overlap=False, **options
    )
    batches = spy(agent)
    agentlab.train(agent, envs, 12, quiet=True)
    batch = minibatch(batches[0], 0)
    last_inputs = batch.inputs[0][:, -1, 0]
    by_last_input = dict(zip(last_inputs, batch.returns.reshape(2, 6), strict=True))
    ends = {seen: values_of(agent, *range(seen + 1)) for seen in (1, 3, 5)}
    assert np.ptp(list(ends.values())) > 1e-2
    long = [*discounted(5, ends[5]), *discounted(1, ends[1])]
    np.testing.assert_allclose(by_last_input[0], long, rtol=1e-5)
    np.testing.assert_allclose(by_last_input[2], discounted(3, ends[3]) * 2, rtol=1e-5)


def test_the_end_of_a_rollout_does_not_leak_into_the_next_episode():
    env = lambda: Clock(4)  # noqa: E731
    agent, envs = pg(
        env, 1, n_minibatches=1, overlap=False, rollout_length=4, normalize_advantage=False
    )
    batches = spy(agent)
    agentlab.train(agent, envs, 8, quiet=True)
    _, _, resets = batches[1].inputs
    assert resets[0, 0].tolist() == [True, False, False, False]
    first, second = (batch.returns for batch in batches)
    np.testing.assert_array_equal(first, second)


def test_a_saved_agent_acts_as_before_in_any_number_of_environments(tmp_path):
    agent, _ = pg(Clock)
    sharpen(agent)
    agent.save(tmp_path / "agent")
    loaded = agentlab.load(tmp_path / "agent", num_envs=1)
    seen = [parameters_seen(player, Clock, 3, 3) for player in (agent, loaded)]
    np.testing.assert_array_equal(*seen)


class Listener(Agent):
    """Keeps what it is told of episodes' starts, and when."""

    def __init__(self, *args):
        super().__init__(*args)
        self.acts, self.told = 0, []

    def act(self, observations, explore=True):
        self.acts += 1
        return np.zeros(len(observations), np.int64)

    def reset(self, episode_starts):
        self.told.append((self.acts, episode_starts.tolist()))


def test_an_agent_is_told_where_every_episode_begins(tmp_path):
    def envs():
        lengths = iter([2, 3])
        return agentlab.make_envs(lambda: Clock(next(lengths)), 2)

    agent = agentlab.make_agent(Listener, envs())
    run = Run.create(tmp_path, "run", {})
    agentlab.train(agent, envs(), 12, run=run, checkpoint_every=8, quiet=True)
    both, first, second = [True, True], [True, False], [False, True]
    # The checkpoint after the fourth step of both is not an episode's start.
    assert agent.told == [(0, both), (2, first), (3, second), (4, first), (6, both)]
    agent.acts, agent.told = 0, []
    agentlab.evaluate(agent, envs(), 2)
    assert agent.told == [(0, both), (2, first), (3, second)]


def test_more_minibatches_than_sequences_are_refused():
    agent, envs = pg(Clock, 3, n_minibatches=5)
    with pytest.raises(AgentlabError, match="n_minibatches=5 must not exceed the 3 environments"):
        agentlab.train(agent, envs, 1000, quiet=True)


def test_an_agent_that_learns_from_single_steps_refuses_a_recurrent_net():
    with pytest.raises(AgentlabError, match="net='gru' is recurrent, but algo='dqn' learns from"):
        agentlab.make_agent("dqn", agentlab.make_envs(Clock), net="gru")


def test_the_default_number_of_minibatches_suits_few_environments():
    agent = agentlab.make_agent("ppo", agentlab.make_envs(Recall, 3), net="gru")
    assert agent.minibatches.count == 3
