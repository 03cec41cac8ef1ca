"""Presets: for each algorithm and environment the settings that work, and where they come from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from agentlab.config import did_you_mean
from agentlab.errors import AgentlabError


@dataclass(frozen=True)
class Preset:
    """Defaults for one algorithm in some environments.

    Attributes:
        name: what ``--preset`` calls it.
        config: fields of the algorithm's configuration.
        preprocessing: fields of ``Preprocessing``.
        training: how long and on how many environments: ``steps``, ``n_envs``, ...
        source: where numbers come from, by field; the key ``""`` speaks for all the rest.
        algo: the algorithm that it is for.
        env: a regular expression that a matching environment's whole id fulfils.
        automatic: whether it applies to such an environment without being asked for.
    """

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    preprocessing: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    source: dict[str, str] = field(default_factory=dict)
    algo: str = ""
    env: str = ""
    automatic: bool = True


PONG = r"(ALE/)?Pong(NoFrameskip|Deterministic)?-v\d+"
ATARI_FRAMES = {"grey": True, "crop": (34, 194), "stride": 2}

PRESETS = [
    Preset(
        name="pong",
        algo="pg",
        env=PONG,
        config={
            "hidden": (200,),
            "activation": "relu",
            "shared_torso": True,
            "rollout": 64,
            "cut_at_reward": True,
            "epochs": 3,
            "minibatches": 4,
            "learning_rate": 7e-4,
        },
        preprocessing={**ATARI_FRAMES, "background": (87,), "binary": True, "stack": 2},
        training={"steps": 2_500_000, "n_envs": 32},
        source={"hidden": "the cookbook's recipe 9.5", "": "tuned on Pong-v0"},
    ),
    Preset(
        name="book",
        algo="pg",
        env=PONG,
        automatic=False,
        config={
            "hidden": (200,),
            "activation": "relu",
            "shared_torso": True,
            "rollout": 512,
            "gamma": 0.99,
            "gae_lambda": 1.0,
            "baseline": "none",
            "normalise": True,
            "cut_at_reward": True,
            "epochs": 1,
            "minibatches": 1,
            "clip": None,
            "entropy_coef": 0.0,
            "optimizer": "rmsprop",
            "learning_rate": 1e-3,
            "max_grad_norm": None,
        },
        preprocessing={**ATARI_FRAMES, "background": (87,), "binary": True, "difference": True},
        training={"steps": 5_000_000, "n_envs": 8},
        source={
            "": "the cookbook's recipe 9.5",
            "cut_at_reward": "Karpathy 2016, which the recipe follows",
        },
    ),
    Preset(
        name="cartpole",
        algo="pg",
        env=r"CartPole-v[01]",
        training={"steps": 300_000, "n_envs": 8, "checkpoint_every": 100_000},
        source={"": "tuned on CartPole-v1"},
    ),
    Preset(
        name="atari",
        algo="random_search",
        env=r"(ALE/)?MsPacman(NoFrameskip|Deterministic)?-v\d+",
        preprocessing={"grey": True},
        training={"steps": 500_000, "n_envs": 10},
        source={"": "the cookbook's recipe 9.2"},
    ),
]


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
        return Preset("none")
    if name is not None:
        for found in PRESETS:
            if (found.algo, found.name) == (algo, name):
                return found
        known = [*presets(algo), "none"]
        hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
        raise AgentlabError(f"preset={name!r} is unknown for {algo}{hint}")
    for found in PRESETS:
        if found.algo == algo and found.automatic and re.fullmatch(found.env, env_id):
            return found
    return Preset("none")


def presets(algo: str) -> list[str]:
    """Return the names of an algorithm's presets."""
    return [found.name for found in PRESETS if found.algo == algo]
