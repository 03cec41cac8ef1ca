"""Preprocessing of observations and rewards, described by a configuration."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.config import Options, option
from agentlab.envs.api_checks import check_reset, check_step, flag_of, reward_of
from agentlab.envs.observation_check import ObservationCheck
from agentlab.errors import InvalidArgument

MAX_PIXELS = 1 << 24  # in an observation
Frame = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Preprocessing(Options):
    """Preprocessing steps, in the order in which they are applied.

    Raises:
        InvalidArgument: for a value out of range, or options that do not go together.

    >>> Preprocessing(grayscale=True, resize=84, frame_stack=4).changes_frames
    True
    >>> Preprocessing(resize=84)
    Traceback (most recent call last):
    agentlab.errors.InvalidArgument: resize=84 needs grayscale frames: set grayscale
    """

    frame_skip: int = option(
        1, "repeat each action N times, on top of the id's own frame skip", ge=1
    )
    noop_max: int = option(0, "start each episode with 0 to N no-op steps, chosen at random", ge=0)
    fire_reset: bool = option(False, "press FIRE at the start of an episode and after a lost life")
    life_loss: bool = option(False, "treat a lost life as a termination, without a reset")
    clip_rewards: bool = option(False, "clip rewards to their sign; returns are reported unclipped")
    grayscale: bool = option(False, "convert frames to grayscale")
    max_pool: bool = option(False, "take the maximum of the last two frames, against flicker")
    crop: tuple[int, ...] = option(
        (), "crop frames to the rows FIRST,LAST (LAST is exclusive)", ge=0
    )
    stride: int = option(1, "keep every N-th row and column", ge=1)
    resize: int | None = option(None, "resize frames to N x N pixels by area averaging", ge=1)
    background: tuple[int, ...] = option((), "gray levels to set to 0", ge=0, le=255)
    binary: bool = option(False, "set all nonzero pixels to 1")
    difference: bool = option(False, "observe the difference from the previous frame")
    frame_stack: int = option(1, "stack the last N frames as channels", ge=1)
    channels_first: bool = option(
        False, "for images [channels, height, width]: move the channels to the last axis"
    )
    action_masks: bool = option(
        False, "choose only actions that info['action_mask'] allows (1 for allowed, 0 for not)"
    )

    def check(self) -> None:
        super().check()
        if self.crop and not (len(self.crop) == 2 and self.crop[0] < self.crop[1]):
            raise InvalidArgument(f"crop={self.crop} must be two rows FIRST,LAST with FIRST < LAST")
        for name in ("max_pool", "resize", "background", "binary", "difference", "crop"):
            if getattr(self, name) and not self.grayscale:
                raise InvalidArgument(
                    f"{name}={getattr(self, name)} needs grayscale frames: set grayscale"
                )

    @property
    def changes_frames(self) -> bool:
        """Whether observations are changed."""
        return self.grayscale or self.stride > 1 or self.frame_stack > 1

    @property
    def changes_anything(self) -> bool:
        """Whether any option that ``Preprocessed`` applies differs from its default."""
        return replace(self, channels_first=False, action_masks=False) != Preprocessing()


class Frames(gymnasium.spaces.Box):
    """A Box of stacked frames, ``[height, width, channels * frame_stack]``.

    The newest frame is last. At the start of an episode the first frame is repeated.

    Args:
        low: smallest value of a pixel.
        high: largest value of a pixel.
        shape: shape of an observation, all frames included.
        dtype: dtype of the pixels.
        frame_stack: number of frames.

    >>> Frames(0, 255, (84, 84, 4), np.uint8, frame_stack=4).frame_stack
    4
    """

    def __init__(
        self,
        low: float,
        high: float,
        shape: tuple[int, ...],
        dtype: npt.DTypeLike,
        frame_stack: int,
    ) -> None:
        scalar: type[Any] = np.dtype(dtype).type
        super().__init__(low, high, shape, scalar)
        self.frame_stack = frame_stack


class Preprocessed(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A wrapper that applies a ``Preprocessing`` to an environment.

    Observations of image environments become ``[height, width, frame_stack]``: uint8, or int8 for
    differences of binary frames and int16 for differences of grayscale frames.

    Attributes:
        raw_reward: the unclipped reward of the last step.
        episode_over: whether the last step ended the whole episode, not only a life.

    Args:
        env: an environment; with ``grayscale``, one with uint8 frames ``[h, w]`` or ``[h, w, 3]``.
        preprocessing: the preprocessing to apply.

    Raises:
        InvalidArgument: if ``env`` has no images, or no FIRE action, and the preprocessing needs
            them.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], preprocessing: Preprocessing) -> None:
        super().__init__(env)
        self.preprocessing = preprocessing
        self.raw_reward, self.episode_over = 0.0, False
        self._lives, self._fire_due = 0, False
        self._previous_frame: Frame | None = None  # for max_pool
        self._previous_image: npt.NDArray[Any] | None = None  # for difference
        self._fire = self._find_fire() if preprocessing.fire_reset else None
        self._images: deque[npt.NDArray[Any]] = deque(maxlen=preprocessing.frame_stack)
        self._frames: ObservationCheck | None = None  # of the frames of env
        if preprocessing.changes_frames:
            self._make_frame_buffers(env)
            self._frames = ObservationCheck(env.observation_space, 1)

    def _find_fire(self) -> int:
        meanings: list[str] = getattr(self.env.unwrapped, "get_action_meanings", list)()
        if "FIRE" not in meanings:
            raise InvalidArgument(f"fire_reset=True, but {self.env.unwrapped} has no FIRE action")
        return int(meanings.index("FIRE"))

    def _make_frame_buffers(self, env: gymnasium.Env[Any, Any]) -> None:
        space, p = env.observation_space, self.preprocessing
        if not (isinstance(space, gymnasium.spaces.Box) and len(space.shape) in (2, 3)):
            raise InvalidArgument(
                f"{env} has the observation space {space}, whose elements are not images"
            )
        if p.crop and p.crop[1] > space.shape[0]:
            raise InvalidArgument(f"crop={p.crop} exceeds the {space.shape[0]} rows of a frame")
        image = self._image(np.zeros(space.shape, space.dtype))
        low, high = (0, 1) if p.binary else (space.low.min().item(), space.high.max().item())
        dtype = image.dtype
        if p.difference:
            low, high, dtype = low - high, high, np.dtype(np.int8 if p.binary else np.int16)
        self._shape, self._dtype = (*image.shape[:2], image.shape[2] * p.frame_stack), dtype
        if (size := math.prod(self._shape)) > MAX_PIXELS:
            raise InvalidArgument(
                f"frame_stack={p.frame_stack} makes observations of {size:,} pixels; at most "
                f"{MAX_PIXELS:,} fit"
            )
        self.observation_space = Frames(low, high, self._shape, dtype, p.frame_stack)

    def _image(self, frame: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Apply all steps but ``difference`` and ``frame_stack``; return an image ``[h, w, c]``."""
        p = self.preprocessing
        if p.grayscale:
            frame = _to_grayscale(frame)
        if p.max_pool:
            previous, self._previous_frame = self._previous_frame, frame
            frame = frame if previous is None else np.maximum(previous, frame)
        if p.crop:
            frame = frame[p.crop[0] : p.crop[1]]
        if p.stride > 1:
            frame = np.ascontiguousarray(frame[:: p.stride, :: p.stride])
        if p.resize is not None:
            frame = _resize(frame, p.resize)
        if p.background or p.binary:
            kept = frame != 0
            for level in p.background:
                kept &= frame != level
            frame = kept.view(np.uint8) if p.binary else frame * kept
        return frame if frame.ndim == 3 else frame[:, :, None]

    def _check(self, frame: Any, method: str) -> Any:
        """Return a frame of the shape and dtype that its space declares."""
        if self._frames is None or (
            frame.__class__ is np.ndarray
            and frame.dtype is self._frames.stored[1]
            and frame.shape == self._frames.stored[2]
        ):
            return frame
        return self._frames.conform(frame, method).astype(self._frames.stored[1], copy=False)

    def _observe(self, frame: npt.NDArray[Any], first: bool = False) -> npt.NDArray[Any]:
        """Return the observation that ends with this raw frame."""
        p = self.preprocessing
        if not p.changes_frames:
            return frame
        if first:
            self._previous_frame = None
        image = self._image(frame)
        if p.difference:
            previous = self._previous_image
            self._previous_image = image
            previous = image if first or previous is None else previous
            image = np.subtract(image, previous, dtype=self._dtype)
        self._images.append(image)
        while len(self._images) < p.frame_stack:  # repeat the first frame of an episode
            self._images.append(image)
        if p.frame_stack == 1:
            return image
        observation = np.empty(self._shape, self._dtype)
        channels = image.shape[2]
        for i, image in enumerate(self._images):
            observation[:, :, i * channels : (i + 1) * channels] = image
        return observation

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        frame, info = check_reset(self.env.reset(**kwargs))
        noops = int(self.np_random.integers(self.preprocessing.noop_max + 1))
        for action in [0] * noops + ([] if self._fire is None else [self._fire]):
            frame, _, terminated, truncated, info = check_step(self.env.step(action))
            if terminated or truncated:
                frame, info = check_reset(self.env.reset())
        self._lives, self._fire_due = info.get("lives", 0), False
        self._images.clear()
        return self._observe(self._check(frame, "reset"), first=True), info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        p = self.preprocessing
        raw_reward = 0.0
        if self._fire_due and self._fire is not None:
            _, reward, _, _, _ = check_step(self.env.step(self._fire))
            raw_reward += reward_of(reward)
            self._fire_due = False
        for repeat in range(p.frame_skip):
            frame, reward, terminated, truncated, info = check_step(self.env.step(action))
            frame = self._check(frame, "step")
            raw_reward += reward_of(reward)
            if terminated.__class__ is not bool or truncated.__class__ is not bool:
                terminated = flag_of("terminated", terminated)
                truncated = flag_of("truncated", truncated)
            if terminated or truncated:
                break
            if p.max_pool and repeat == p.frame_skip - 2:
                self._previous_frame = _to_grayscale(frame)
        self.raw_reward, self.episode_over = raw_reward, terminated or truncated
        if p.life_loss or p.fire_reset:
            lives = info.get("lives", 0)
            if lives < self._lives:
                self._fire_due = p.fire_reset
                terminated = terminated or p.life_loss
            self._lives = lives
        reward = float(np.sign(raw_reward)) if p.clip_rewards else raw_reward
        return self._observe(frame), reward, terminated, truncated, info


def _to_grayscale(frame: npt.NDArray[Any]) -> Frame:
    """Convert ``[h, w, 3]`` to ``[h, w]`` with the luma weights of ITU-R BT.601, as ALE does."""
    if frame.ndim == 2:
        return frame
    gray: Frame = (frame @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)
    return gray


def _resize(frame: Frame, size: int) -> Frame:
    """Resize a frame ``[h, w]`` to ``[size, size]`` by averaging areas."""
    rows, columns = (_area_weights(long, size) for long in frame.shape)
    resized: Frame = np.rint(rows @ frame.astype(np.float32) @ columns.T).astype(np.uint8)
    return resized


@lru_cache
def _area_weights(long: int, short: int) -> npt.NDArray[np.float32]:
    """Return the weight of each input pixel in each output pixel, float32 ``[short, long]``."""
    edges = np.arange(short + 1) * (long / short)
    pixels = np.arange(long)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights: npt.NDArray[np.float32] = (np.clip(covered, 0, None) * short / long).astype(np.float32)
    return weights
