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
            "warmup": 500,
            "batch": 32,
            "updates": 4,
            "target_rate": 0.001,
            "learning_rate": 4.0,
            "learning_rate_halved": 4000,
            "gamma": 0.97,
            "epsilon_start": 1.0,
            "epsilon_end": 0.0,
            "epsilon_steps": 2000,
        },
        training={"steps": 32_000, "n_envs": 1},
        source={"": "tuned on CartPole-v0", "gamma": "the cookbook's recipe 9.3"},
    ),
]
