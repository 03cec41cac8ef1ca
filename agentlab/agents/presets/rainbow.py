"""Presets of rainbow."""

from __future__ import annotations

from typing import Any

from agentlab.agents.presets.atari import atari_presets

RAINBOW_ATARI: dict[str, Any] = {
    "net": "nature_cnn",
    "learning_rate": 6.25e-5,
    "optimizer_epsilon": 1.5e-4,
    "buffer_size": 100_000,
    "learning_starts": 20_000,
    "target_update_interval": 8_000,
    "eval_epsilon": 0.001,
}
RAINBOW_ATARI_SOURCE = {
    "": "Hessel et al. 2018, table 1",
    "buffer_size": "tuned",
    "eval_epsilon": "Castro et al. 2018 (Dopamine)",
}

PRESETS = atari_presets(RAINBOW_ATARI, RAINBOW_ATARI_SOURCE)
