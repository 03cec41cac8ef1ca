"""What is done to an environment's images and rewards before an agent sees them, as data."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.config import Options, option
from agentlab.errors import AgentlabError, InvalidArgument

MAX_PIXELS = 1 << 24  # of an observation
Frame = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Preprocessing(Options):
    """The steps from an environment's frame to an agent's observation, in the order applied."""

    frame_skip: int = option(1, "repeat each action N times (on top of the id's own skip)", ge=1)
    noop_max: int = option(0, "start each episode with 0 to N random no-op steps", ge=0)
    fire_reset: bool = option(False, "press FIRE at the start of an episode and after a lost life")
    life_loss: bool = option(False, "treat a lost life as a termination (the game goes on)")
    clip_rewards: bool = option(False, "learn from the sign of rewards; returns stay unclipped")
    grayscale: bool = option(False, "convert frames to grayscale")
    max_pool: bool = option(False, "take the maximum of the last two frames (against flicker)")
    crop: tuple[int, ...] = option((), "keep the rows FIRST,LAST of a frame (LAST excluded)", ge=0)
    stride: int = option(1, "keep every N-th row and column", ge=1)
    resize: int | None = option(None, "resize frames to N x N by area averaging", ge=1)
    background: tuple[int, ...] = option((), "gray levels that become 0", ge=0, le=255)
    binary: bool = option(False, "set every pixel that is not 0 to 1")
    difference: bool = option(False, "observe the change since the last frame, not the frame")
    frame_stack: int = option(1, "stack the last N frames as channels", ge=1)

    def check(self) -> None:
        super().check()
        if self.crop and not (len(self.crop) == 2 and self.crop[0] < self.crop[1]):
            raise InvalidArgument(f"crop={self.crop} must be two rows FIRST,LAST with FIRST < LAST")
        for name in ("max_pool", "resize", "background", "binary", "difference", "crop"):
            if getattr(self, name) and not self.grayscale:
                raise InvalidArgument(
                    f"{name}={getattr(self, name)} works on grayscale frames: set grayscale"
                )

    @property
    def touches_frames(self) -> bool:
        """Whether observations are changed at all."""
        return self.grayscale or self.stride > 1 or self.frame_stack > 1

    @property
    def touches_anything(self) -> bool:
        """Whether an environment behaves differently under it."""
        return self != Preprocessing()


class Frames(gymnasium.spaces.Box):
    """The space of ``frame_stack`` images as one, ``[height, width, channels * frame_stack]``.

    The newest image is last. An episode begins with its first image repeated.

    Args:
        low: least value of a pixel.
        high: greatest value of a pixel.
        shape: of an observation, all images together.
        dtype: of a pixel.
        frame_stack: how many images.
    """

    def __init__(
        self, low: int, high: int, shape: tuple[int, ...], dtype: npt.DTypeLike, frame_stack: int
    ) -> None:
        scalar: type[Any] = np.dtype(dtype).type
        super().__init__(low, high, shape, scalar)
        self.frame_stack = frame_stack


class Preprocessed(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment seen through a ``Preprocessing``.

    Observations of image environments become ``[height, width, frame_stack]``: uint8, or int8 and
    int16 for differences of binary and of gray frames. What rewards and lost lives hide is in
    ``info``: ``raw_reward`` and ``episode_over``.

    Args:
        env: an environment; with ``grayscale``, one with uint8 frames ``[h, w]`` or ``[h, w, 3]``.
        preprocessing: what to do.

    Raises:
        AgentlabError: where ``env`` has no images or no FIRE though they are asked for.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], preprocessing: Preprocessing) -> None:
        super().__init__(env)
        self.preprocessing = preprocessing
        self._lives, self._fire_due = 0, False
        self._before: Frame | None = None  # the raw frame before, for max_pool
        self._last: npt.NDArray[Any] | None = None  # the image before, for difference
        self._fire = self._find_fire() if preprocessing.fire_reset else None
        self._images: deque[npt.NDArray[Any]] = deque(maxlen=preprocessing.frame_stack)
        if preprocessing.touches_frames:
            self._make_frame_buffers(env)

    def _find_fire(self) -> int:
        meanings: list[str] = getattr(self.env.unwrapped, "get_action_meanings", list)()
        if "FIRE" not in meanings:
            raise AgentlabError(f"fire_reset=True, but {self.env.unwrapped} has no FIRE action")
        return int(meanings.index("FIRE"))

    def _make_frame_buffers(self, env: gymnasium.Env[Any, Any]) -> None:
        space, p = env.observation_space, self.preprocessing
        if not (isinstance(space, gymnasium.spaces.Box) and len(space.shape) in (2, 3)):
            raise AgentlabError(
                f"frames are to be preprocessed, but {env} observes {space}, no images"
            )
        if p.crop and p.crop[1] > space.shape[0]:
            raise AgentlabError(f"crop={p.crop} goes past the frame's {space.shape[0]} rows")
        image = self._image(np.zeros(space.shape, space.dtype))
        low, high = (0, 1) if p.binary else (int(space.low.min()), int(space.high.max()))
        dtype = image.dtype
        if p.difference:
            low, high, dtype = low - high, high, np.dtype(np.int8 if p.binary else np.int16)
        self._shape, self._dtype = (*image.shape[:2], image.shape[2] * p.frame_stack), dtype
        if (size := math.prod(self._shape)) > MAX_PIXELS:
            raise AgentlabError(
                f"frame_stack={p.frame_stack} makes observations of {size:,} pixels; at most "
                f"{MAX_PIXELS:,} fit"
            )
        self.observation_space = Frames(low, high, self._shape, dtype, p.frame_stack)

    def _image(self, frame: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Turn a raw frame into an image ``[h, w, c]``; all but ``difference`` and stacking."""
        p = self.preprocessing
        if p.grayscale:
            frame = _gray(frame)
        if p.max_pool:
            before, self._before = self._before, frame
            frame = frame if before is None else np.maximum(before, frame)
        if p.crop:
            frame = frame[p.crop[0] : p.crop[1]]
        if p.stride > 1:
            frame = np.ascontiguousarray(frame[:: p.stride, :: p.stride])
        if p.resize is not None:
            frame = _shrunk(frame, p.resize)
        if p.background or p.binary:
            kept = frame != 0
            for level in p.background:
                kept &= frame != level
            frame = kept.view(np.uint8) if p.binary else frame * kept
        return frame if frame.ndim == 3 else frame[:, :, None]

    def _see(self, frame: npt.NDArray[Any], first: bool = False) -> npt.NDArray[Any]:
        """Take in a raw frame and return the observation that it completes."""
        p = self.preprocessing
        if not p.touches_frames:
            return frame
        if first:
            self._before = None
        image = self._image(frame)
        if p.difference:
            last = image if first or self._last is None else self._last
            self._last = image
            image = np.subtract(image, last, dtype=self._dtype)
        self._images.append(image)
        while len(self._images) < p.frame_stack:  # an episode starts with its first frame repeated
            self._images.append(image)
        if p.frame_stack == 1:
            return image
        observation = np.empty(self._shape, self._dtype)
        channels = image.shape[2]
        for i, image in enumerate(self._images):
            observation[:, :, i * channels : (i + 1) * channels] = image
        return observation

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        frame, info = self.env.reset(**kwargs)
        noops = int(self.np_random.integers(self.preprocessing.noop_max + 1))
        for action in [0] * noops + ([] if self._fire is None else [self._fire]):
            frame, _, terminated, truncated, info = self.env.step(action)
            if terminated or truncated:
                frame, info = self.env.reset()
        self._lives, self._fire_due = info.get("lives", 0), False
        self._images.clear()
        return self._see(frame, first=True), info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        p = self.preprocessing
        raw_reward = 0.0
        if self._fire_due and self._fire is not None:
            _, reward, _, _, _ = self.env.step(self._fire)
            raw_reward += float(reward)
            self._fire_due = False
        for repeat in range(p.frame_skip):
            frame, reward, terminated, truncated, info = self.env.step(action)
            raw_reward += float(reward)
            if terminated or truncated:
                break
            if p.max_pool and repeat == p.frame_skip - 2:
                self._before = _gray(frame)
        info["raw_reward"] = raw_reward
        info["episode_over"] = terminated or truncated
        if p.life_loss or p.fire_reset:
            lives = info.get("lives", 0)
            if lives < self._lives:
                self._fire_due = p.fire_reset
                terminated = terminated or p.life_loss
            self._lives = lives
        reward = float(np.sign(raw_reward)) if p.clip_rewards else raw_reward
        return self._see(frame), reward, terminated, truncated, info


def _gray(frame: npt.NDArray[Any]) -> Frame:
    """Turn ``[h, w, 3]`` into ``[h, w]`` with the luma weights of ITU-R BT.601, as ALE does."""
    if frame.ndim == 2:
        return frame
    gray: Frame = (frame @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)
    return gray


def _shrunk(frame: Frame, size: int) -> Frame:
    """Return ``frame [h, w]`` as ``[size, size]``, each cell the mean of the area it covers."""
    rows, columns = (_shares(long, size) for long in frame.shape)
    shrunk: Frame = np.rint(rows @ frame.astype(np.float32) @ columns.T).astype(np.uint8)
    return shrunk


@lru_cache
def _shares(long: int, short: int) -> npt.NDArray[np.float32]:
    """Return ``[short, long]``: the share that each long pixel has in each short one."""
    edges = np.arange(short + 1) * (long / short)
    pixels = np.arange(long)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    shares: npt.NDArray[np.float32] = (np.clip(covered, 0, None) * short / long).astype(np.float32)
    return shares
