"""Images of environments: their frame rate, and conversion to RGB."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.envs.episodes import emulator_of
from agentlab.errors import AgentlabError

FRAME_RATE = 30.0  # frames per second, for environments that do not say
ATARI = 60.0  # frames per second of the console's emulator
FASTEST = 60.0  # frames per second of a video


def frame_rate(env: gymnasium.Env[Any, Any]) -> float:
    """Return how many steps of an environment make a second when it runs at its own speed.

    Args:
        env: the environment; its ``metadata["render_fps"]`` is used, or 30 without one. Atari games
            run at 60 frames per second, of which their ids skip some.

    Returns:
        Between 1 and 60 frames per second.

    >>> frame_rate(gymnasium.make("CartPole-v1")), frame_rate(gymnasium.make("FrozenLake-v1"))
    (50.0, 4.0)
    """
    rate = (env.metadata or {}).get("render_fps") or FRAME_RATE
    if emulator_of(env) is not None and env.spec is not None:
        skip = env.spec.kwargs.get("frameskip", 4)  # or a pair: at random, without the second
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
        AgentlabError: if it is no such image.
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
