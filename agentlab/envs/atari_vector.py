"""Atari games stepped by the C++ threads of ale-py's ``AtariVectorEnv``."""

from __future__ import annotations

from typing import Any

import ale_py
import gymnasium
import numpy as np
import numpy.typing as npt
from ale_py.vector_env import AtariVectorEnv
from gymnasium.envs.registration import EnvSpec

from agentlab.envs.preprocessing import Frames, Preprocessing
from agentlab.envs.vector import Array, Step, VectorEnv
from agentlab.errors import AgentlabError

_ARGUMENTS = {
    "game",
    "obs_type",
    "frameskip",
    "repeat_action_probability",
    "full_action_space",
    "max_num_frames_per_episode",
}
_NO_LIMIT = 2**30  # frames


def supports(spec: EnvSpec, preprocessing: Preprocessing, **kwargs: Any) -> bool:
    """Whether ``AtariVector`` gives exactly what the id and the preprocessing mean.

    It does for a fixed frame skip and square gray frames, stacked or not. It does not for ids like
    ``Pong-v0``, whose frame skip is drawn at random; for ``fire_reset``, as the emulator's threads
    cannot press FIRE after a lost life; for no-ops where the id itself skips frames, as theirs
    last one frame; or for images of another kind.

    Args:
        spec: what Gymnasium's registry holds for the id.
        preprocessing: what is to be done to frames and rewards.
        kwargs: further arguments for the environment's constructor.
    """
    arguments = {**spec.kwargs, **kwargs}
    skip = arguments.get("frameskip", 4)
    if spec.entry_point != "ale_py.env:AtariEnv" or not isinstance(skip, int):
        return False
    p = preprocessing
    plain = Preprocessing(grayscale=True, resize=p.resize)
    return (
        arguments.keys() <= _ARGUMENTS
        and arguments.get("obs_type", "rgb") in ("rgb", "grayscale")
        and (arguments.get("max_num_frames_per_episode") or 0) % (skip * p.frame_skip) == 0
        and spec.max_episode_steps is None
        and not spec.additional_wrappers
        and p.grayscale
        and p.resize is not None
        and all(
            getattr(p, name) == getattr(plain, name)
            for name in ("crop", "stride", "background", "binary", "difference", "fire_reset")
        )
        and (skip == 1 or p.noop_max == 0)
        and (not p.max_pool or (skip == 1 and p.frame_skip > 1))
    )


