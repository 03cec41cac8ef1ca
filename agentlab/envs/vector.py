"""Vectorized environments, stepped in this process; ``worker_vector`` has worker processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.envs.api_checks import check_space, describe
from agentlab.envs.failures import EnvFailure, Violation
from agentlab.envs.parts import ARRAYS, Parts
from agentlab.errors import InvalidArgument

Array = npt.NDArray[Any]
MAX_ENVS = 1 << 14


def check_vector(envs: Any, n: int | None = None) -> None:
    """Raise ``InvalidArgument`` unless ``envs`` is a vector of ``n`` environments.

    Args:
        envs: what a user passed as a vector.
        n: the number of environments that the agent was made for; ``None`` for any.
    """
    if not isinstance(envs, VectorEnv):
        raise InvalidArgument(
            f"envs={describe(envs)} is not a vector of environments; make one with "
            'agentlab.make_envs("ID", n)'
        )
    if n not in (None, envs.num_envs):
        raise InvalidArgument(
            f"the agent was made for {n} environments, but envs has {envs.num_envs}"
        )


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
        raw_rewards: the environments' own rewards, float64 ``[n]``; returns are reported in these.
        next_observations: the observations to act on next, ``[n, ...]``.
        terminated: bool ``[n]``; a terminal state was reached: do not bootstrap.
        truncated: bool ``[n]``; the episode was cut short, by a time limit for example: bootstrap
            from the final observation.
        ended: int64 indices of the environments that were terminated or truncated.
        final_observations: their last observations, ``[len(ended), ...]``.
        episode_over: bool ``[n]``; where the whole episode ended, not only a life was lost.
        extras: what the agent's ``act`` returned besides the actions, by name.
        lost: bool ``[n]``; where the process of an environment was lost and its episode could not
            be replayed. Such an episode is truncated at the last known observation, with reward 0,
            and is not counted. ``None`` if there are none.
    """

    observations: Array
    actions: Array
    rewards: npt.NDArray[np.float32]
    raw_rewards: npt.NDArray[np.float64]
    next_observations: Array
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]
    ended: npt.NDArray[np.int64]
    final_observations: Array
    episode_over: npt.NDArray[np.bool_]
    extras: dict[str, Any] = field(default_factory=dict)
    lost: npt.NDArray[np.bool_] | None = None

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
        repeatable: whether ``state`` and ``restore`` can replay unfinished episodes.
        frame_rate: steps per second when the environment runs at its own speed.
        settings: the environment, its arguments, wrappers and preprocessing given to
            ``make_envs``, as JSON values that are saved with agents; ``None`` if made otherwise.
    """

    repeatable: bool = False
    frame_rate: float = 30.0
    settings: Mapping[str, Any] | None = None
    id: str
    num_envs: int
    observation_space: gymnasium.Space[Any]
    action_space: gymnasium.Space[Any]

    @abstractmethod
    def reset(self, seed: int | None = None) -> Array:
        """Reset all environments and return their first observations, ``[n, ...]``.

        Each episode gets its own seed, derived from ``seed``, the environment's index and the
        number of the episode, so that it is a function of its seed and its actions.
        """

    @abstractmethod
    def step(self, actions: Array) -> Step:
        """Step each environment with its action; ``actions`` is ``[n, ...]``."""

    @abstractmethod
    def render(self) -> npt.NDArray[np.uint8]:
        """Return an image of environment 0, uint8 ``[height, width, 3]``."""

    def render_final(self) -> npt.NDArray[np.uint8] | None:
        """Return the final frame of environment 0's episode if it ended in this step, or ``None``.

        It is kept only after ``render`` has been called.
        """
        return None

    def cut(self, envs: npt.NDArray[np.bool_]) -> Array:
        """Abandon the episodes of some environments, begin new ones, and return all observations.

        Args:
            envs: bool ``[n]``, true where a new episode begins.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot cut its episodes")

    def state(self) -> dict[str, Array]:
        """Return what is needed to replay the unfinished episodes: their seeds and actions."""
        raise NotImplementedError(f"{type(self).__name__} cannot save its episodes")

    def restore(self, state: Mapping[str, Array]) -> npt.NDArray[np.bool_]:
        """Replay the unfinished episodes.

        Args:
            state: a state returned by ``state``.

        Returns:
            Bool ``[n]``, true for environments that did not reproduce their last observation. They
            are reset.

        Raises:
            KeyError, TypeError, ValueError: if ``state`` belongs to other environments.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot save its episodes")

    @property
    def observations(self) -> Array:
        """The current observations, ``[n, ...]``."""
        raise NotImplementedError(f"{type(self).__name__} does not keep its observations")

    def close(self) -> None:  # noqa: B027 - optional to override
        """Close the environments and release their resources."""

    def __enter__(self) -> VectorEnv:
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self.close()
        except EnvFailure:
            if exception[0] is None:  # an exception that is already propagating matters more
                raise


def zeros_of(space: Any, what: str, env_id: str) -> Array:
    """Return an array of zeros with the shape and dtype of ``space``.

    Args:
        space: an observation space or an action space.
        what: ``"observation"`` or ``"action"``.
        env_id: id of the environment, for the message.

    Raises:
        AgentlabError: if it is not a space of Gymnasium.
        InvalidArgument: for a space whose elements are not arrays.
    """
    try:
        check_space(f"{what}_space", space)
    except Violation as violation:
        raise EnvFailure(f"env={env_id!r}: {violation}") from violation
    if not isinstance(space, (*ARRAYS, Parts)):
        wrapper = "ObservationWrapper" if what == "observation" else "ActionWrapper"
        raise InvalidArgument(
            f"env={env_id!r} has {what}s in the space {space}, which is not an array; convert them "
            f"to {', '.join(kind.__name__ for kind in ARRAYS)} with a gymnasium.{wrapper}"
        )
    zeros: Array = np.zeros(space.shape or (), space.dtype)
    return zeros
