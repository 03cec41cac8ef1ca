"""Vectorized environments, stepped in this process; ``worker_vector`` has worker processes."""

from __future__ import annotations

import mmap
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError, InvalidArgument

Array = npt.NDArray[Any]
MAX_ENVS = 1 << 14
EnvMaker = Callable[[], "gymnasium.Env[Any, Any]"]


def check_num_envs(n: Any) -> int:
    """Return ``n`` if it is a valid number of environments.

    Raises:
        InvalidArgument: for anything but a whole number from 1 to 16,384.
    """
    if not isinstance(n, int) or not 1 <= n <= MAX_ENVS:
        raise InvalidArgument(f"n_envs={n!r} must be a whole number from 1 to {MAX_ENVS:,}")
    return n


@dataclass(slots=True)
class Step:
    """One step of ``n`` environments, with Gymnasium's same-step autoreset.

    An environment whose episode ends is reset within the same step: ``next_observations`` then
    holds the first observation of the next episode, and ``final_observations`` the last one of the
    episode that ended.

    Attributes:
        observations: the observations that were acted on, ``[n, ...]``.
        actions: the actions taken, ``[n, ...]``.
        rewards: the rewards to learn from, float32 ``[n]``; clipped if the preprocessing clips.
        raw_rewards: the environments' own rewards, float32 ``[n]``; returns are reported in these.
        next_observations: the observations to act on next, ``[n, ...]``.
        terminated: bool ``[n]``; a terminal state was reached: do not bootstrap.
        truncated: bool ``[n]``; the episode was cut short, by a time limit for example: bootstrap
            from the final observation.
        ended: int64 indices of the environments that were terminated or truncated.
        final_observations: their last observations, ``[len(ended), ...]``.
        episode_over: bool ``[n]``; where the whole episode ended, not only a life was lost.
        extras: what the agent's ``act`` returned besides the actions, by name.
    """

    observations: Array
    actions: Array
    rewards: npt.NDArray[np.float32]
    raw_rewards: npt.NDArray[np.float32]
    next_observations: Array
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]
    ended: npt.NDArray[np.int64]
    final_observations: Array
    episode_over: npt.NDArray[np.bool_]
    extras: dict[str, Any] = field(default_factory=dict)

    @property
    def true_next_observations(self) -> Array:
        """The observations that followed the actions, before any autoreset, ``[n, ...]``."""
        if not len(self.ended):
            return self.next_observations
        result = self.next_observations.copy()
        result[self.ended] = self.final_observations
        return result


class VectorEnv(ABC):
    """``num_envs`` copies of an environment that are stepped together.

    Attributes:
        id: id of the environment.
        num_envs: number of copies.
        observation_space: observation space of ONE environment.
        action_space: action space of ONE environment.
    """

    id: str
    num_envs: int
    observation_space: gymnasium.Space[Any]
    action_space: gymnasium.Space[Any]

    @abstractmethod
    def reset(self, seed: int | None = None) -> Array:
        """Reset all environments and return their first observations, ``[n, ...]``.

        Each environment gets its own seed, derived from ``seed``; the same ``seed`` reproduces the
        same episodes.
        """

    @abstractmethod
    def step(self, actions: Array) -> Step:
        """Step each environment with its action; ``actions`` is ``[n, ...]``."""

    @abstractmethod
    def render(self) -> npt.NDArray[np.uint8]:
        """Return an image of environment 0, uint8 ``[height, width, 3]``."""

    def close(self) -> None:  # noqa: B027 - optional to override
        """Close the environments and release their resources."""

    def __enter__(self) -> VectorEnv:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


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
        ended = np.flatnonzero(terminated | truncated)
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

    def reset(self, seed: int | None) -> None:
        """Reset the environments, each with a seed derived from ``seed``."""
        for i, env in enumerate(self.envs):
            env_seed = None if seed is None else _env_seed(seed, self.start + i)
            self.observations[i], _ = env.reset(seed=env_seed)

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
                observation, _ = env.reset()
            self.observations[i] = observation


def _env_seed(seed: int, index: int) -> int:
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0] >> 1)


def zeros_of(space: gymnasium.Space[Any], what: str, env_id: str) -> Array:
    """Return an array of zeros with the shape and dtype of ``space``.

    Args:
        space: an observation space or an action space.
        what: ``"observations"`` or ``"actions"``, for the message.
        env_id: id of the environment, for the message.

    Raises:
        InvalidArgument: for a space whose elements are not arrays.
    """
    if space.shape is None or space.dtype is None:
        hint = "; flatten them with gymnasium.wrappers.FlattenObservation"
        raise InvalidArgument(
            f"env={env_id!r} has {what} in the space {space}, which is not an array"
            f"{hint if what == 'observations' else ''}"
        )
    return np.zeros(space.shape, space.dtype)


class LocalVector(VectorEnv):
    """Environments stepped one after the other in this process: best for fast environments.

    Args:
        makers: functions that make the environments, one for each.
        id: id of the environment, for messages.

    >>> import gymnasium
    >>> envs = LocalVector([lambda: gymnasium.make("CartPole-v1")] * 2, "CartPole-v1")
    >>> envs.reset(seed=0).shape
    (2, 4)
    >>> envs.step(np.array([0, 1])).rewards
    array([1., 1.], dtype=float32)
    """

    def __init__(self, makers: Sequence[EnvMaker], id: str) -> None:
        self.id, self.num_envs = id, len(makers)
        self._envs = [make() for make in makers]
        self.observation_space = self._envs[0].observation_space
        self.action_space = self._envs[0].action_space
        observation = zeros_of(self.observation_space, "observations", id)
        self._buffers = StepBuffers(self.num_envs, observation)
        self._group = EnvGroup(self._envs, 0, self._buffers.arrays)
        self._observations = self._buffers.arrays["observations"].copy()

    def reset(self, seed: int | None = None) -> Array:
        self._group.reset(seed)
        self._observations = self._buffers.arrays["observations"].copy()
        return self._observations

    def step(self, actions: Array) -> Step:
        self._group.step(np.asarray(actions))
        next_observations = self._buffers.arrays["observations"].copy()
        step = self._buffers.step(self._observations, actions, next_observations)
        self._observations = next_observations
        return step

    def render(self) -> npt.NDArray[np.uint8]:
        try:
            return np.asarray(self._envs[0].render(), np.uint8)
        except Exception as error:  # a user's environment may raise anything
            why = f"{type(error).__name__}: {error}"
            raise AgentlabError(f"env={self.id!r} cannot be rendered: {why}") from error

    def close(self) -> None:
        for env in self._envs:
            env.close()
