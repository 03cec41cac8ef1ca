"""PQN: lambda-returns by hand, the loss, layer normalization, masks and learning."""

import numpy as np
import pytest
import tensorflow as tf

import agentlab
from agentlab.agents.acting.numpy_mlp import NumpyMLP
from agentlab.agents.acting.specifications import mlp_specification, network_weights
from agentlab.agents.rollout import Rollout
from agentlab.errors import AgentlabError
from agentlab.nets import make_torso
from agentlab.runs import seed_everything
from agentlab.testing.envs import Sign

SMALL = {"hidden": (16,), "rollout_length": 8, "n_minibatches": 2, "epsilon_steps": 400}


def make_pqn(n=4, **options):
    seed_everything(0)
    envs = agentlab.make_envs(Sign, n)
    return agentlab.make_agent("pqn", envs, 0, **{**SMALL, **options}), envs


def test_targets_are_lambda_returns_cut_where_episodes_end():
    agent, _ = make_pqn(1, gamma=0.5, q_lambda=0.8, rollout_length=3)
    rollout = Rollout(3)
    # The second step ends an episode that was truncated: its final observation has the value 8.
    for reward, value, final, cut in [(1, 10, 0, False), (2, 20, 8, True), (3, 30, 0, False)]:
        columns = {"rewards": reward, "values": value, "final_values": final}
        arrays = {name: np.array([x], np.float32) for name, x in columns.items()}
        rollout.add(**arrays, cut=np.array([cut]))
    last = 3 + 0.5 * 40
    truncated = 2 + 0.5 * 8
    first = 1 + 0.5 * (0.2 * 20 + 0.8 * truncated)
    found = agent.targets(rollout, np.array([40], np.float32))
    assert found[:, 0] == pytest.approx([first, truncated, last])


def test_the_loss_is_half_the_mean_squared_error_of_the_actions_taken():
    agent, _ = make_pqn()
    kernel, bias = agent.net.advantage[0].weights
    kernel.assign(tf.zeros_like(kernel))
    bias.assign([1.0, 5.0])
    inputs = np.zeros((2, *agent.encoding.shape), np.float32)
    found = agent.loss((inputs, np.array([0, 1]), np.array([3.0, 4.0], np.float32)))
    assert float(found.loss) == pytest.approx(0.5 * (2**2 + 1**2) / 2)
    assert float(found.metrics["q_values"]) == pytest.approx(3)


@pytest.mark.parametrize("dtype", [np.float32, np.int8])
def test_layer_normalization_is_the_same_in_numpy(dtype):
    torso = make_torso("mlp", (6,), hidden=(8, 5), activation="relu", layer_norm=True, seed=1)
    for norm in torso.norms:
        norm.gamma.assign(norm.gamma * 1.5)
        norm.beta.assign(norm.beta + 0.1)
    inputs = np.random.default_rng(0).integers(-2, 3, (7, 6)).astype(dtype)
    actor = NumpyMLP(mlp_specification(torso, torso), network_weights(torso))
    features = torso(inputs)
    assert np.allclose(actor(inputs), features, atol=1e-5)
    hidden = inputs @ torso.denses[0].kernel.numpy() + torso.denses[0].bias.numpy()
    normal = (hidden - hidden.mean(1, keepdims=True)) / np.sqrt(hidden.var(1)[:, None] + 1e-5)
    normal = np.maximum(normal * 1.5 + 0.1, 0)
    hidden = normal @ torso.denses[1].kernel.numpy() + torso.denses[1].bias.numpy()
    normal = (hidden - hidden.mean(1, keepdims=True)) / np.sqrt(hidden.var(1)[:, None] + 1e-5)
    assert np.allclose(features, np.maximum(normal * 1.5 + 0.1, 0), atol=1e-4)


def test_pqn_learns():
    agent, envs = make_pqn(learning_rate=0.01)
    agentlab.train(agent, envs, 1200, quiet=True)
    assert agentlab.evaluate(agent, envs, episodes=10).mean > 9


def test_more_minibatches_than_steps_are_refused():
    with pytest.raises(AgentlabError, match="n_minibatches=64 must not exceed the 32 steps"):
        make_pqn(n_minibatches=64)
