"""Uniformly random actions: what every other agent is to be compared with."""

from __future__ import annotations

import gymnasium
import numpy as np

from agentlab.agents.agent import Agent
from agentlab.envs.vector import Array


class RandomAgent(Agent):
    """Draws every action from the action space, whatever it observes."""

    name = "random"

    def act(self, observations: Array, explore: bool = True) -> Array:
        n, space = len(observations), self.action_space
        if isinstance(space, gymnasium.spaces.Discrete):
            return np.asarray(self.rng.integers(space.n, size=n) + space.start)
        space.seed(int(self.rng.integers(2**31)))  # so that self.rng is all there is to save
        return np.stack([space.sample() for _ in range(n)])
