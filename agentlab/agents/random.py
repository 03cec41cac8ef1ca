"""Uniformly random actions, as a baseline for the other agents."""

from __future__ import annotations

import gymnasium
import numpy as np

from agentlab.agents.agent import Agent
from agentlab.agents.encoders import ENCODED_SPACES
from agentlab.agents.encoding import action_mask
from agentlab.agents.exploration import random_actions
from agentlab.agents.policies import make_policy, masked
from agentlab.envs.vector import Array


class RandomAgent(Agent):
    """Samples every action from the action space; of the observation, only a mask is used."""

    name = "random"
    observation_spaces = ENCODED_SPACES
    normalizes_itself = ("normalize_observations", "normalize_returns")  # uses neither

    def act(self, observations: Array, explore: bool = True) -> Array:
        n, space = len(observations), self.action_space
        mask = action_mask(self.observation_space, observations)
        if isinstance(space, gymnasium.spaces.Discrete):
            return np.asarray(random_actions(n, int(space.n), mask, self.rng) + space.start)
        if mask is not None:
            policy = make_policy(space)  # uniform if all logits are equal
            logits = masked(np.zeros((n, policy.outputs), np.float32), mask)
            return policy.to_env(policy.sample(logits, None, self.rng)[0])
        space.seed(int(self.rng.integers(2**31)))  # so that self.rng is the only random state
        return np.stack([space.sample() for _ in range(n)])
