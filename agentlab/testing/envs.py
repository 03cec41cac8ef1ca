"""Environments small enough to know what is right in them: for tests of agents and of loops."""

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
    """Observes +1 or -1 and pays for naming it: 1 for the right one of two actions.

    Args:
        length: steps in an episode.
        continuous: take an action from [-1, 1], which is paid 1 where it equals the sign and 0
            where it is the opposite.
        truncate: end episodes by truncation instead of termination.
        scale: what every reward is multiplied by.
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


class Clock(Env):
    """Observes its own time 0, 1, 2, ...; ends after ``length`` steps.

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
    """Observes an image of zeros and one bar, left or right; pays 1 for naming the side.

    Args:
        side: pixels of its height and width.
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
    """Shows +1 or -1 once, then zeros; pays 1 for naming the sign at the end.

    Args:
        delay: steps between the sign and the action that is paid.
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


# One of each kind of spaces, from the simplest: the first that an agent takes is what it is
# checked in.
ENVS: dict[str, Callable[[], Env]] = {
    "box observations, discrete actions": Sign,
    "box observations, box actions": lambda: Sign(continuous=True),
    "discrete observations, discrete actions": SignIndex,
    "image observations, discrete actions": lambda: Bars(high=255),
}
