"""Presets of pqn."""

from __future__ import annotations

from agentlab.agents.presets import Preset
from agentlab.agents.presets.control import training

FASTER = "chosen for a shorter training: 500 of 500 after 150,000 steps (seed 0)"
CHOSEN = {
    "learning_rate": 5e-4,
    "decay_steps": 150_000,
    "epsilon_steps": 30_000,
    "epsilon_end": 0.05,
}

PRESETS = [
    Preset(
        name="cartpole",
        env=r"CartPole-v[01]",
        config={
            "hidden": (256, 256),
            "rollout_length": 64,
            "n_minibatches": 16,
            "q_lambda": 0.95,
            **CHOSEN,
        },
        training=training(150_000, 32),
        source={
            "": "pqn_cartpole.yaml of the authors' code, without its scaling of rewards",
            **dict.fromkeys((*CHOSEN, "steps"), FASTER),
        },
    ),
]
