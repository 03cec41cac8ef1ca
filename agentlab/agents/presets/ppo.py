"""Presets of ppo."""

from __future__ import annotations

from agentlab.agents.presets import Preset
from agentlab.agents.presets.atari import atari_presets
from agentlab.agents.presets.control import (
    BIPEDAL_WALKER,
    MINATAR,
    MUJOCO,
    NORMALIZED,
    PENDULUM,
    ZOO,
    training,
)

# What the zoo's settings for MuJoCo have in common.
ZOO_MUJOCO = {
    **NORMALIZED,
    "hidden": (256, 256),
    "activation": "relu",
    "log_std_init": -2.0,
    "rollout_length": 512,
}

ATARI_STEPS = 10_000_000
ATARI = {
    "net": "nature_cnn",
    "shared_torso": True,
    "rollout_length": 128,
    "n_epochs": 4,
    "n_minibatches": 4,
    "learning_rate": 2.5e-4,
    "decay_steps": ATARI_STEPS,
    "clip_range": 0.1,
    "decay_clip_range": True,
    "vf_coef": 0.5,
    "ent_coef": 0.01,
}

PRESETS = [
    Preset(
        name="cartpole",
        env=r"CartPole-v[01]",
        config={
            "rollout_length": 32,
            "n_minibatches": 1,
            "gae_lambda": 0.8,
            "gamma": 0.98,
            "n_epochs": 20,
            "learning_rate": 1e-3,
            "decay_steps": 100_000,
            "decay_clip_range": True,
        },
        training=training(100_000, 8),
        source={"": ZOO},
    ),
    Preset(
        name="acrobot",
        env=r"Acrobot-v\d",
        config={
            "rollout_length": 256,
            "n_minibatches": 64,
            "gae_lambda": 0.94,
            "n_epochs": 4,
        },
        training=training(1_000_000, 16),
        source={"": f"{ZOO}, without its normalization"},
    ),
    Preset(
        name="lunarlander",
        env=r"LunarLander(Continuous)?-v\d",
        config={
            "rollout_length": 1024,
            "n_minibatches": 256,
            "gae_lambda": 0.98,
            "gamma": 0.999,
            "n_epochs": 4,
            "ent_coef": 0.01,
        },
        training=training(1_000_000, 16),
        source={"": ZOO},
    ),
    Preset(
        name="pendulum",
        env=PENDULUM,
        config={
            "rollout_length": 1024,
            "n_minibatches": 64,
            "gamma": 0.9,
            "n_epochs": 10,
            "learning_rate": 1e-3,
        },
        training=training(100_000, 4),
        source={"": f"{ZOO}, without gSDE"},
    ),
    Preset(
        name="bipedalwalker",
        env=BIPEDAL_WALKER,
        config={
            "rollout_length": 2048,
            "n_minibatches": 1024,
            "gamma": 0.999,
            "n_epochs": 10,
            "learning_rate": 3e-4,
            "clip_range": 0.18,
            **NORMALIZED,
        },
        training=training(5_000_000, 32),
        source={"": ZOO},
    ),
    Preset(
        name="halfcheetah",
        env=r"HalfCheetah-v\d",
        config={
            **ZOO_MUJOCO,
            "n_minibatches": 8,
            "gamma": 0.98,
            "learning_rate": 2.0633e-5,
            "ent_coef": 0.000401762,
            "clip_range": 0.1,
            "n_epochs": 20,
            "gae_lambda": 0.92,
            "max_grad_norm": 0.8,
            "vf_coef": 0.58096,
        },
        training=training(1_000_000, 1),
        source={"": ZOO},
    ),
    Preset(
        name="hopper",
        env=r"Hopper-v\d",
        config={
            **ZOO_MUJOCO,
            "n_minibatches": 16,
            "gamma": 0.999,
            "learning_rate": 9.80828e-5,
            "ent_coef": 0.00229519,
            "clip_range": 0.2,
            "n_epochs": 5,
            "gae_lambda": 0.99,
            "max_grad_norm": 0.7,
            "vf_coef": 0.835671,
        },
        training=training(1_000_000, 1),
        source={"": ZOO},
    ),
    Preset(
        name="mujoco",
        env=MUJOCO,
        config={
            "rollout_length": 2048,
            "n_minibatches": 32,
            "n_epochs": 10,
            "learning_rate": 3e-4,
            "decay_steps": 1_000_000,
            "clip_range_vf": 0.2,
            **NORMALIZED,
        },
        training=training(1_000_000, 1),
        source={"": "CleanRL, ppo_continuous_action.py"},
    ),
    Preset(
        name="minigrid",
        env=r"MiniGrid-.+-v\d",
        config={
            **NORMALIZED,
            "rollout_length": 128,
            "n_minibatches": 16,
            "n_epochs": 10,
            "learning_rate": 2.5e-4,
            "clip_range": 0.2,
        },
        training=training(100_000, 8),
        source={"": f"{ZOO} for MiniGrid-DoorKey-5x5-v0"},
    ),
    Preset(
        name="minatar",
        env=MINATAR,
        config={
            "net": "minatar_cnn",
            "shared_torso": True,
            "rollout_length": 128,
            "n_minibatches": 8,
            "n_epochs": 3,
            "learning_rate": 3e-4,
            "clip_range": 0.2,
            "clip_range_vf": 0.2,
            "ent_coef": 0.01,
            "vf_coef": 0.5,
            "max_grad_norm": 0.5,
            "optimizer_epsilon": 1e-5,
        },
        training=training(5_000_000, 64),
        source={
            "": "the PPO example for MinAtar of Pgx",
            "net": "Young and Tian 2019",
            "n_envs": "fewer than the 4096 of Pgx",
            "n_minibatches": "in proportion to n_envs",
            "steps": "Young and Tian 2019",
        },
    ),
    *atari_presets(ATARI, {"": ZOO}, ATARI_STEPS, 8),
]
