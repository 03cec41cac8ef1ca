"""Presets of a2c."""

from __future__ import annotations

from typing import Any

from agentlab.agents.presets import Preset
from agentlab.agents.presets.atari import atari_presets
from agentlab.agents.presets.control import (
    BIPEDAL_WALKER,
    LUNAR_LANDER,
    MUJOCO,
    NORMALIZED,
    PENDULUM,
    ZOO,
    training,
)

WALKING: dict[str, Any] = {
    **NORMALIZED,
    "rollout_length": 8,
    "gae_lambda": 0.9,
    "vf_coef": 0.4,
    "learning_rate": 9.6e-4,
}
ATARI = {"net": "nature_cnn", "shared_torso": True, "ent_coef": 0.01, "vf_coef": 0.25}

PRESETS = [
    Preset(
        name="cartpole",
        env=r"CartPole-v[01]",
        training=training(500_000, 8),
        source={"": ZOO},
    ),
    Preset(
        name="acrobot",
        env=r"Acrobot-v\d",
        config=NORMALIZED,
        training=training(500_000, 16),
        source={"": ZOO},
    ),
    Preset(
        name="lunarlander",
        env=r"LunarLander-v\d",
        config={
            "gamma": 0.995,
            "learning_rate": 8.3e-4,
            "decay_steps": 200_000,
            "ent_coef": 1e-5,
            "normalize_returns": False,
        },
        training=training(200_000, 8),
        source={"": ZOO},
    ),
    Preset(
        name="continuous",
        env=f"({PENDULUM})|({LUNAR_LANDER})",
        config={
            "rollout_length": 8,
            "gae_lambda": 0.9,
            "vf_coef": 0.4,
            "decay_steps": 1_000_000,
            **NORMALIZED,
        },
        training=training(1_000_000, 8),
        source={"": f"{ZOO} for Pendulum, without gSDE"},
    ),
    Preset(
        name="bipedalwalker",
        env=BIPEDAL_WALKER,
        config={**WALKING, "decay_steps": 5_000_000},
        training=training(5_000_000, 16),
        source={"": f"{ZOO}, without gSDE"},
    ),
    Preset(
        name="mujoco",
        env=MUJOCO,
        config={**WALKING, "decay_steps": 2_000_000},
        training=training(2_000_000, 4),
        source={"": f"{ZOO} for PyBullet, without gSDE"},
    ),
    *atari_presets(ATARI, {"": ZOO}, 10_000_000),
]
