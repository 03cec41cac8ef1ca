"""Presets: default settings of an algorithm for certain environments, with their sources."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from agentlab.config import did_you_mean
from agentlab.errors import AgentlabError

WITH_PRESETS = (
    "a2c",
    "ddpg",
    "dqn",
    "pg",
    "ppo",
    "pqn",
    "q_linear",
    "q_table",
    "rainbow",
    "random_search",
    "sac",
    "td3",
)
MAPS = {"map_name", "desc"}  # environment arguments that select another map


@dataclass(frozen=True)
class Preset:
    """Defaults of one algorithm for certain environments.

    Attributes:
        name: the value of ``--preset``.
        config: fields of the algorithm's configuration.
        preprocessing: fields of ``Preprocessing``.
        training: fields of ``Training``, such as ``steps`` and ``n_envs``.
        source: the source of each value, by field; ``""`` is the source of all other fields.
        env: a regular expression that matches the full ids of the environments.
        automatic: whether the preset is the default for these environments.
    """

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    preprocessing: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    source: dict[str, str] = field(default_factory=dict)
    env: str = ""
    automatic: bool = True

    def for_arguments(self, env_kwargs: Mapping[str, Any] | None) -> Preset:
        """Return the preset for an environment made with the given arguments.

        If they select another map, ``grid``, the size of the default map, is left out.

        >>> Preset("lake", {"grid": (4, 4)}).for_arguments({"map_name": "8x8"}).config
        {}
        """
        if not MAPS & set(env_kwargs or ()):
            return self
        return replace(self, config={n: v for n, v in self.config.items() if n != "grid"})


NO_PRESET = Preset("none")


def load_presets(algo: str) -> list[Preset]:
    """Return all presets of an algorithm; an empty list if it has none."""
    if algo not in WITH_PRESETS:
        return []
    found: list[Preset] = import_module(f"{__name__}.{algo}").PRESETS
    return found


def preset(algo: str, env_id: str, name: str | None = None) -> Preset:
    """Return the preset of an algorithm for an environment.

    Args:
        algo: the algorithm's name.
        env_id: the environment's id.
        name: name of a preset, which may be meant for other environments; ``"none"`` for no
            preset; ``None`` for the environment's default preset, if any.

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
        hint = did_you_mean(name, known) or f"; choose from {', '.join(known)}"
        raise AgentlabError(f"preset={name!r} is unknown for algo={algo!r}{hint}")
    for found in load_presets(algo):
        if found.automatic and re.fullmatch(found.env, env_id):
            return found
    return NO_PRESET


def presets(algo: str) -> list[str]:
    """Return the names of an algorithm's presets."""
    return [found.name for found in load_presets(algo)]
