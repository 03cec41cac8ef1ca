"""Rainbow: DQN with all six extensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agentlab.agents.dqn import DQN, DQNConfig
from agentlab.agents.value_distribution import Distribution
from agentlab.config import override


@dataclass(frozen=True)
class RainbowConfig(DQNConfig):
    """Hyperparameters of ``rainbow``: those of ``dqn`` with other defaults."""

    double: bool = override(DQNConfig, "double", True)
    dueling: bool = override(DQNConfig, "dueling", True)
    n_step: int = override(DQNConfig, "n_step", 3)
    prioritized: bool = override(DQNConfig, "prioritized", True)
    alpha: float = override(DQNConfig, "alpha", 0.5)
    noisy: bool = override(DQNConfig, "noisy", True)
    distribution: Distribution = override(DQNConfig, "distribution", "c51")


class Rainbow(DQN):
    """DQN with all six extensions by default (Hessel et al. 2018)."""

    name = "rainbow"
    Config: ClassVar[type] = RainbowConfig
