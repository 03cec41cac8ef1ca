"""Proximal policy optimization (PPO), with its usual implementation details."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from agentlab.agents.pg import PolicyGradient, PolicyGradientConfig
from agentlab.config import option, override
from agentlab.envs.vector import Array
from agentlab.errors import InvalidArgument
from agentlab.lazy import tf


@dataclass(frozen=True)
class PPOConfig(PolicyGradientConfig):
    """Hyperparameters of ``ppo``: those of ``pg`` with other defaults, and PPO's details."""

    learning_rate: float = override(PolicyGradientConfig, "learning_rate", 3e-4)
    rollout_length: int = override(PolicyGradientConfig, "rollout_length", 256)
    n_epochs: int = override(PolicyGradientConfig, "n_epochs", 10)
    n_minibatches: int = override(PolicyGradientConfig, "n_minibatches", 32)
    ent_coef: float = override(PolicyGradientConfig, "ent_coef", 0.0)
    overlap: bool = override(PolicyGradientConfig, "overlap", False)
    normalize_advantage: bool = option(
        True, "normalize each minibatch's advantages (mean 0, std 1)"
    )
    decay_clip_range: bool = option(
        False, "decay clip_range linearly to 0 over decay_steps, like the learning rate"
    )
    clip_range_vf: float | None = option(
        None, "largest change of a value estimate in an update; none to not clip values", gt=0
    )
    target_kl: float | None = option(
        None, "end an update after an epoch whose last minibatch exceeds this KL divergence", gt=0
    )

    def check(self) -> None:
        """Check that the options are consistent."""
        super().check()
        if self.clip_range is None:
            raise InvalidArgument("clip_range=None must be a number; use algo='pg' for no clipping")
        if self.decay_clip_range and not self.decay_steps:
            raise InvalidArgument("decay_clip_range=True needs decay_steps to be 1 or more, not 0")


class PPO(PolicyGradient):
    """Policy gradients with a clipped objective (Schulman et al. 2017, algorithm 1).

    Acting, the rollout, advantages, the clipped loss and recurrence are those of ``pg``. The
    details are those of Huang et al. 2022, "The 37 Implementation Details of Proximal Policy
    Optimization".
    """

    name = "ppo"
    Config: ClassVar[type] = PPOConfig
    config: PPOConfig

    def build(self) -> None:
        super().build()
        self.clip_range = tf.Variable(self.config.clip_range, trainable=False)

    @property
    def stop(self) -> Any:
        """The condition that ends the epochs; see ``make_update``."""
        limit = self.config.target_kl
        return None if limit is None else lambda metrics: metrics["kl"] > limit

    def decay(self) -> None:
        super().decay()
        config = self.config
        if config.decay_clip_range and config.clip_range is not None:
            self.clip_range.assign(config.clip_range * config.remaining(self.steps))

    def normalized(self, advantage: Array) -> Array:
        return advantage  # normalized in each minibatch

    def weights(self, advantage: Any) -> Any:
        if not self.config.normalize_advantage:
            return advantage
        mean, variance = tf.nn.moments(advantage, 0)
        return (advantage - mean) / (tf.sqrt(variance) + 1e-8)

    def value_losses(self, values: Any, returns: Any, advantage: Any) -> Any:
        """Return the larger of the losses with and without clipping the change of the values."""
        losses = super().value_losses(values, returns, advantage)
        limit = self.config.clip_range_vf
        if limit is None:
            return losses
        old_values = returns - advantage
        clipped = old_values + tf.clip_by_value(values - old_values, -limit, limit)
        return tf.maximum(losses, super().value_losses(clipped, returns, advantage))
