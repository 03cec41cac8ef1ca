"""Presets: for each algorithm and environment the settings that work, and where they come from."""

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
        name: what ``--preset`` calls it.
        config: fields of the algorithm's configuration.
        preprocessing: fields of ``Preprocessing``.
        training: how long and on how many environments: ``steps``, ``n_envs``, ...
        source: where numbers come from, by field; the key ``""`` speaks for all the rest.
        env: a regular expression that a matching environment's whole id fulfills.
        automatic: whether it applies to such an environment without being asked for.
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
    """Return all presets of an algorithm; none for one that has no file here."""
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
            the one that is meant for the environment, if any.

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