class AtariVector(VectorEnv):
    """Copies of one Atari game, stepped together by threads that hold no interpreter lock.

    Observations are uint8 ``[n, resize, resize, frame_stack]``, the newest frame last, as those of
    ``Preprocessed``. (ale-py stacks in front and begins with black frames; here frames are stacked
    once they have arrived.) Final observations are true where an episode is truncated or a life
    is lost. Where the game is over, their newest frame is the one before: ale-py keeps the last to
    itself, and nothing bootstraps from there.

    Args:
        spec: what Gymnasium's registry holds for the id; see ``supports``.
        n: how many copies.
        preprocessing: what is to be done to frames and rewards.
        threads: how many threads; 0 for one a core.
        kwargs: further arguments for the environment's constructor.

    Raises:
        AgentlabError: where ``supports`` says no.
    """

    def __init__(
        self,
        spec: EnvSpec,
        n: int,
        preprocessing: Preprocessing,
        threads: int = 0,
        **kwargs: Any,
    ) -> None:
        if not supports(spec, preprocessing, **kwargs):
            raise AgentlabError(f"env={spec.id!r} with {preprocessing} is beyond AtariVectorEnv")
        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)  # no banner
        self.id, self.num_envs = spec.id, n
        arguments = {**spec.kwargs, **kwargs}
        self._clip, self._life_loss = preprocessing.clip_rewards, preprocessing.life_loss
        self._limit = arguments.get("max_num_frames_per_episode") or _NO_LIMIT
        size = preprocessing.resize or 0  # supports() has seen to it
        self._env: Any = AtariVectorEnv(
            arguments["game"],
            n,
            num_threads=threads,
            frameskip=arguments.get("frameskip", 4) * preprocessing.frame_skip,
            repeat_action_probability=arguments.get("repeat_action_probability", 0.25),
            full_action_space=arguments.get("full_action_space", False),
            # Episodes are cut here: ale-py would cut them before it has taken in the last frame.
            max_num_frames_per_episode=_NO_LIMIT,
            autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP,
            img_height=size,
            img_width=size,
            stack_num=1,
            maxpool=preprocessing.max_pool,
            noop_max=preprocessing.noop_max + 1 if preprocessing.noop_max else 0,  # it excludes it
            use_fire_reset=False,
            reward_clipping=False,
        )
        shape = (size, size, preprocessing.frame_stack)
        self.observation_space = Frames(0, 255, shape, np.uint8, preprocessing.frame_stack)
        self.action_space = gymnasium.spaces.Discrete(len(self._env.ale.get_action_set()))
        self._last_action = int(self.action_space.n) - 1
        self._observations = np.zeros((n, *shape), np.uint8)
        self._lives = np.zeros(n, np.int32)

    def reset(self, seed: int | None = None) -> Array:
        seeds = None
        if seed is not None:
            words = np.random.SeedSequence(seed).generate_state(self.num_envs)
            seeds = (words >> 1).astype(np.int64)  # ale-py takes 31 bits
        frames, info = self._env.reset(seed=seeds)
        self._lives = info["lives"]
        self._observations = self._first_observations(frames)
        return self._observations

    def step(self, actions: Array) -> Step:
        actions = np.asarray(actions)
        known = (actions >= 0) & (actions <= self._last_action)
        if actions.shape != (self.num_envs,) or not known.all():
            # ale-py itself would wait for ever.
            raise AgentlabError(
                f"actions={actions} must be {self.num_envs} numbers from 0 to {self._last_action}"
            )
        frames, rewards, game_over, _, info = self._env.step(actions.astype(np.int64))
        raw_rewards = rewards.astype(np.float32)
        truncated = ~game_over & (info["episode_frame_number"] >= self._limit)
        terminated = game_over
        if self._life_loss:
            terminated = game_over | (info["lives"] < self._lives)
        ended, over = np.flatnonzero(terminated | truncated), game_over | truncated
        last_frames = frames
        if game_over.any():
            last_frames = np.where(game_over[:, None, None, None], info["final_obs"], frames)
        next_observations = self._pushed(last_frames)
        final_observations = next_observations[ended]
        if truncated.any():
            frames, info = self._env.reset(options={"reset_mask": truncated})
        next_observations[over] = self._first_observations(frames[over])
        step = Step(
            self._observations,
            actions,
            np.sign(raw_rewards) if self._clip else raw_rewards.copy(),
            raw_rewards,
            next_observations,
            terminated,
            truncated,
            ended,
            final_observations,
            over,
        )
        self._observations, self._lives = next_observations, info["lives"]
        return step

    def render(self) -> npt.NDArray[np.uint8]:
        """Return the newest gray frame of environment 0: ale-py's vector has no other image."""
        return np.repeat(self._observations[0, :, :, -1:], 3, axis=2)

    def close(self) -> None:
        self._env = None  # ends the threads

    def _first_observations(self, frames: Array) -> Array:
        """Return the observations that begin with the frames ``[k, 1, h, w]``, these repeated."""
        return np.repeat(frames[:, 0, :, :, None], self._observations.shape[-1], axis=-1)

    def _pushed(self, frames: Array) -> Array:
        """Return the observations with each channel moved one back and ``frames`` as the newest."""
        pushed = np.empty_like(self._observations)
        # One byte further in flat memory is one channel further: five times as fast as by axis.
        pushed.reshape(-1)[:-1] = self._observations.reshape(-1)[1:]
        pushed[..., -1] = frames[:, 0]
        return pushed
