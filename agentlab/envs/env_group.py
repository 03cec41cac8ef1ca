"""The environments that one process steps, and the arrays that they write to."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.envs.episodes import (
    Origin,
    Unfinished,
    emulator_of,
    emulator_state,
    episode_seed,
    restore_emulator,
)
from agentlab.envs.vector import Array, Step


class StepBuffers:
    """Arrays that environments write the results of a step to.

    Args:
        n: number of environments.
        observation: an array of the shape and dtype of one observation.
        action: the same for one action; ``None`` leaves out the array of actions.
        memory: shared memory to place the arrays in; ``None`` allocates them.

    Attributes:
        arrays: the arrays by name, each ``[n, ...]``.
        nbytes: bytes of memory that they take.
    """

    FLAGS = ("terminated", "truncated", "episode_over")

    def __init__(
        self,
        n: int,
        observation: Array,
        action: Array | None = None,
        memory: mmap.mmap | None = None,
    ) -> None:
        layout = {
            "observations": ((n, *observation.shape), observation.dtype),
            "final_observations": ((n, *observation.shape), observation.dtype),
            "rewards": ((n,), np.dtype(np.float32)),
            "raw_rewards": ((n,), np.dtype(np.float32)),
            **{flag: ((n,), np.dtype(np.bool_)) for flag in self.FLAGS},
        }
        if action is not None:
            layout["actions"] = ((n, *action.shape), action.dtype)
        self.arrays: dict[str, Array] = {}
        offset = 0
        for name, (shape, dtype) in layout.items():
            if memory is None:
                self.arrays[name] = np.zeros(shape, dtype)
            else:
                self.arrays[name] = np.ndarray(shape, dtype, memory, offset)
            offset += -(-int(np.prod(shape)) * dtype.itemsize // 64) * 64  # align to 64 bytes
        self.nbytes = offset

    def step(self, observations: Array, actions: Array, next_observations: Array) -> Step:
        """Return a ``Step`` with copies of the arrays, which the next step overwrites."""
        arrays = self.arrays
        terminated, truncated = arrays["terminated"].copy(), arrays["truncated"].copy()
        ended = (terminated | truncated).nonzero()[0]
        return Step(
            observations,
            actions,
            arrays["rewards"].copy(),
            arrays["raw_rewards"].copy(),
            next_observations,
            terminated,
            truncated,
            ended,
            arrays["final_observations"][ended],
            arrays["episode_over"].copy(),
        )


class EnvGroup:
    """Consecutive environments of a vector that one process steps.

    Args:
        envs: the environments.
        start: index of the first of them in the vector.
        arrays: the arrays of the vector's ``StepBuffers``; results are written to them.
    """

    def __init__(
        self, envs: Sequence[gymnasium.Env[Any, Any]], start: int, arrays: dict[str, Array]
    ):
        self.envs = envs
        # Environments with discrete actions expect plain integers.
        self.discrete = isinstance(envs[0].action_space, gymnasium.spaces.Discrete)
        stop = start + len(envs)
        self.start = start
        self.observations = arrays["observations"][start:stop]
        self.final_observations = arrays["final_observations"][start:stop]
        self.rewards = arrays["rewards"][start:stop]
        self.raw_rewards = arrays["raw_rewards"][start:stop]
        self.terminated = arrays["terminated"][start:stop]
        self.truncated = arrays["truncated"][start:stop]
        self.episode_over = arrays["episode_over"][start:stop]
        self.seed: int | None = None
        self.episodes = np.zeros(len(envs), np.int64)
        self.origins: list[Origin] = [None] * len(envs)
        self._emulated = [emulator_of(env) is not None for env in envs]

    def reset(self, seed: int | None) -> None:
        """Reset the environments; their episodes get seeds derived from ``seed``."""
        self.seed, self.episodes[:] = seed, 0
        for i in range(len(self.envs)):
            self._begin(i)

    def _begin(self, i: int) -> None:
        """Begin an episode and record its origin."""
        env, episode = self.envs[i], int(self.episodes[i])
        if self._emulated[i] and episode > 0:
            self.origins[i] = emulator_state(env)
            self.observations[i], _ = env.reset()
            return
        seed = None if self.seed is None else episode_seed(self.seed, self.start + i, episode)
        self.origins[i] = seed
        self.observations[i], _ = env.reset(seed=seed)

    def begin(self, envs: npt.NDArray[np.bool_]) -> None:
        """Reset some environments."""
        for i in np.flatnonzero(envs):
            self.episodes[i] += 1
            self._begin(int(i))

    def replay(self, unfinished: Unfinished) -> None:
        """Replay unfinished episodes."""
        self.seed, self.episodes[:], origins, lengths, actions = unfinished
        self.origins = list(origins)
        steps = actions.tolist() if self.discrete else actions
        for i, (env, origin) in enumerate(zip(self.envs, origins, strict=True)):
            if isinstance(origin, dict):
                env.reset()  # the emulator's state is restored into a running game
                restore_emulator(env, origin)
                observation, _ = env.reset()
            else:
                observation, _ = env.reset(seed=origin)
            for row in steps[len(steps) - int(lengths[i]) :]:
                observation, *_ = env.step(row[i])
            self.observations[i] = observation

    def step(self, actions: Array) -> None:
        """Step the environments, ``actions`` being ``[len(envs), ...]``, and autoreset them."""
        env_actions = actions.tolist() if self.discrete else actions
        for i, env in enumerate(self.envs):
            observation, reward, terminated, truncated, info = env.step(env_actions[i])
            # Set by Preprocessed, which may clip rewards and terminate at a lost life.
            over = info.get("episode_over", terminated or truncated)
            self.rewards[i] = reward
            self.raw_rewards[i] = info.get("raw_reward", reward)
            self.terminated[i] = terminated
            self.truncated[i] = truncated
            self.episode_over[i] = over
            if terminated or truncated:
                self.final_observations[i] = observation
            if over:
                self.episodes[i] += 1
                self._begin(i)
            else:
                self.observations[i] = observation
