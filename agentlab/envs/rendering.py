"""Images of environments: their frame rate, and conversion to RGB."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.envs.episodes import emulator_of
from agentlab.errors import AgentlabError

FRAME_RATE = 30.0  # frames per second, for environments that do not specify it
ATARI = 60.0  # frames per second of the console's emulator
FASTEST = 60.0  # frames per second of a video
SMALLEST, LARGEST = 8, 1 << 22  # sides, and values, of observations that are shown as images


def frame_rate(env: gymnasium.Env[Any, Any]) -> float:
    """Return how many steps of an environment make a second when it runs at its own speed.

    Args:
        env: the environment; its ``metadata["render_fps"]`` is used, or 30 without one. Atari games
            run at 60 frames per second, divided by the frame skip of their ids.

    Returns:
        Between 1 and 60 frames per second.

    >>> frame_rate(gymnasium.make("CartPole-v1")), frame_rate(gymnasium.make("FrozenLake-v1"))
    (50.0, 4.0)
    """
    rate = (env.metadata or {}).get("render_fps") or FRAME_RATE
    if emulator_of(env) is not None and env.spec is not None:
        skip = env.spec.kwargs.get("frameskip", 4)  # or a pair for range(), drawn at random
        rate = ATARI / (skip if isinstance(skip, int) else float(np.mean(range(*skip))))
    try:
        return min(max(float(rate), 1.0), FASTEST)
    except (TypeError, ValueError):
        return FRAME_RATE


def rgb_image(rendered: Any, env_id: str) -> npt.NDArray[np.uint8]:
    """Return what ``render()`` returned as an RGB image.

    Args:
        rendered: a grayscale, RGB or RGBA image of integers from 0 to 255, or a list of images, of
            which the last is used.
        env_id: id of the environment, for messages.

    Returns:
        The image, uint8 ``[height, width, 3]``.

    Raises:
        AgentlabError: if it is not such an image.
    """
    while isinstance(rendered, list | tuple) and rendered:
        rendered = rendered[-1]
    if rendered is None:
        raise AgentlabError(
            f"env={env_id!r} cannot be rendered: render() returned None; it must return an image "
            "if render_mode is 'rgb_array'"
        )
    image = np.asarray(rendered)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    channels = image.shape[2:] or (3,)
    if image.dtype.kind not in "iu" or image.ndim not in (2, 3) or channels[0] not in (3, 4):
        raise AgentlabError(
            f"env={env_id!r} cannot be rendered: render() returned {image.dtype} {image.shape}; it "
            "must return an image of uint8 (height, width, 3)"
        )
    image = np.clip(image, 0, 255).astype(np.uint8, copy=False)
    return image[:, :, :3] if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)


def observation_image(
    space: gymnasium.Space[Any], observation: Any
) -> npt.NDArray[np.uint8] | None:
    """Return an observation as an RGB image, if it is an image.

    The values of ``space`` become gray levels from its low (black) to its high (white). Three
    channels are shown as colors; any others, such as stacked frames, side by side in gray.

    Args:
        space: the observation space; images are its ``[h, w]`` or ``[h, w, channels]``.
        observation: an element of it.

    Returns:
        The image, uint8 ``[height, width, 3]``, or ``None`` for other spaces.

    >>> space = gymnasium.spaces.Box(-1, 1, (8, 8, 2), np.int8)
    >>> image = observation_image(space, np.full((8, 8, 2), 1, np.int8))
    >>> image.shape, int(image.min())
    ((8, 16, 3), 255)
    """
    if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) not in (2, 3):
        return None
    if min(space.shape[:2]) < SMALLEST or math.prod(space.shape) > LARGEST:
        return None
    low, high = float(space.low.min()), float(space.high.max())
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        return None
    levels = np.nan_to_num((np.asarray(observation, np.float64) - low) / (high - low))
    image = np.rint(np.clip(levels, 0, 1) * 255).astype(np.uint8)
    if image.ndim == 3 and image.shape[2] == 3:
        return image
    if image.ndim == 3:
        image = np.concatenate(list(np.moveaxis(image, 2, 0)), axis=1)
    return np.repeat(image[:, :, None], 3, axis=2)
