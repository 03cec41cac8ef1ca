"""Environments small enough to know what is right in them."""

import gymnasium
import numpy as np
from gymnasium import spaces


class Sign(gymnasium.Env):
    """Observes +1 or -1 and is paid 1 for naming it; ``length`` steps an episode."""

    def __init__(self, length=10, continuous=False, truncate=False):
        self.observation_space = spaces.Box(-1, 1, (1,))
        self.action_space = spaces.Box(-1, 1, (1,)) if continuous else spaces.Discrete(2)
        self.length, self.continuous, self.truncate = length, continuous, truncate

    def observe(self):
        self.sign = float(self.np_random.choice([-1, 1]))
        return np.array([self.sign], np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.observe(), {}

    def step(self, action):
        self.t += 1
        if self.continuous:
            reward = 1 - abs(float(action[0]) - self.sign) / 2
        else:
            reward = float((action == 1) == (self.sign > 0))
        over = self.t == self.length
        return self.observe(), reward, over and not self.truncate, over and self.truncate, {}


class Clock(gymnasium.Env):
    """Observes its own time 0, 1, 2, ...; pays 1 a step; ends after ``length`` steps."""

    observation_space = spaces.Box(0, 1000, (1,))
    action_space = spaces.Discrete(2)

    def __init__(self, length=3, truncate=False, reward=1.0):
        self.length, self.truncate, self.reward = length, truncate, reward

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.t += 1
        over = self.t >= self.length
        observation = np.array([self.t], np.float32)
        return observation, self.reward, over and not self.truncate, over and self.truncate, {}


class Bars(gymnasium.Env):
    """An image of zeros and one bar, on the left or the right; paid for the bar's side."""

    action_space = spaces.Discrete(2)

    def __init__(self, side=36, high=1):
        self.observation_space = spaces.Box(0, high, (side, side, 1), np.uint8)
        self.high, self.side = high, side

    def image(self):
        self.right = bool(self.np_random.integers(2))
        image = np.zeros(self.observation_space.shape, np.uint8)
        column = self.np_random.integers(self.side // 2) + self.right * (self.side // 2)
        image[:, column] = self.high
        return image

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.image(), {}

    def step(self, action):
        self.t += 1
        reward = float(bool(action) == self.right)
        return self.image(), reward, self.t == 10, False, {}


class Recall(gymnasium.Env):
    """Shows +1 or -1 once, then nothing for ``delay`` steps; paid 1 for naming it at the end."""

    observation_space = spaces.Box(-1, 1, (1,))
    action_space = spaces.Discrete(2)

    def __init__(self, delay=4):
        self.delay = delay

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        self.sign = int(self.np_random.choice([-1, 1]))
        return np.array([self.sign], np.float32), {}

    def step(self, action):
        self.t += 1
        over = self.t > self.delay
        reward = float(over and (action == 1) == (self.sign > 0))
        return np.zeros(1, np.float32), reward, over, False, {}
