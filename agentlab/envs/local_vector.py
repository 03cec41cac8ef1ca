"""Vectorized environments in the current process."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from agentlab.envs.copies import EnvMaker, make_one
from agentlab.envs.env_group import EnvGroup
from agentlab.envs.episodes import (
    ActionLog,
    Origin,
    Unfinished,
)
from agentlab.envs.rendering import frame_rate
from agentlab.envs.replayed_vector import ReplayedVector
from agentlab.envs.step_buffers import StepBuffers
from agentlab.envs.vector import Array, Step, zeros_of


class LocalVector(ReplayedVector):
    """Environments stepped one after the other in this process: best for fast environments.

    Args:
        makers: functions that make the environments, one for each.
        id: id of the environment, for messages.
        start: index of the first environment in the vector of which these are a part.

    >>> import gymnasium
    >>> envs = LocalVector([lambda: gymnasium.make("CartPole-v1")] * 2, "CartPole-v1")
    >>> envs.reset(seed=0).shape
    (2, 4)
    >>> envs.step(np.array([0, 1])).rewards
    array([1., 1.], dtype=float32)
    """

    def __init__(self, makers: Sequence[EnvMaker], id: str, start: int = 0) -> None:
        self.id, self.num_envs = id, len(makers)
        self._envs = [make_one(make, id) for make in makers]
        self.observation_space = self._envs[0].observation_space
        self.action_space = self._envs[0].action_space
        self.frame_rate = frame_rate(self._envs[0])
        observation = zeros_of(self.observation_space, "observation", id)
        zeros_of(self.action_space, "action", id)
        self._buffers = StepBuffers(self.num_envs, observation)
        self._group = EnvGroup(self._envs, start, self._buffers.arrays, id)
        self._observations = self._buffers.arrays["observations"].copy()
        self._log = ActionLog(self.num_envs)

    def reset(self, seed: int | None = None) -> Array:
        self._group.reset(seed)
        self._log.reset()
        self._observations = self._buffers.arrays["observations"].copy()
        return self._observations

    def step(self, actions: Array) -> Step:
        self._group.step(np.asarray(actions))
        next_observations = self._buffers.arrays["observations"].copy()
        step = self._buffers.step(self._observations, actions, next_observations)
        self._log.add(actions, step.episode_over)
        self._observations = next_observations
        return step

    def group_states(self) -> list[tuple[int | None, Array, list[Origin]]]:
        return [(self._group.seed, self._group.episodes.copy(), list(self._group.origins))]

    def replay(self, unfinished: Unfinished) -> Array:
        self._group.replay(unfinished)
        return self._buffers.arrays["observations"].copy()

    def begin(self, envs: npt.NDArray[np.bool_]) -> Array:
        self._group.begin(envs)
        return self._buffers.arrays["observations"].copy()

    def render(self) -> npt.NDArray[np.uint8]:
        return self._group.render()

    def render_final(self) -> npt.NDArray[np.uint8] | None:
        return self._group.final_frame

    def close(self) -> None:
        self._group.close()
