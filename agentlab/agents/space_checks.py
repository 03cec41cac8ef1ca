"""Whether an agent can act in an environment's spaces, checked before anything is built."""

from __future__ import annotations

from typing import Any

import gymnasium

from agentlab.config import flag_of
from agentlab.envs.parts import MASK, mask_size
from agentlab.envs.spaces import check_kind
from agentlab.errors import InvalidArgument


def check_spaces(agent: Any) -> None:
    """Check an agent's spaces against those that its class supports.

    Raises:
        InvalidArgument: for spaces that it does not support, a mask of the wrong size,
            or an environment whose normalizing wrapper it cannot replace.
    """
    algo, observations = agent.name or type(agent).__name__, agent.observation_space
    check_kind(algo, "observations", observations, agent.observation_spaces)
    check_kind(algo, "actions", agent.action_space, agent.action_spaces)
    if MASK in getattr(observations, "spaces", ()):
        _check_mask(observations[MASK], agent.action_space)
    for mark, wrapper, option in (
        ("normalize", "NormalizeObservation", "normalize_observations"),
        ("normalize_returns", "NormalizeReward", "normalize_returns"),
    ):
        if getattr(observations, mark, False) and not _normalizes(agent, option):
            raise InvalidArgument(
                f"the environment is wrapped in {wrapper}, whose running statistics would be lost, "
                f"and algo={algo!r} has no {flag_of(option)} to replace it: remove the wrapper"
            )
    if getattr(agent.config, "recurrent", False) and not agent.supports_recurrent:
        raise InvalidArgument(
            f"net={agent.config.net!r} is recurrent, but algo={agent.name!r} learns from single "
            "steps; use algo='pg', 'ppo' or 'a2c'"
        )


def require_continuous(name: str, value: Any, default: Any, space: gymnasium.Space[Any]) -> None:
    """Raise ``InvalidArgument`` for an option other than its default without continuous actions."""
    if value != default and not isinstance(space, gymnasium.spaces.Box):
        raise InvalidArgument(
            f"{name}={value!r} needs continuous actions, but the environment has {space}; "
            f"use {name}={default!r}"
        )


def _normalizes(agent: Any, option: str) -> bool:
    """Return whether an agent has a normalizer, or declares that it needs none."""
    return hasattr(agent.config, option) or option in getattr(agent, "normalizes_itself", ())


def _check_mask(space: Any, actions: Any) -> None:
    entries = mask_size(actions)
    if space.shape != (entries,):
        raise InvalidArgument(
            f"the part {MASK!r} of the observations has the shape {space.shape}, but a mask of "
            f"{actions} has {entries} entries"
        )
