"""Presets of td3."""

from __future__ import annotations

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

PRESETS = [
    Preset(
        name="pendulum",
        env=PENDULUM,
        config={"hidden": (64, 64), "noise_std": 0.1, "learning_starts": 1_000, **EIGHT},
        training=training(20_000),
        source={
            "": ZOO,
            "hidden": "tuned on Pendulum-v1",
            "steps": f"{ZOO} for sac",
            **EIGHT_SOURCE,
        },
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
        config={
            "learning_starts": 1_000,
            "noise_type": "ornstein-uhlenbeck",
            "noise_std": 0.1,
            **EIGHT,
        },
        training=training(300_000),
        source={"": ZOO, **EIGHT_SOURCE},
    ),
    Preset(
        name="bipedalwalker",
        env=BIPEDAL_WALKER,
        config={
            "hidden": (400, 300),
            "batch_size": 100,
            "noise_std": 0.1,
            "learning_starts": 10_000,
            **EIGHT,
        },
        training=training(2_000_000),
        source={"": ZOO, **EIGHT_SOURCE},
    ),
    Preset(
        name="mujoco",
        env=MUJOCO,
        config={
            "hidden": (256, 256),
            "learning_rate": 3e-4,
            "noise_std": 0.1,
            "learning_starts": 25_000,
            **EIGHT,
        },
        training=training(1_000_000),
        source={"": "Fujimoto et al. 2018, in their code", **EIGHT_SOURCE},
    ),
]
