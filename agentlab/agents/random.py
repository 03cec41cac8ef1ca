"""Uniformly random actions, as a baseline for the other agents."""

from __future__ import annotations

import gymnasium
import numpy as np

from agentlab.agents.agent import Agent
from agentlab.envs.vector import Array


class RandomAgent(Agent):
    """Samples every action from the action space, regardless of the observation."""

    name = "random"

    def act(self, observations: Array, explore: bool = True) -> Array:
        n, space = len(observations), self.action_space
        if isinstance(space, gymnasium.spaces.Discrete):
            return np.asarray(self.rng.integers(space.n, size=n) + space.start)
        space.seed(int(self.rng.integers(2**31)))  # so that self.rng is the only random state
        return np.stack([space.sample() for _ in range(n)])
