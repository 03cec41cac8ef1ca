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
    check_info,
    check_reset,
    check_step,
    flag_of,
    reward_of,
)
from agentlab.envs.calls import sentence_of
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
from agentlab.envs.observation_check import ObservationCheck
from agentlab.envs.preprocessing import Preprocessed
from agentlab.envs.rendering import rgb_image
from agentlab.envs.unused_mask import report_unused_mask
from agentlab.envs.vector import Array
from agentlab.errors import printable

STRICT_STEPS = 10  # of a first episode, in which floats outside the bounds are an error
_warned: set[str] = set()  # ids of environments whose floats have left the bounds


class EnvGroup:
    """Consecutive environments of a vector that one process steps, and checks.

    Every result is checked. Anything that cannot be stored as its space says, NaN and infinite
    values, and integers outside the bounds raise an ``EnvFailure``. Finite floats outside the
    bounds do so in the first steps, where they show that the space is wrong; later they are only
    reported, once, since Gymnasium's own LunarLander leaves its bounds too.

    Args:
        envs: the environments.
        start: index of the first of them in the vector.
        arrays: these environments' rows of the arrays in ``StepBuffers``; results are written to
            them.
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
        # Environments with discrete actions expect plain integers.
        self.discrete = isinstance(envs[0].action_space, gymnasium.spaces.Discrete)
        self.start = start
        self.observations = arrays["observations"]
        self.final_observations = arrays["final_observations"]
        self.rewards = arrays["rewards"]
        self.raw_rewards = arrays["raw_rewards"]
        self.terminated = arrays["terminated"]
        self.truncated = arrays["truncated"]
        self.episode_over = arrays["episode_over"]
        self.actions = arrays.get("actions")
        self.seed: int | None = None
        self.episodes = np.zeros(len(envs), np.int64)
        self.origins: list[Origin] = [None] * len(envs)
        self._emulated = [emulator_of(env) is not None for env in envs]
        # These clip rewards, and may terminate at a lost life without a reset.
        owners = [env for env in envs if isinstance(env, Preprocessed)]
        self._preprocessed = owners if len(owners) == len(envs) else None
        self._check = ObservationCheck(envs[0].observation_space, len(envs))
        self.final_frame: npt.NDArray[np.uint8] | None = None
        self._rendered = False  # whether the first environment's current episode is rendered
        self._ended: list[int] = []  # where an episode ended in the last step
        self._steps = 0  # of the group
        self._begun = [0] * len(envs)  # at which of these steps the current episodes began

    def reset(self, seed: int | None) -> None:
        """Reset the environments; their episodes get seeds derived from ``seed``."""
        self.seed, self.episodes[:] = seed, 0
        for i in range(len(self.envs)):
            self._begin(i)
        if not self._check.holds(self.observations):
            self._find_violation()

    def _begin(self, i: int) -> None:
        """Begin an episode and record its origin."""
        env, episode = self.envs[i], int(self.episodes[i])
        self._begun[i] = self._steps
        if self._emulated[i] and episode > 0:
            self.origins[i] = emulator_state(env)
            self._reset(i, None)
            return
        seed = None if self.seed is None else episode_seed(self.seed, self.start + i, episode)
        self.origins[i] = seed
        self._reset(i, seed)

    def _reset(self, i: int, seed: int | None) -> None:
        """Reset an environment and store its observation."""
        result = None
        try:
            result = self.envs[i].reset(seed=seed)
            observation, info = check_reset(result)
            self.observations[i] = self._check.conform(observation, "reset")
        except BaseException as error:
            self._fail(error, i, "reset", f"seed={seed}", result)
        if self.start + i == 0:
            report_unused_mask(self.id, info, self.envs[0].observation_space)

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
            self._reset(i, None if isinstance(origin, dict) else origin)
            self._begun[i] = self._steps - int(lengths[i])
            action = result = None
            try:
                for row in steps[len(steps) - int(lengths[i]) :]:
                    action = row[i]
                    result = env.step(action)
                    observation, _, terminated, truncated, _ = check_step(result)
                    self.observations[i] = self._check.conform(observation, "step")
                    if (terminated or truncated) and self._is_over(i):
                        break  # it is not reproducible, and may refuse further steps
            except BaseException as error:
                self._fail(error, i, "step", repr(action), result)

    def step(self, actions: Array) -> None:
        """Step the environments, ``actions`` being ``[len(envs), ...]``, and autoreset them."""
        # A copy, since an environment may change its action or keep a reference to it.
        env_actions = actions.tolist() if self.discrete else actions.copy()
        # This loop runs for every step of every environment: names are local, checks are inline,
        # and the flags are written only where an episode ends.
        check, expected, dtype, shape = self._check, *self._check.stored
        observations, owners = self.observations, self._preprocessed
        rewards = self.raw_rewards if owners is None else self.rewards
        for i in self._ended:
            self.terminated[i] = self.truncated[i] = self.episode_over[i] = False
        self._ended.clear()
        self._steps += 1
        i, result = 0, None
        try:
            for i, env in enumerate(self.envs):
                result = env.step(env_actions[i])
                observation, reward, terminated, truncated, info = result
                if observation.__class__ is not expected or (
                    shape and (observation.dtype is not dtype or observation.shape != shape)
                ):
                    observation = check.conform(observation, "step")
                if reward.__class__ is not float:
                    reward = reward_of(reward)
                if not -LARGEST_REWARD <= reward <= LARGEST_REWARD:  # NaN is neither
                    reward_of(reward)
                if terminated.__class__ is not bool:
                    terminated = flag_of("terminated", terminated)
                if truncated.__class__ is not bool:
                    truncated = flag_of("truncated", truncated)
                if info.__class__ is not dict:
                    check_info("step", info)
                rewards[i] = reward
                if owners is not None:
                    self.raw_rewards[i] = reward_of(owners[i].raw_reward)
                if terminated or truncated:
                    over = self._is_over(i)
                    self._end(i, observation, terminated, truncated, over)
                    if over:
                        self._begin(i)
                        continue
                observations[i] = observation
        except BaseException as error:
            self._fail(error, i, "step", repr(env_actions[i]), result)
        if owners is None:
            self.rewards[:] = rewards
        if not check.holds(observations):
            self._find_violation()

    def _is_over(self, i: int) -> bool:
        """Return whether the whole episode has ended, if it or a life in it has."""
        return self._preprocessed is None or self._preprocessed[i].episode_over

    def _end(self, i: int, observation: Any, terminated: bool, truncated: bool, over: bool) -> None:
        """Record that an episode, or a life in it, has ended with an observation."""
        self._ended.append(i)
        self.terminated[i], self.truncated[i], self.episode_over[i] = terminated, truncated, over
        final = self.final_observations
        final[i] = observation
        if not self._check.holds_one(final[i]):
            self._check_value(i, final[i], "step")
        self.episodes[i] += over
        if over and i == 0 and self._rendered:
            self.final_frame = self.render()

    def render(self) -> npt.NDArray[np.uint8]:
        """Return an image of the first environment.

        From then on, the final frame of each of its episodes is kept in ``final_frame``.

        Raises:
            EnvFailure: if it cannot be rendered.
        """
        self._rendered = True
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

    def _find_violation(self) -> None:
        """Check the values of the current observations one by one."""
        for i, observation in enumerate(self.observations):
            method = "reset" if self._begun[i] == self._steps else "step"
            try:
                self._check_value(i, observation, method)
            except Violation as error:
                self._fail(error, i, method, "")

    def _check_value(self, i: int, observation: Array, method: str) -> None:
        """Raise a ``Violation``, or report once that floats leave the bounds."""
        try:
            self._check.check_bounds(observation, method)
        except Violation as error:
            early = self.episodes[i] == 0 and self._steps - self._begun[i] <= STRICT_STEPS
            if early or not self._check.floating or not self._check.is_finite(observation):
                raise
            self._check.accept_any_finite()
            if not self._check.holds_one(observation):  # integers beside the floats
                raise
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
        if isinstance(error, EnvFailure | KeyboardInterrupt):
            raise error
        sentence = sentence_of(error, self.envs[i], method, given, result)
        raise EnvFailure(f"{self._place(i)}: {sentence}") from error

    def _place(self, i: int) -> str:
        """Return the id of an environment, and the step and seed of its episode."""
        origin, step = self.origins[i], self._steps - self._begun[i]
        seed = f" with seed {origin}" if isinstance(origin, int) else ""
        when = f"in step {step}" if step else "at the start"
        return f"env={self.id!r}, {when} of an episode{seed}"
