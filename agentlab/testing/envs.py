"""Tiny environments whose optimal policies are known, for tests of agents and training loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

Env = gymnasium.Env[Any, Any]
StepResult = tuple[Any, float, bool, bool, dict[str, Any]]


class Sign(Env):
    """The observation is +1 or -1; the action that matches its sign is rewarded with 1.

    Args:
        length: steps in an episode.
        continuous: use actions in [-1, 1]; the reward falls linearly from 1 if the action equals
            the sign to 0 if it is the opposite.
        truncate: end episodes by truncation instead of termination.
        scale: factor of every reward.
    """

    def __init__(
        self,
        length: int = 10,
        continuous: bool = False,
        truncate: bool = False,
        scale: float = 1.0,
    ) -> None:
        self.observation_space = spaces.Box(-1, 1, (1,))
        self.action_space = spaces.Box(-1, 1, (1,)) if continuous else spaces.Discrete(2)
        self.length, self.continuous, self.truncate = length, continuous, truncate
        self.scale = scale

    def observe(self) -> Any:
        """Draw the next sign."""
        self.sign = float(self.np_random.choice([-1, 1]))
        return np.array([self.sign], np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.t = 0
        return self.observe(), {}

    def step(self, action: Any) -> StepResult:
        self.t += 1
        if self.continuous:
            reward = 1 - abs(float(action[0]) - self.sign) / 2
        else:
            reward = float((action == 1) == (self.sign > 0))
        over = self.t == self.length
        reward *= self.scale
        return self.observe(), reward, over and not self.truncate, over and self.truncate, {}


class SignIndex(Sign):
    """``Sign`` with a discrete observation: 0 for -1 and 1 for +1."""

    def __init__(self, length: int = 10, continuous: bool = False, truncate: bool = False) -> None:
        super().__init__(length, continuous, truncate)
        self.observation_space = spaces.Discrete(2)

    def observe(self) -> Any:
        super().observe()
        return int(self.sign > 0)


class SignParts(Sign):
    """``Sign`` with the sign beside its index, in a Dict observation."""

    def __init__(self, length: int = 10, continuous: bool = False, truncate: bool = False) -> None:
        super().__init__(length, continuous, truncate)
        parts: dict[str, Any] = {"index": spaces.Discrete(2), "sign": self.observation_space}
        self.observation_space = spaces.Dict(parts)

    def observe(self) -> Any:
        return {"sign": super().observe(), "index": int(self.sign > 0)}


class Clock(Env):
    """The observation is the time step 0, 1, 2, ...; an episode ends after ``length`` steps.

    Args:
        length: steps in an episode.
        truncate: end episodes by truncation instead of termination.
        reward: of every step.
    """

    observation_space = spaces.Box(0, 1000, (1,))
    action_space = spaces.Discrete(2)

    def __init__(self, length: int = 3, truncate: bool = False, reward: float = 1.0) -> None:
        self.length, self.truncate, self.reward = length, truncate, reward

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.t = 0
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> StepResult:
        self.t += 1
        over = self.t >= self.length
        observation = np.array([self.t], np.float32)
        return observation, self.reward, over and not self.truncate, over and self.truncate, {}


class Bars(Env):
    """The observation is an image of a bar in its left or right half; the right action gets 1.

    Args:
        side: height and width in pixels.
        high: value of the bar's pixels.
    """

    action_space = spaces.Discrete(2)

    def __init__(self, side: int = 36, high: int = 1) -> None:
        self.observation_space = spaces.Box(0, high, (side, side, 1), np.uint8)
        self.high, self.side = high, side

    def image(self) -> npt.NDArray[np.uint8]:
        """Draw the next image, uint8 ``[side, side, 1]``."""
        self.right = bool(self.np_random.integers(2))
        image = np.zeros((self.side, self.side, 1), np.uint8)
        column = self.np_random.integers(self.side // 2) + self.right * (self.side // 2)
        image[:, column] = self.high
        return image

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.t = 0
        return self.image(), {}

    def step(self, action: Any) -> StepResult:
        self.t += 1
        reward = float(bool(action) == self.right)
        return self.image(), reward, self.t == 10, False, {}


class Recall(Env):
    """The first observation is +1 or -1, the others 0; the last action is rewarded if it matches.

    Args:
        delay: steps between the sign and the rewarded action.
    """

    observation_space = spaces.Box(-1, 1, (1,))
    action_space = spaces.Discrete(2)

    def __init__(self, delay: int = 4) -> None:
        self.delay = delay

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.t = 0
        self.sign = int(self.np_random.choice([-1, 1]))
        return np.array([self.sign], np.float32), {}

    def step(self, action: Any) -> StepResult:
        self.t += 1
        over = self.t > self.delay
        reward = float(over and (action == 1) == (self.sign > 0))
        return np.zeros(1, np.float32), reward, over, False, {}


# One environment for each kind of spaces, the simplest first; an agent is checked in the first
# one whose spaces it supports.
ENVS: dict[str, Callable[[], Env]] = {
    "box observations, discrete actions": Sign,
    "box observations, box actions": lambda: Sign(continuous=True),
    "discrete observations, discrete actions": SignIndex,
    "image observations, discrete actions": lambda: Bars(high=255),
    "dict observations, discrete actions": SignParts,
}
