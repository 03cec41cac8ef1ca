import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import agentlab
from agentlab.envs import Preprocessing
from agentlab.errors import AgentlabError

SMALL = {
    "pg": {"rollout_length": 8, "hidden": (8,)},
    "recurrent pg": {"rollout_length": 8, "hidden": (8,), "net": "gru", "n_minibatches": 1},
    "dqn": {
        "learning_starts": 32,
        "buffer_size": 400,
        "hidden": (8,),
        "double": True,
        "distribution": "c51",
    },
    "sac": {"learning_starts": 32, "buffer_size": 400, "batch_size": 16, "hidden": (8,)},
    "q_table": {"method": "expected_sarsa"},
    "q_linear": {"learning_starts": 32, "features": 4},
    "random_search": {"candidates": 2},
    "random": {},
}


class Doors(gymnasium.Env):
    """Only the doors in the mask are open; choosing another one is an error.

    The mask of a terminal state forbids everything.

    Args:
        entry: whether the mask is an entry of the observation, otherwise one of info.
        doors: space of actions: Discrete, or MultiDiscrete with a mask of all its numbers.
    """

    def __init__(self, entry, doors=None):
        self.entry, self.action_space = entry, doors or spaces.Discrete(4, start=3)
        many = isinstance(self.action_space, spaces.MultiDiscrete)
        self.sizes = self.action_space.nvec.tolist() if many else [int(self.action_space.n)]
        self.observation_space = spaces.Box(-1, 1, (2,))
        if entry:
            mask = spaces.MultiBinary(sum(self.sizes))
            self.observation_space = spaces.Dict(see=self.observation_space, action_mask=mask)

    def result(self, over=False):
        parts = [self.np_random.integers(0, 2, size) for size in self.sizes]
        for part in parts:
            part[self.np_random.integers(len(part))] = 1
        self.open = [np.flatnonzero(part) for part in parts]
        mask = np.concatenate(parts).astype(np.int8) * (not over)
        see = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        if self.entry:
            return {"see": see, "action_mask": mask}, {}
        return see, {"action_mask": mask}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.result()

    def step(self, action):
        chosen = np.atleast_1d(action) - getattr(self.action_space, "start", 0)
        assert all(c in o for c, o in zip(chosen, self.open, strict=True)), (action, self.open)
        self.t += 1
        observation, info = self.result(self.t == 7)
        return observation, float(chosen.sum()), self.t == 7, False, info


def train_and_evaluate(algo, envs):
    agent = agentlab.make_agent(algo.split()[-1], envs, **SMALL[algo])
    agentlab.train(agent, envs, 120, quiet=True)
    agentlab.evaluate(agent, envs, 2)
    agentlab.evaluate(agent, envs, 2, explore=True)
    return agent


@pytest.mark.parametrize(
    ("algo", "entry"), [*((algo, True) for algo in SMALL), ("pg", False), ("q_table", False)]
)
def test_no_algorithm_chooses_a_masked_action(algo, entry, tmp_path):
    preprocessing = Preprocessing(action_masks=not entry)
    with agentlab.make_envs(lambda: Doors(entry), 2, preprocessing=preprocessing) as envs:
        agent = train_and_evaluate(algo, envs)
        agent.save(tmp_path / "saved")
        loaded = agentlab.load(tmp_path / "saved")
        agentlab.evaluate(loaded, envs, 2)
        if agent.net is None or not entry or agent.config.recurrent:
            return
        observations = envs.reset(seed=1)
        parts = {name: observations[name] for name in observations.dtype.names}
        exported = np.asarray(agent.inference_model()(parts)["actions"])
        assert exported.tolist() == agent.act(observations, explore=False).tolist()
        one = {"see": observations["see"][0], "action_mask": observations["action_mask"][0]}
        assert agent.predict(one) == exported[0]


@pytest.mark.parametrize("algo", ["pg", "random"])
def test_masks_of_several_actions_at_once_are_joined(algo):
    doors = spaces.MultiDiscrete([3, 2], start=[1, 0])
    with agentlab.make_envs(lambda: Doors(True, doors), 2) as envs:
        train_and_evaluate(algo, envs)


def test_a_mask_of_the_wrong_size_or_without_actions_is_refused():
    class Wrong(Doors):
        def __init__(self):
            super().__init__(True)
            self.observation_space["action_mask"] = spaces.MultiBinary(5)

    with (
        agentlab.make_envs(Wrong) as envs,
        pytest.raises(AgentlabError, match=r"'action_mask' .* the shape \(5,\), but .* 4 entries"),
    ):
        agentlab.make_agent("pg", envs)
    with agentlab.make_envs(lambda: Doors(True), 2) as envs:
        agent, observations = agentlab.make_agent("random", envs), envs.reset(seed=0)
        observations["action_mask"][1] = 0
        with pytest.raises(
            AgentlabError, match="action_mask forbids every action in environment 1"
        ):
            agent.act(observations)
