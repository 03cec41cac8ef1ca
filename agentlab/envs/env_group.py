"""The environments that one process steps, and the checks of what they return."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.envs.api_checks import (
    LARGEST_REWARD,
    TOLERANCE,
    check_bounds,
    check_info,
    check_reset,
    check_step,
    conform,
    flag_of,
    reward_of,
    sentence_of,
)
from agentlab.envs.copies import check_copies
from agentlab.envs.episodes import (
    Origin,
    Unfinished,
    emulator_of,
    emulator_state,
    episode_seed,
    restore_emulator,
)
from agentlab.envs.failures import EnvFailure, Violation, describe_error, raised
from agentlab.envs.preprocessing import Preprocessed
from agentlab.envs.rendering import rgb_image
from agentlab.envs.value_check import ValueCheck
from agentlab.envs.vector import Array
from agentlab.errors import printable

STRICT_STEPS = 10  # of a first episode, in which floats outside the bounds are an error
_warned: set[str] = set()  # ids of environments whose floats have left the bounds


class EnvGroup:
    """Consecutive environments of a vector that one process steps, and checks.

    Every result is checked. Anything that cannot be stored as its space says, NaN and infinite
    values, and integers outside the bounds raise an ``EnvFailure``. Finite floats outside the
    bounds do so in the first steps, where they show a wrong space; later they are reported once,
    since Gymnasium's own LunarLander leaves its bounds too.

    Args:
        envs: the environments.
        start: index of the first of them in the vector.
        arrays: the arrays of the vector's ``StepBuffers``; results are written to them.
        id: id of the environment, for messages.

    Raises:
        EnvFailure: if two of the environments are the same object, or their spaces differ.
    """

    def __init__(
        self,
        envs: Sequence[gymnasium.Env[Any, Any]],
        start: int,
        arrays: dict[str, Array],
        id: str,
    ) -> None:
        self.envs, self.id = envs, id
        check_copies(envs, id)
        self.observation_space = envs[0].observation_space
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
        self.actions = arrays["actions"][start:stop] if "actions" in arrays else None
        self.seed: int | None = None
        self.episodes = np.zeros(len(envs), np.int64)
        self.origins: list[Origin] = [None] * len(envs)
        self._emulated = [emulator_of(env) is not None for env in envs]
        # These clip rewards, and may terminate at a lost life without a reset.
        self._preprocessed = [env if isinstance(env, Preprocessed) else None for env in envs]
        self._shape = self.observations.shape[1:]
        self._dtype = np.dtype(self.observations.dtype.type)  # the one object that arrays share
        self._values = ValueCheck(self.observation_space)
        self._steps = 0  # of the group
        self._begun = [0] * len(envs)  # at which of these the current episodes began

    def reset(self, seed: int | None) -> None:
        """Reset the environments; their episodes get seeds derived from ``seed``."""
        self.seed, self.episodes[:] = seed, 0
        for i in range(len(self.envs)):
            self._begin(i)
        self._check_values()

    def _begin(self, i: int) -> None:
        """Begin an episode and record its origin."""
        env, episode = self.envs[i], int(self.episodes[i])
        self._begun[i] = self._steps
        if self._emulated[i] and episode > 0:
            self.origins[i] = emulator_state(env)
            self.observations[i] = self._reset(i, None)
            return
        seed = None if self.seed is None else episode_seed(self.seed, self.start + i, episode)
        self.origins[i] = seed
        self.observations[i] = self._reset(i, seed)

    def _reset(self, i: int, seed: int | None) -> Any:
        """Reset an environment and return its observation."""
        result = None
        try:
            result = self.envs[i].reset(seed=seed)
            return self._conform(check_reset(result)[0], "reset")
        except BaseException as error:
            self._fail(error, i, "reset", f"seed={seed}")

    def begin(self, envs: npt.NDArray[np.bool_]) -> None:
        """Reset some environments."""
        for i in np.flatnonzero(envs):
            self.episodes[i] += 1
            self._begin(int(i))

    def replay(self, unfinished: Unfinished) -> None:
        """Replay unfinished episodes."""
        self.seed, self.episodes[:], origins, lengths, actions = unfinished
        self.origins = list(origins)
        # A copy, since an environment may change its action.
        steps = actions.tolist() if self.discrete else actions.copy()
        for i, (env, origin) in enumerate(zip(self.envs, origins, strict=True)):
            if isinstance(origin, dict):
                env.reset()  # the emulator's state is restored into a running game
                restore_emulator(env, origin)
            observation = self._reset(i, None if isinstance(origin, dict) else origin)
            self._begun[i] = self._steps - int(lengths[i])
            action = result = None
            try:
                for row in steps[len(steps) - int(lengths[i]) :]:
                    action = row[i]
                    result = env.step(action)
                    observation = self._conform(check_step(result)[0], "step")
            except BaseException as error:
                self._fail(error, i, "step", repr(action))
            self.observations[i] = observation

    def step(self, actions: Array) -> None:
        """Step the environments, ``actions`` being ``[len(envs), ...]``, and autoreset them."""
        # A copy, since an environment may change its action or keep a reference to it.
        env_actions = actions.tolist() if self.discrete else actions.copy()
        shape, dtype = self._shape, self._dtype
        self._steps += 1
        i, result = 0, None
        try:
            for i, env in enumerate(self.envs):
                result = env.step(env_actions[i])
                observation, reward, terminated, truncated, info = result
                if (
                    observation.__class__ is not np.ndarray
                    or observation.dtype is not dtype
                    or observation.shape != shape
                ):
                    observation = self._conform(observation, "step")
                if reward.__class__ is not float:
                    reward = reward_of(reward)
                if terminated.__class__ is not bool:
                    terminated = flag_of("terminated", terminated)
                if truncated.__class__ is not bool:
                    truncated = flag_of("truncated", truncated)
                if info.__class__ is not dict:
                    check_info("step", info)
                own = self._preprocessed[i]
                over, raw = terminated or truncated, reward
                if own is not None:
                    over, raw = own.episode_over, own.raw_reward
                if not -LARGEST_REWARD <= raw <= LARGEST_REWARD:  # NaN is neither
                    reward_of(raw)
                self.rewards[i] = reward
                self.raw_rewards[i] = raw
                self.terminated[i] = terminated
                self.truncated[i] = truncated
                self.episode_over[i] = over
                if terminated or truncated:
                    self.final_observations[i] = observation
                    if self._values.needed and not self._values.holds(self.final_observations[i]):
                        self._check_value(i, self.final_observations[i], "step")
                if over:
                    self.episodes[i] += 1
                    self._begin(i)
                else:
                    self.observations[i] = observation
        except BaseException as error:
            self._fail(error, i, "step", repr(env_actions[i]), result)
        self._check_values()

    def render(self) -> npt.NDArray[np.uint8]:
        """Return an image of the first environment.

        Raises:
            EnvFailure: if it cannot be rendered.
        """
        try:
            rendered = self.envs[0].render()
        except (Exception, SystemExit) as error:  # a user's environment may raise anything
            why = describe_error(error)
            raise EnvFailure(f"env={self.id!r} cannot be rendered: {why}") from error
        return rgb_image(rendered, self.id)

    def close(self) -> None:
        """Close all environments.

        Raises:
            EnvFailure: for the first exception that one of them raised.
        """
        failures = []
        for env in self.envs:
            try:
                env.close()
            except (Exception, SystemExit) as error:
                failures.append(error)
        if failures:
            why = raised("close", "", failures[0])
            raise EnvFailure(f"env={self.id!r}: {why}") from failures[0]

    def _conform(self, observation: Any, method: str) -> Any:
        """Return an observation that can be stored."""
        if observation.__class__ is int and self._shape == ():
            return observation
        return conform(observation, self.observation_space, f"the observation of {method}()")

    def _check_values(self) -> None:
        """Check the values of the current observations."""
        if not self._values.needed or self._values.holds(self.observations):
            return
        for i, observation in enumerate(self.observations):
            method = "reset" if self._begun[i] == self._steps else "step"
            try:
                self._check_value(i, observation, method)
            except Violation as error:
                self._fail(error, i, method, "")

    def _check_value(self, i: int, observation: Array, method: str) -> None:
        """Raise a ``Violation``, or report floats that leave the bounds once."""
        try:
            what = f"the observation of {method}()"
            check_bounds(observation, self.observation_space, what, TOLERANCE)
        except Violation as error:
            early = self.episodes[i] == 0 and self._steps - self._begun[i] <= STRICT_STEPS
            if early or not self._values.floating or not np.isfinite(observation).all():
                raise
            self._values.accept_any_finite()
            if self.start == 0 and self.id not in _warned:
                _warned.add(self.id)
                text = f"{self._place(i)}: {error}; values like it are not reported again"
                print(printable(text), file=sys.stderr)

    def _fail(
        self, error: BaseException, i: int, method: str, given: str, result: Any = None
    ) -> NoReturn:
        """Raise the error as an ``EnvFailure`` that says which environment failed, and when.

        Args:
            error: the exception.
            i: index of the environment in the group.
            method: ``"reset"`` or ``"step"``.
            given: the arguments of the method, for the message.
            result: what the method returned, if it did.
        """
        if isinstance(error, EnvFailure | KeyboardInterrupt | GeneratorExit):
            raise error
        try:
            if result is not None and _is_raised_by_caller(error):
                observation, reward, *_ = check_step(result)
                conform(observation, self.observation_space, "the observation of step()")
                reward_of(reward)
            sentence = sentence_of(error, self.envs[i], method, given)
        except Violation as violation:
            sentence = str(violation)
        raise EnvFailure(f"{self._place(i)}: {sentence}") from error

    def _place(self, i: int) -> str:
        """Return the id of an environment, and the step and seed of its episode."""
        origin, step = self.origins[i], self._steps - self._begun[i]
        seed = f" with seed {origin}" if isinstance(origin, int) else ""
        when = f"in step {step}" if step else "at the start"
        return f"env={self.id!r}, {when} of an episode{seed}"


def _is_raised_by_caller(error: BaseException) -> bool:
    """Return whether the function that caught an exception raised it itself."""
    return error.__traceback__ is not None and error.__traceback__.tb_next is None
