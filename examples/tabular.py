"""Tabular epsilon-greedy Q-learning (Watkins 1989): a complete agent in one file."""

from dataclasses import dataclass

import numpy as np
from gymnasium.spaces import Discrete

from agentlab import Agent, option


@dataclass(frozen=True)
class Config:  # each field becomes a flag
    epsilon: float = option(0.1, "probability of a random action")
    learning_rate: float = option(0.1, "step size of the updates")
    gamma: float = option(0.99, "discount factor")


class Tabular(Agent):
    Config = Config
    observation_spaces = action_spaces = (Discrete,)

    def build(self):
        self.q = self.rng.random((self.observation_space.n, self.action_space.n)) * 1e-3

    def act(self, observations, explore=True):
        n, epsilon = len(observations), self.config.epsilon if explore else 0
        random = self.rng.integers(self.action_space.n, size=n)
        return np.where(self.rng.random(n) < epsilon, random, self.q[observations].argmax(1))

    def observe(self, step):
        future = ~step.terminated * self.q[step.true_next_observations].max(1)
        errors = step.rewards + self.config.gamma * future - self.q[step.observations, step.actions]
        np.add.at(self.q, (step.observations, step.actions), self.config.learning_rate * errors)
        return {"loss/td": np.square(errors).mean()}

    def state(self):
        return {"q": self.q}

    def restore(self, state):
        self.q = state["q"]
