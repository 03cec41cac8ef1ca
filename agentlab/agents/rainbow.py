"""Rainbow: ``dqn`` with all six improvements, by another name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from agentlab.agents.dqn import DQN, DQNConfig
from agentlab.config import override


@dataclass(frozen=True)
class RainbowConfig(DQNConfig):
    """Hyperparameters of ``rainbow``: ``dqn`` with all six improvements (Hessel et al. 2018)."""

    double: bool = override(DQNConfig, "double", True)
    dueling: bool = override(DQNConfig, "dueling", True)
    n_step: int = override(DQNConfig, "n_step", 3)
    prioritized: bool = override(DQNConfig, "prioritized", True)
    alpha: float = override(DQNConfig, "alpha", 0.5)
    noisy: bool = override(DQNConfig, "noisy", True)
    distribution: Literal["expected", "c51", "quantile"] = override(
        DQNConfig, "distribution", "c51"
    )


class Rainbow(DQN):
    """A name for ``dqn`` with these defaults."""

    name = "rainbow"
    Config: ClassVar[type] = RainbowConfig
