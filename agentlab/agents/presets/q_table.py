"""Presets of q_table."""

from __future__ import annotations

from agentlab.agents.presets import Preset

PRESETS = [
    Preset(
        name="frozenlake",
        env=r"FrozenLake-v1",
        config={
            "learning_rate": 1.0,
            "learning_rate_decay": 0.7,
            "gamma": 0.995,
            "epsilon_end": 0.3,
            "epsilon_steps": 100_000,
            "grid": (4, 4),
            "arrows": "←↓→↑",
        },
        training={"steps": 400_000, "n_envs": 8, "eval_episodes": 1000},
        source={
            "": "tuned on FrozenLake-v1",
            "learning_rate_decay": "Even-Dar & Mansour 2003: between 1/2 and 1",
        },
    ),
    Preset(
        name="taxi",
        env=r"Taxi-v\d+",
        config={"learning_rate": 0.5, "epsilon_end": 0.05, "epsilon_steps": 100_000},
        training={"steps": 300_000, "n_envs": 8},
        source={"": "tuned on Taxi-v4"},
    ),
    Preset(
        name="cliff",
        env=r"CliffWalking-v1",
        config={
            "gamma": 1.0,
            "learning_rate": 0.5,
            "epsilon_start": 0.1,
            "epsilon_end": 0.1,
            "grid": (4, 12),
            "arrows": "↑→↓←",
        },
        training={"steps": 30_000, "n_envs": 1},
        source={"": "Sutton & Barto 2018, example 6.6", "learning_rate": "tuned"},
    ),
    Preset(
        name="cartpole",
        env=r"CartPole-v[01]",
        config={
            "learning_rate": 0.5,
            "learning_rate_decay": 0.3,
            "epsilon_end": 0.02,
            "epsilon_steps": 100_000,
            "bins": 10,
            "low": (-2.4, -3.0, -0.21, -3.0),
            "high": (2.4, 3.0, 0.21, 3.0),
        },
        training={"steps": 300_000, "n_envs": 8},
        source={"": "tuned on CartPole-v1"},
    ),
]
