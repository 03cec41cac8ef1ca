import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import agentlab
from agentlab.agents.encoding import Encoding
from agentlab.agents.network import make_agent_torso
from agentlab.agents.network_options import NetworkOptions
from agentlab.envs.parts import as_parts
from agentlab.errors import AgentlabError
from agentlab.nets.combined import Combined
from agentlab.nets.mlp import MLP

VECTORS = spaces.Dict(b=spaces.Box(-9, 9, (2,)), a=spaces.Discrete(3), c=spaces.MultiBinary(2))
SIDES = {40: "nature_cnn", 24: "small_cnn", 7: "a grid", 2: "points"}


def world(side):
    return spaces.Dict(
        image=spaces.Box(0, 255, (side, side, 3), np.uint8), speed=spaces.Box(-1, 1, (2,))
    )


class Signs(gymnasium.Env):
    """The right action is the sign of the first of two numbers, beside a dark image."""

    action_space = spaces.Discrete(2)
    observation_space = world(7)

    def see(self):
        self.speed = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        image = self.np_random.integers(0, 20, (7, 7, 3)).astype(np.uint8)
        return {"image": image, "speed": self.speed}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.see(), {}

    def step(self, action):
        self.t += 1
        reward = float(action == (self.speed[0] > 0))
        return self.see(), reward, False, self.t >= 10, {}


def test_vectors_are_joined_as_gymnasium_flattens_them():
    parts = as_parts(VECTORS)
    samples = [VECTORS.sample() for _ in range(5)]
    rows = np.stack([parts.row(sample) for sample in samples])
    flat = np.stack([spaces.flatten(VECTORS, sample) for sample in samples])
    encoding = Encoding(VECTORS)
    np.testing.assert_allclose(encoding(rows), flat)
    tensors = {name: rows[name] for name in rows.dtype.names}
    np.testing.assert_allclose(encoding.tensor(tensors), flat)
    assert isinstance(make_agent_torso(NetworkOptions(), encoding, "torso", 0), MLP)


@pytest.mark.parametrize("side", SIDES)
def test_images_go_through_a_cnn_that_fits_them(side):
    encoding = Encoding(world(side))
    torso = make_agent_torso(NetworkOptions(hidden=(16,)), encoding, "torso", 0)
    assert isinstance(torso, Combined) and torso.features == 16
    assert len(torso.encoders) == 1 and torso.encoders[0].features in (512, 256, 64)
    row = as_parts(world(side)).row(
        {"image": np.full((side, side, 3), 255, np.uint8), "speed": np.float32([0, 1])}
    )
    inputs = encoding(row[None])
    assert inputs.max() == 1  # bytes are scaled
    features = torso(inputs)
    assert features.shape == (1, 16)
    again = type(torso).from_config(torso.get_config())
    again.build((None, *encoding.shape))
    again.set_weights(torso.get_weights())
    np.testing.assert_allclose(again(inputs), features, rtol=1e-5)


def test_a_named_cnn_is_used_for_the_images():
    options = NetworkOptions(net="lenet", hidden=(16,))
    torso = make_agent_torso(options, Encoding(world(28)), "torso", 0)
    assert type(torso.encoders[0]).__name__ == "LeNet"
    with pytest.raises(AgentlabError, match="net='lenet' needs images, but no part"):
        make_agent_torso(options, Encoding(VECTORS), "torso", 0)
    first = spaces.Dict(image=spaces.Box(0, 255, (3, 64, 64), np.uint8), x=spaces.Box(-1, 1))
    with pytest.raises(AgentlabError, match="the part 'image' .* whose channels come first"):
        make_agent_torso(NetworkOptions(), Encoding(first), "torso", 0)


@pytest.mark.parametrize("algo", ["pg", "dqn"])
def test_an_agent_learns_from_a_dict_and_is_saved_and_exported(algo, tmp_path):
    options, steps = {}, 3000
    if algo == "dqn":
        options, steps = {"learning_starts": 32, "buffer_size": 200}, 48
    with agentlab.make_envs(Signs, 4) as envs:
        agent = agentlab.make_agent(algo, envs, hidden=(16,), **options)
        agentlab.train(agent, envs, steps, quiet=True)
        assert algo == "dqn" or agentlab.evaluate(agent, envs, 20).mean > 7
        agent.save(tmp_path / "saved")
        loaded, observations = agentlab.load(tmp_path / "saved"), envs.reset(seed=3)
        actions = agent.act(observations, explore=False)
        assert loaded.act(observations, explore=False).tolist() == actions.tolist()
        parts = {name: observations[name] for name in observations.dtype.names}
        assert np.asarray(agent.inference_model()(parts)["actions"]).tolist() == actions.tolist()
        one = {"image": observations["image"][0], "speed": observations["speed"][0]}
        assert agent.predict(one) == actions[0]


@pytest.mark.parametrize("algo", ["pg", "q_table"])
def test_a_hundred_thousand_states_are_learned(algo):
    class Many(Signs):
        observation_space = spaces.Discrete(100_000)

        def see(self):
            self.speed = self.np_random.uniform(-1, 1, 2)
            return int(self.speed[0] > 0) * 99_999

    options = {"hidden": (4,), "rollout_length": 8} if algo == "pg" else {}
    with agentlab.make_envs(Many, 2) as envs:
        agent = agentlab.make_agent(algo, envs, **options)
        agentlab.train(agent, envs, 200, quiet=True)
        assert agentlab.evaluate(agent, envs, 2).returns.shape == (2,)
