"""Presets: settings for an algorithm in some environments, as data with the source of each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from agentlab.config import did_you_mean
from agentlab.errors import AgentlabError

WITH_PRESETS = ("dqn", "pg", "q_linear", "q_table", "rainbow", "random_search")


@dataclass(frozen=True)
class Preset:
    """Defaults for one algorithm in some environments.

    Attributes:
        name: the value of ``--preset``.
        config: fields of the algorithm's configuration.
        preprocessing: fields of ``Preprocessing``.
        training: how long and on how many environments: ``steps``, ``n_envs``, ...
        source: the source of each value, by field; the key ``""`` holds that of all others.
        env: a regular expression that matches the whole id of its environments.
        automatic: whether it is the default for these environments.
    """

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    preprocessing: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    source: dict[str, str] = field(default_factory=dict)
    env: str = ""
    automatic: bool = True


NO_PRESET = Preset("none")


def load_presets(algo: str) -> list[Preset]:
    """Return all presets of an algorithm; an empty list where it has none."""
    if algo not in WITH_PRESETS:
        return []
    found: list[Preset] = import_module(f"{__name__}.{algo}").PRESETS
    return found


def preset(algo: str, env_id: str, name: str | None = None) -> Preset:
    """Return the preset of an algorithm for an environment.

    Args:
        algo: the algorithm.
        env_id: the environment.
        name: a preset by name, whatever the environment; ``"none"`` for no preset; ``None`` for
            the default for the environment, if any.

    Returns:
        The preset, or an empty one named ``"none"``.

    Raises:
        AgentlabError: for an unknown name.
    """
    if name == "none":
        return NO_PRESET
    if name is not None:
        for found in load_presets(algo):
            if found.name == name:
                return found
        known = [*presets(algo), "none"]
        hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
        raise AgentlabError(f"preset={name!r} is unknown for {algo}{hint}")
    for found in load_presets(algo):
        if found.automatic and re.fullmatch(found.env, env_id):
            return found
    return NO_PRESET


def presets(algo: str) -> list[str]:
    """Return the names of an algorithm's presets."""
    return [found.name for found in load_presets(algo)]
