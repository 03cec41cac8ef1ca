"""Vector environments stepped by Gymnasium's registered ``vector_entry_point``."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from gymnasium.envs.registration import EnvSpec

from agentlab.envs.catalog import make_env
from agentlab.envs.episodes import ActionLog, Origin, Unfinished, episode_seed
from agentlab.envs.failures import EnvFailure, raised
from agentlab.envs.preprocessing import Preprocessing
from agentlab.envs.rendering import frame_rate
from agentlab.envs.replayed_vector import ReplayedVector
from agentlab.envs.vector import Array, Step
from agentlab.errors import InvalidArgument

_CARTPOLE = "gymnasium.envs.classic_control.cartpole:"
FEWEST = 3  # environments; fewer are faster to step one by one
NO_ENVS = np.zeros(0, np.int64)


def registers_vector(spec: EnvSpec, n: int, preprocessing: Preprocessing, **kwargs: Any) -> bool:
    """Return whether ``RegisteredVector`` can step ``n`` such environments, and is faster.

    An episode must be a function of its seed and actions, but Gymnasium seeds a vectorized
    environment as a whole. So it is used only if its state can be set: for CartPole, the only one
    in Gymnasium without extra dependencies.
    """
    forms = (spec.entry_point, spec.vector_entry_point)
    return (
        forms == (_CARTPOLE + "CartPoleEnv", _CARTPOLE + "CartPoleVectorEnv")
        and n >= FEWEST
        and not (spec.additional_wrappers or spec.kwargs or kwargs)
        and spec.max_episode_steps is not None
        and not (preprocessing.changes_anything or preprocessing.channels_first)
    )


class RegisteredVector(ReplayedVector):
    """Copies of CartPole, stepped together by Gymnasium's ``CartPoleVectorEnv``.

    A single ordinary environment is reset with the seed of each new episode, and its state is
    copied. From the same state, both implementations give the same results, bit for bit, so that
    episodes and checkpoints equal those of ``LocalVector``.

    Args:
        spec: an environment that ``registers_vector`` accepts.
        n: number of copies.
        start: index of the first copy in the vector of which these are a part.

    >>> import gymnasium
    >>> envs = RegisteredVector(gymnasium.spec("CartPole-v1"), 8)
    >>> envs.reset(seed=0).shape, envs.step(np.zeros(8, np.int64)).rewards.sum()
    ((8, 4), np.float32(8.0))
    """

    def __init__(self, spec: EnvSpec, n: int, start: int = 0) -> None:
        self.id, self.num_envs, self._start = spec.id, n, start
        self._env = make_env(spec.id)
        self.observation_space = self._env.observation_space
        self.action_space = self._env.action_space
        self.frame_rate = frame_rate(self._env)
        limit: Any = spec.max_episode_steps
        self._vector: Any = CartPoleVectorEnv(n, limit)
        self._observations, _ = self._vector.reset()
        self._seed: int | None = None
        self._episodes = np.zeros(n, np.int64)
        self._origins: list[Origin] = [None] * n
        self._nowhere = np.zeros(n, np.bool_)
        self._log = ActionLog(n)

    def reset(self, seed: int | None = None) -> Array:
        self._seed, self._episodes[:] = seed, 0
        for i in range(self.num_envs):
            self._begin(i)
        self._log.reset()
        self._observations = self._current()
        return self._observations

    def _begin(self, i: int) -> None:
        """Begin the next episode of an environment."""
        run_seed, episode, env = self._seed, int(self._episodes[i]), self._start + i
        self._set(i, None if run_seed is None else episode_seed(run_seed, env, episode))

    def _set(self, i: int, origin: Origin) -> None:
        """Set an environment's state to the initial state of an episode."""
        self._origins[i] = origin
        self._env.reset(seed=origin)  # type: ignore[arg-type]
        self._vector.state[:, i] = self._env.unwrapped.state  # type: ignore[attr-defined]
        self._vector.steps[i] = 0

    def _current(self) -> Array:
        """Return the observations of the current states, ``[n, 4]``."""
        observations: Array = self._vector.state.T.astype(np.float32)
        return observations

    def _advance(self, actions: Array) -> tuple[Array, Array, Array, Array]:
        """Step all environments, without Gymnasium's autoreset in the next step."""
        try:
            results = self._vector.step(np.asarray(actions))
        except AssertionError as error:  # an invalid action
            raise EnvFailure(f"env={self.id!r}: {raised('step', repr(actions), error)}") from error
        self._vector.prev_done = self._nowhere
        observations, rewards, terminated, truncated, _ = results
        return observations, rewards, terminated, truncated

    def step(self, actions: Array) -> Step:
        next_observations, rewards, terminated, truncated = self._advance(actions)
        over, ended, final_observations = terminated | truncated, NO_ENVS, next_observations[:0]
        if np.count_nonzero(over):  # several times faster than any()
            ended = over.nonzero()[0]
            final_observations = next_observations[ended]
            self._episodes[ended] += 1
            for i in ended.tolist():
                self._begin(i)
            next_observations[ended] = self._vector.state[:, ended].T
        self._log.add(actions, over)
        step = Step(
            self._observations,
            actions,
            rewards,
            rewards.astype(np.float64),
            next_observations,
            terminated,
            truncated,
            ended,
            final_observations,
            over,
        )
        self._observations = next_observations
        return step

    def group_states(self) -> list[tuple[int | None, Array, list[Origin]]]:
        return [(self._seed, self._episodes.copy(), list(self._origins))]

    def replay(self, unfinished: Unfinished) -> Array:
        self._seed, self._episodes[:], origins, lengths, actions = unfinished
        for left in range(len(actions), -1, -1):  # of the steps to replay
            for i in np.flatnonzero(lengths == left).tolist():
                self._set(i, origins[i])
            if left:
                self._advance(actions[len(actions) - left])
        return self._current()

    def begin(self, envs: npt.NDArray[np.bool_]) -> Array:
        self._episodes[envs] += 1
        for i in np.flatnonzero(envs).tolist():
            self._begin(i)
        return self._current()

    def render(self) -> npt.NDArray[np.uint8]:
        raise InvalidArgument(f"env={self.id!r}: render() needs make_envs(..., render=True)")

    def close(self) -> None:
        self._env.close()
