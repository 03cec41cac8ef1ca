"""Presets of ddpg."""

from __future__ import annotations

from typing import Any

from agentlab.agents.presets import Preset
from agentlab.agents.presets.control import (
    BIPEDAL_WALKER,
    EIGHT,
    EIGHT_SOURCE,
    LUNAR_LANDER,
    MOUNTAIN_CAR,
    MUJOCO,
    PENDULUM,
    ZOO,
    training,
)

TUNED: dict[str, Any] = {
    "hidden": (400, 300),
    "gamma": 0.98,
    "buffer_size": 200_000,
    "learning_starts": 10_000,
    "noise_std": 0.1,
    **EIGHT,
}

PRESETS = [
    Preset(
        name="pendulum",
        env=PENDULUM,
        config=TUNED,
        training=training(20_000),
        source={"": ZOO, **EIGHT_SOURCE},
    ),
    Preset(
        name="mountaincar",
        env=MOUNTAIN_CAR,
        config={"noise_type": "ornstein-uhlenbeck", "noise_std": 0.5, **EIGHT},
        training=training(300_000),
        source={"": ZOO, **EIGHT_SOURCE},
    ),
    Preset(
        name="lunarlander",
        env=LUNAR_LANDER,
        config=TUNED,
        training=training(300_000),
        source={"": ZOO, **EIGHT_SOURCE},
    ),
    Preset(
        name="bipedalwalker",
        env=BIPEDAL_WALKER,
        config=TUNED,
        training=training(1_000_000),
        source={"": ZOO, **EIGHT_SOURCE},
    ),
    Preset(
        name="mujoco",
        env=MUJOCO,
        config=TUNED,
        training=training(1_000_000),
        source={"": f"{ZOO} for PyBullet", **EIGHT_SOURCE},
    ),
]
