"""A note about action masks that an environment provides but the agent does not use."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import gymnasium

from agentlab.envs.parts import MASK

_reported: set[str] = set()  # ids of environments


def report_unused_mask(id: str, info: Mapping[str, Any], space: gymnasium.Space[Any]) -> None:
    """Print once that the mask in ``info`` is not used, unless it is a part of ``space``.

    Args:
        id: id of the environment.
        info: of the environment's ``reset``.
        space: the observation space.
    """
    if MASK not in info or id in _reported or MASK in (getattr(space, "spaces", None) or ()):
        return
    _reported.add(id)
    print(
        f"env={id!r}: info[{MASK!r}] is not used; to mask invalid actions, add "
        "--action-masks or Preprocessing(action_masks=True)",
        file=sys.stderr,
    )
