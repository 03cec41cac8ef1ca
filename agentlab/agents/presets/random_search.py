"""Presets of random_search."""

from __future__ import annotations

from agentlab.agents.presets import Preset

PRESETS = [
    Preset(
        name="atari",
        env=r"(ALE/)?MsPacman(NoFrameskip|Deterministic)?-v\d+",
        preprocessing={"grayscale": True},
        training={"steps": 500_000, "n_envs": 10},
        source={"": "Gulli and Kapoor 2017, recipe 9.2"},
    ),
]
