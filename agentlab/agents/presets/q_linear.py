"""Presets of q_linear."""

from __future__ import annotations

from agentlab.agents.presets import Preset

PRESETS = [
    Preset(
        name="cartpole",
        env=r"CartPole-v[01]",
        config={
            "kernels": (0.01, 0.03, 0.1, 0.3),
            "features": 100,
            "learning_starts": 500,
            "batch_size": 32,
            "gradient_steps": 4,
            "tau": 0.001,
            "learning_rate": 4.0,
            "learning_rate_half_life": 4000,
            "gamma": 0.97,
            "epsilon_start": 1.0,
            "epsilon_end": 0.0,
            "epsilon_steps": 2000,
        },
        training={"steps": 32_000, "n_envs": 1},
        source={"": "tuned on CartPole-v0", "gamma": "Gulli and Kapoor 2017, recipe 9.3"},
    ),
]
