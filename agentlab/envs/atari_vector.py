"""Atari games vectorized by ale-py's ``AtariVectorEnv``, which steps them in C++ threads."""

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
from agentlab.errors import InvalidArgument

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
    """Return whether ``AtariVector`` implements exactly this environment and preprocessing.

    It supports a fixed frame skip and square grayscale frames, stacked or not. It does not support
    ids such as ``Pong-v0`` whose frame skip is random; ``fire_reset``, since it cannot press FIRE
    after a lost life; ``noop_max`` with ids that skip frames themselves, since its no-ops last a
    single frame; or other kinds of images.

    Args:
        spec: the environment's spec in Gymnasium's registry.
        preprocessing: how frames and rewards are preprocessed.
        kwargs: further arguments of the environment's constructor.
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
    """Copies of one Atari game, stepped by threads outside the global interpreter lock.

    Observations are uint8 ``[n, resize, resize, frame_stack]`` with the newest frame last, as those
    of ``Preprocessed``. (ale-py would put the stack first and pad new episodes with black frames,
    so frames are stacked here.) Final observations are exact after truncation and lost lives. After
    a game over their newest frame is the second to last of the game, since ale-py does not return
    the last one; nothing bootstraps from it.

    Args:
        spec: the environment's spec in Gymnasium's registry.
        n: number of copies.
        preprocessing: how frames and rewards are preprocessed.
        threads: number of threads; 0 for one per core.
        kwargs: further arguments of the environment's constructor.

    Raises:
        InvalidArgument: if ``supports`` returns false for these arguments.
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
            raise InvalidArgument(
                f"env={spec.id!r} with {preprocessing} is not supported by AtariVectorEnv; "
                "use WorkerVector"
            )
        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)  # no banner
        self.id, self.num_envs = spec.id, n
        arguments = {**spec.kwargs, **kwargs}
        self._clip_rewards, self._life_loss = preprocessing.clip_rewards, preprocessing.life_loss
        self._max_frames = arguments.get("max_num_frames_per_episode") or _NO_LIMIT
        size = preprocessing.resize or 0  # not None: supports() has checked it
        self._env: Any = AtariVectorEnv(
            arguments["game"],
            n,
            num_threads=threads,
            frameskip=arguments.get("frameskip", 4) * preprocessing.frame_skip,
            repeat_action_probability=arguments.get("repeat_action_probability", 0.25),
            full_action_space=arguments.get("full_action_space", False),
            # Truncated in step(): ale-py would truncate before it processes the last frame.
            max_num_frames_per_episode=_NO_LIMIT,
            autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP,
            img_height=size,
            img_width=size,
            stack_num=1,
            maxpool=preprocessing.max_pool,
            noop_max=preprocessing.noop_max + 1 if preprocessing.noop_max else 0,  # exclusive
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
        valid = (actions >= 0) & (actions <= self._last_action)
        if actions.shape != (self.num_envs,) or not valid.all():
            # ale-py would hang.
            raise InvalidArgument(
                f"actions={actions} must be {self.num_envs} whole numbers from 0 to "
                f"{self._last_action}"
            )
        frames, rewards, game_over, _, info = self._env.step(actions.astype(np.int64))
        raw_rewards = rewards.astype(np.float64)
        truncated = ~game_over & (info["episode_frame_number"] >= self._max_frames)
        terminated = game_over
        if self._life_loss:
            terminated = game_over | (info["lives"] < self._lives)
        ended, over = np.flatnonzero(terminated | truncated), game_over | truncated
        last_frames = frames
        if game_over.any():
            last_frames = np.where(game_over[:, None, None, None], info["final_obs"], frames)
        next_observations = self._push_frames(last_frames)
        final_observations = next_observations[ended]
        if truncated.any():
            frames, info = self._env.reset(options={"reset_mask": truncated})
        next_observations[over] = self._first_observations(frames[over])
        step = Step(
            self._observations,
            actions,
            (np.sign(raw_rewards) if self._clip_rewards else raw_rewards).astype(np.float32),
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

    def cut(self, envs: npt.NDArray[np.bool_]) -> Array:
        frames, info = self._env.reset(options={"reset_mask": np.asarray(envs)})
        self._observations = self._observations.copy()
        self._observations[envs] = self._first_observations(frames[envs])
        self._lives = info["lives"]
        return self._observations

    def render(self) -> npt.NDArray[np.uint8]:
        """Return the newest grayscale frame of environment 0; ale-py's vector has no RGB frames."""
        return np.repeat(self._observations[0, :, :, -1:], 3, axis=2)

    def close(self) -> None:
        self._env = None  # joins the threads

    def _first_observations(self, frames: Array) -> Array:
        """Return stacks of the frames ``[k, 1, h, w]`` repeated: ``[k, h, w, frame_stack]``."""
        return np.repeat(frames[:, 0, :, :, None], self._observations.shape[-1], axis=-1)

    def _push_frames(self, frames: Array) -> Array:
        """Return the observations with ``frames`` ``[n, 1, h, w]`` as the newest of each stack."""
        stacked = np.empty_like(self._observations)
        # Shift by one byte in flat memory, which is one channel: five times faster than by axis.
        stacked.reshape(-1)[:-1] = self._observations.reshape(-1)[1:]
        stacked[..., -1] = frames[:, 0]
        return stacked
