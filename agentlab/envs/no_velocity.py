"""Control tasks without velocities in their observations: partially observable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.classic_control import CartPoleEnv
from gymnasium.envs.registration import register

NO_VELOCITY = "CartPoleNoVel-v1"  # the name in RL Baselines3 Zoo, which sets the velocities to 0


class NoVelocity(gymnasium.ObservationWrapper[Any, Any, Any]):
    """Removes components of the observations, vectors ``[components]``.

    Args:
        env: the environment.
        velocities: the indices of the components to remove.

    >>> env = NoVelocity(CartPoleEnv(), (1, 3))
    >>> env.reset(seed=0)[0].shape
    (2,)
    """

    def __init__(self, env: gymnasium.Env[Any, Any], velocities: tuple[int, ...]) -> None:
        super().__init__(env)
        space = env.observation_space
        assert isinstance(space, gymnasium.spaces.Box)
        self.kept = np.delete(np.arange(space.shape[0]), velocities)
        self.observation_space = gymnasium.spaces.Box(space.low[self.kept], space.high[self.kept])

    def observation(self, observation: Any) -> Any:
        """Return the components that are kept."""
        return observation[self.kept]


def make_cartpole(**arguments: Any) -> gymnasium.Env[Any, Any]:
    """Make CartPole without the velocities of cart and pole; see ``CartPoleEnv`` on arguments."""
    return NoVelocity(CartPoleEnv(**arguments), (1, 3))


def register_no_velocity() -> None:
    """Register ``CartPoleNoVel-v1``, with the time limit of ``CartPole-v1``."""
    limits: Mapping[str, Any] = {"max_episode_steps": 500, "reward_threshold": 475.0}
    register(NO_VELOCITY, "agentlab.envs.no_velocity:make_cartpole", **limits)
