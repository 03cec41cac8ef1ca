"""Advantage actor-critic (A2C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from agentlab.agents.pg import PolicyGradient, PolicyGradientConfig
from agentlab.config import override


@dataclass(frozen=True)
class A2CConfig(PolicyGradientConfig):
    """Hyperparameters of ``a2c``: those of ``pg``, with the defaults of Stable-Baselines3."""

    rollout_length: int = override(PolicyGradientConfig, "rollout_length", 5)
    gae_lambda: float = override(PolicyGradientConfig, "gae_lambda", 1.0)
    normalize_advantage: bool = override(PolicyGradientConfig, "normalize_advantage", False)
    n_epochs: int = override(PolicyGradientConfig, "n_epochs", 1)
    n_minibatches: int = override(PolicyGradientConfig, "n_minibatches", 1)
    clip_range: float | None = override(PolicyGradientConfig, "clip_range", None)
    ent_coef: float = override(PolicyGradientConfig, "ent_coef", 0.0)
    optimizer: str = override(PolicyGradientConfig, "optimizer", "rmsprop")
    learning_rate: float = override(PolicyGradientConfig, "learning_rate", 7e-4)
    optimizer_epsilon: float | None = override(PolicyGradientConfig, "optimizer_epsilon", 1e-5)

    def make_optimizer(self, learning_rate: Any = None, **arguments: Any) -> Any:
        """Create the optimizer; RMSprop averages squared gradients over about 100 updates."""
        if self.optimizer == "rmsprop":
            arguments.setdefault("rho", 0.99)
        return super().make_optimizer(learning_rate, **arguments)


class A2C(PolicyGradient):
    """One gradient step on each short rollout of many environments (Mnih et al. 2016).

    The synchronous form of A3C: ``pg`` with other defaults.
    """

    name = "a2c"
    Config: ClassVar[type] = A2CConfig
    config: A2CConfig
