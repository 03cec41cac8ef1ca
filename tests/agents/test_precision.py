import numpy as np
import pytest
from gymnasium import spaces

import agentlab
from agentlab.errors import AgentlabError
from agentlab.testing.envs import Bars

IMAGES = {"net": "small_cnn", "precision": "bfloat16"}
OFF_POLICY = {"hidden": (16,), "batch_size": 16, "learning_starts": 16, "buffer_size": 64}
ON_POLICY = {"rollout_length": 8, "n_minibatches": 1}


class ContinuousBars(Bars):
    """``Bars`` with an action in [-1, 1]; a positive one is ``right``."""

    action_space = spaces.Box(-1, 1, (1,))

    def step(self, action):
        return super().step(action[0] > 0)


@pytest.mark.parametrize(
    ("algo", "env", "options"),
    [
        ("ppo", Bars, ON_POLICY),
        ("pg", ContinuousBars, {**ON_POLICY, "use_sde": True, "shared_torso": True}),
        ("sac", ContinuousBars, OFF_POLICY),
        pytest.param("sac", Bars, OFF_POLICY, marks=pytest.mark.slow),
        pytest.param(
            "sac", ContinuousBars, {**OFF_POLICY, "use_sde": True}, marks=pytest.mark.slow
        ),
        pytest.param("td3", ContinuousBars, OFF_POLICY, marks=pytest.mark.slow),
        pytest.param("pqn", Bars, ON_POLICY, marks=pytest.mark.slow),
    ],
)
def test_convolutions_in_bfloat16_leave_weights_and_values_in_float32(algo, env, options):
    envs = agentlab.make_envs(lambda: env(high=255), 4)
    agent = agentlab.make_agent(algo, envs, **IMAGES, **options)
    before = {variable.path: variable.numpy() for variable in agent.net.trainable_variables}
    agentlab.train(agent, envs, 96, quiet=True)
    assert agent.net.torso.compute_dtype == "bfloat16"
    for variable in agent.net.trainable_variables:
        assert variable.dtype == "float32" and np.isfinite(variable.numpy()).all()
        assert not np.array_equal(variable.numpy(), before[variable.path]), variable.path
    outputs = agent.actor(agent.encoding(envs.reset(seed=0)))
    parts = outputs if isinstance(outputs, tuple) else [outputs]
    assert all(part.dtype == np.float32 for part in parts)


@pytest.mark.parametrize("net", ["mlp", "lstm"])
def test_bfloat16_without_convolutions_is_refused(net):
    with pytest.raises(AgentlabError, match=f"needs a convolutional network; net='{net}'"):
        agentlab.make_agent(
            "ppo", agentlab.make_envs("CartPole-v1", 2), net=net, precision="bfloat16"
        )
