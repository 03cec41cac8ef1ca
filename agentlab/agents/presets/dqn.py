"""Presets of dqn."""

from __future__ import annotations

from typing import Any

from agentlab.agents.presets import Preset
from agentlab.agents.presets.atari import DQN_FRAMES, FOUR_FRAMES, MAX_STEPS, atari_presets
from agentlab.agents.presets.control import MINATAR, ZOO, training

DQN_ATARI: dict[str, Any] = {
    "net": "nature_cnn",
    "learning_rate": 1e-4,
    "buffer_size": 100_000,
    "learning_starts": 20_000,
    "epsilon_end": 0.01,
    "epsilon_steps": 250_000,
    "eval_epsilon": 0.001,
}
DQN_ATARI_SOURCE = {
    "": ZOO,
    "learning_starts": "tuned",
    "epsilon_steps": "Castro et al. 2018 (Dopamine)",
    "eval_epsilon": "Castro et al. 2018 (Dopamine)",
}

PRESETS = [
    Preset(
        name="cartpole",
        env=r"CartPole-v[01]",
        config={
            "hidden": (256, 256),
            "batch_size": 64,
            "learning_starts": 1_000,
            "train_freq": 256,
            "gradient_steps": 128,
            "epsilon_end": 0.04,
            "epsilon_steps": 8_000,
            "double": True,
            "n_step": 5,
            "target_update_interval": 256,
            "learning_rate": 7e-4,
            "decay_steps": 100_000,
        },
        training={"steps": 100_000, "n_envs": 8, "checkpoint_every": 50_000},
        source={
            "": ZOO,
            **dict.fromkeys(
                (
                    "double",
                    "n_step",
                    "target_update_interval",
                    "learning_rate",
                    "decay_steps",
                    "steps",
                ),
                "tuned on CartPole-v1",
            ),
        },
    ),
    Preset(
        name="lunarlander",
        env=r"LunarLander-v[23]",
        config={
            "hidden": (256, 256),
            "gamma": 0.995,
            "batch_size": 64,
            "buffer_size": 100_000,
            "train_freq": 16,
            "gradient_steps": 8,
            "epsilon_end": 0.02,
            "epsilon_steps": 40_000,
            "double": True,
            "n_step": 3,
            "target_update_interval": 500,
            "learning_rate": 6.3e-4,
            "decay_steps": 400_000,
        },
        training={"steps": 400_000, "n_envs": 8, "checkpoint_every": 100_000},
        source={"": "tuned on LunarLander-v3", "learning_rate": ZOO, "hidden": ZOO},
    ),
    Preset(
        name="acrobot",
        env=r"Acrobot-v\d",
        config={
            "hidden": (256, 256),
            "learning_rate": 6.3e-4,
            "batch_size": 128,
            "buffer_size": 50_000,
            "learning_starts": 128,
            "target_update_interval": 250,
            "train_freq": 4,
            "gradient_steps": 4,
            "epsilon_end": 0.1,
            "epsilon_steps": 12_000,
        },
        training=training(100_000),
        source={"": ZOO, "learning_starts": "one minibatch"},
    ),
    Preset(
        name="mountaincar",
        env=r"MountainCar-v\d",
        config={
            "hidden": (256, 256),
            "learning_rate": 4e-3,
            "batch_size": 128,
            "buffer_size": 10_000,
            "learning_starts": 1_000,
            "gamma": 0.98,
            "target_update_interval": 600,
            "train_freq": 16,
            "gradient_steps": 8,
            "epsilon_end": 0.07,
            "epsilon_steps": 24_000,
        },
        training=training(120_000),
        source={"": ZOO},
    ),
    Preset(
        name="minatar",
        env=MINATAR,
        config={
            "net": "minatar_cnn",
            "batch_size": 32,
            "buffer_size": 100_000,
            "learning_starts": 5_000,
            "train_freq": 1,
            "gradient_steps": 1,
            "target_update_interval": 1_000,
            "learning_rate": 2.5e-4,
            "epsilon_end": 0.1,
            "epsilon_steps": 100_000,
        },
        training={"steps": 5_000_000, "n_envs": 8, "checkpoint_every": 500_000},
        source={
            "": "Young and Tian 2019, with Adam instead of centered RMSprop",
            "n_envs": "updates in one compiled call",
        },
    ),
    Preset(
        name="pong",
        env=r"PongNoFrameskip-v\d",
        config={
            "net": "small_cnn",
            "n_step": 3,
            "learning_rate": 2e-4,
            "buffer_size": 100_000,
            "learning_starts": 10_000,
            "epsilon_end": 0.01,
            "epsilon_steps": 60_000,
        },
        preprocessing={**DQN_FRAMES, **FOUR_FRAMES},
        training={
            "steps": 800_000,
            "n_envs": 16,
            "workers": 1,
            "checkpoint_every": 200_000,
        },
        source={
            "": "tuned on PongNoFrameskip-v4",
            "net": "Mnih et al. 2013",
            **dict.fromkeys({**DQN_FRAMES, **FOUR_FRAMES}, "Mnih et al. 2015"),
        },
    ),
    Preset(
        name="breakout",
        env=r"BreakoutNoFrameskip-v\d",
        config={
            **DQN_ATARI,
            "net": "small_cnn",
            "n_step": 3,
            "double": True,
            "learning_rate": 1.5e-4,
            "buffer_size": 200_000,
            "target_update_interval": 2000,
            "eval_epsilon": 0.01,
        },
        preprocessing={**DQN_FRAMES, **FOUR_FRAMES},
        training={
            "steps": 800_000,
            "n_envs": 16,
            "workers": 1,
            "checkpoint_every": 100_000,
            "eval_steps": MAX_STEPS,
        },
        source={
            **DQN_ATARI_SOURCE,
            **dict.fromkeys(
                (
                    "double",
                    "n_step",
                    "learning_rate",
                    "buffer_size",
                    "target_update_interval",
                    "eval_epsilon",
                ),
                "tuned on BreakoutNoFrameskip-v4 for an hour on 2 cores",
            ),
            "net": "Mnih et al. 2013",
            **dict.fromkeys({**DQN_FRAMES, **FOUR_FRAMES}, "Mnih et al. 2015"),
        },
    ),
    *atari_presets(DQN_ATARI, DQN_ATARI_SOURCE),
]
