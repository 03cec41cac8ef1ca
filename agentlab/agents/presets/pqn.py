"""Presets of pqn."""

from __future__ import annotations

from agentlab.agents.presets import Preset
from agentlab.agents.presets.control import training

PRESETS = [
    Preset(
        name="cartpole",
        env=r"CartPole-v[01]",
        config={
            "hidden": (256, 256),
            "rollout_length": 64,
            "n_minibatches": 16,
            "q_lambda": 0.95,
            "learning_rate": 1e-4,
            "decay_steps": 500_000,
            "epsilon_steps": 100_000,
            "epsilon_end": 0.2,
        },
        training=training(500_000, 32),
        source={"": "pqn_cartpole.yaml of the authors' code, without its scaling of rewards"},
    ),
]
