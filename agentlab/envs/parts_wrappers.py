"""Wrappers that turn observations into rows of named arrays, or move image channels last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from agentlab.envs.api_checks import check_member, check_reset, check_step, conform
from agentlab.envs.parts import (
    MASK,
    Parts,
    as_parts,
    channels_last,
    find_part,
    is_image,
    mask_size,
    parts_of,
)
from agentlab.errors import AgentlabError, InvalidArgument


class PartsObservation(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Turns observations into rows of ``Parts``.

    Args:
        env: an environment with Dict or Tuple observations, or with any if ``info_mask``.
        info_mask: whether ``info["action_mask"]`` becomes a part.
        channels_first: whether images have their channels first; they are moved last.

    Attributes:
        left_out: the parts that are not arrays, by name.

    Raises:
        InvalidArgument: if no part is an array, or if the actions cannot be masked.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        info_mask: bool = False,
        channels_first: bool = False,
    ) -> None:
        super().__init__(env)
        space = env.observation_space
        nested = isinstance(space, spaces.Dict | spaces.Tuple)
        arrays, self._paths, self.left_out = parts_of(space)
        if not nested:
            arrays, self._paths = {"observation": space}, {"observation": ()}
        self._moved = {name for name in arrays if channels_first and is_image(arrays[name])}
        arrays |= {name: channels_last(arrays[name]) for name in self._moved}
        self._info_mask = info_mask and MASK not in arrays
        if self._info_mask:
            arrays[MASK] = spaces.MultiBinary(mask_size(env.action_space))
        if not arrays:
            as_parts(spaces.Dict(self.left_out))  # raises
        self.parts = Parts(arrays)
        self.observation_space = self.parts

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        observation, info = check_reset(self.env.reset(**kwargs))
        return self._row(observation, info, "reset"), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        result = check_step(self.env.step(action))
        observation, reward, terminated, truncated, info = result
        return self._row(observation, info, "step"), reward, terminated, truncated, info

    def _row(self, observation: Any, info: Mapping[str, Any], method: str) -> npt.NDArray[Any]:
        row = np.empty((), self.parts.dtype)
        for name, path in self._paths.items():
            try:
                value = find_part(observation, name, path)
            except AgentlabError:
                space = self.env.observation_space
                check_member(observation, space, f"the observation of {method}()")  # raises
                raise
            if name in self._moved:
                value = np.moveaxis(np.asarray(value), 0, -1)
            what = f"the observation of {method}() at {name!r}"
            row[name] = conform(value, self.parts[name], what)
        if self._info_mask:
            if MASK not in info:
                raise AgentlabError(
                    f"action_masks=True, but info of {self.env} has no {MASK!r}; it has "
                    f"{', '.join(info) or 'no entries'}"
                )
            mask = np.ravel(info[MASK]) != 0
            what = f"info[{MASK!r}] of {method}()"
            row[MASK] = conform(mask, self.parts[MASK], what)
        return row


class ChannelsLast(gymnasium.ObservationWrapper[Any, Any, Any]):
    """Turns images ``[channels, height, width]`` into ``[height, width, channels]``."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        if not is_image(env.observation_space):
            raise InvalidArgument(
                f"channels_first=True needs images [channels, height, width], but the observation "
                f"space is {env.observation_space}"
            )
        self.observation_space = channels_last(env.observation_space)

    def observation(self, observation: Any) -> Any:
        return np.moveaxis(observation, 0, -1)
