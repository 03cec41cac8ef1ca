"""Presets of sac."""

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
        name="cartpole",
        env=r"CartPole-v[01]",
        config={
            "hidden": (64, 64),
            "batch_size": 64,
            "buffer_size": 20_000,
            "learning_rate": 1e-3,
            "learning_starts": 500,
            "target_entropy": 0.15,
            **EIGHT,
        },
        training=training(20_000, 8),
        source={"": "not tuned yet", **EIGHT_SOURCE},
    ),
    Preset(
        name="pendulum",
        env=PENDULUM,
        config={"hidden": (64, 64), "learning_rate": 1e-3, "learning_starts": 256, **EIGHT},
        training=training(20_000),
        source={
            "": ZOO,
            "hidden": "tuned on Pendulum-v1",
            "learning_starts": "one minibatch",
            **EIGHT_SOURCE,
        },
    ),
    Preset(
        name="mountaincar",
        env=MOUNTAIN_CAR,
        config={
            "hidden": (64, 64),
            "learning_rate": 3e-4,
            "buffer_size": 50_000,
            "batch_size": 512,
            "ent_coef": 0.1,
            "train_freq": 32,
            "gradient_steps": 32,
            "gamma": 0.9999,
            "tau": 0.01,
            "learning_starts": 512,
            "noise_type": "pink",
        },
        training=training(50_000),
        source={
            "": ZOO,
            "learning_starts": "one minibatch",
            "noise_type": "Eberhard et al. 2023, instead of the zoo's gSDE",
        },
    ),
    Preset(
        name="lunarlander",
        env=LUNAR_LANDER,
        config={
            "hidden": (400, 300),
            "learning_rate": 7.3e-4,
            "decay_steps": 500_000,
            "tau": 0.01,
            "learning_starts": 10_000,
            **EIGHT,
        },
        training=training(500_000),
        source={"": ZOO, **EIGHT_SOURCE},
    ),
    Preset(
        name="bipedalwalker",
        env=BIPEDAL_WALKER,
        config={
            "hidden": (400, 300),
            "learning_rate": 7.3e-4,
            "buffer_size": 300_000,
            "gamma": 0.98,
            "tau": 0.02,
            "train_freq": 64,
            "gradient_steps": 64,
            "learning_starts": 10_000,
        },
        training=training(500_000),
        source={"": f"{ZOO}, without its gSDE"},
    ),
    Preset(
        name="mujoco",
        env=MUJOCO,
        config={"learning_starts": 10_000, **EIGHT},
        training=training(1_000_000),
        source={"": ZOO, **EIGHT_SOURCE},
    ),
]
