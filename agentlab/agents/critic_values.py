"""What SAC's critics predict: the mean of the return, or its quantiles (TQC)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from agentlab.agents.value_distribution import quantile_huber
from agentlab.config import Options, option
from agentlab.errors import InvalidArgument
from agentlab.lazy import tf


class CriticValue(Protocol):
    """How critics represent the return, and the loss to train them.

    Attributes:
        outputs: outputs of each critic. With one, the critics' outputs are ``[critics, b]``,
            otherwise ``[critics, b, outputs]``.
    """

    outputs: int

    def value(self, q: Any) -> Any:
        """Return the Q-values that the policy maximizes, ``[b]``."""

    def loss(self, q: Any, next_q: Any, returns: Any, discounts: Any, bonus: Any) -> Any:
        """Return the loss of the critics' outputs ``q``, a scalar.

        Args:
            q: outputs for the actions taken.
            next_q: outputs of the target critics for the next actions.
            returns: sums of rewards, ``[b]``.
            discounts: of the next values; 0 after termination, ``[b]``.
            bonus: entropy bonus, added to the next values, ``[b]``.
        """


class Minimum:
    """Clipped double Q-learning: the minimum of the critics is used (Fujimoto et al. 2018)."""

    outputs = 1

    def value(self, q: Any) -> Any:
        """Return the minimum over the critics."""
        return tf.reduce_min(q, 0)

    def loss(self, q: Any, next_q: Any, returns: Any, discounts: Any, bonus: Any) -> Any:
        """Return the mean squared error over critics and batch (half the sum for two critics)."""
        targets = tf.stop_gradient(returns + discounts * (self.value(next_q) + bonus))  # [b]
        return tf.reduce_mean(tf.square(q - targets))


class TruncatedQuantiles:
    """TQC: the quantiles of all critics are pooled, and the largest are dropped.

    Kuznetsov et al. 2020, "Controlling Overestimation Bias with Truncated Mixture of Continuous
    Distributional Quantile Critics".

    Args:
        n_quantiles: number of quantiles per critic.
        drop: number of quantiles dropped per critic.
    """

    def __init__(self, n_quantiles: int, drop: int) -> None:
        self.outputs, self.drop = n_quantiles, drop

    def value(self, q: Any) -> Any:
        """Return the mean of all quantiles of all critics (equation 14)."""
        return tf.reduce_mean(q, [0, 2])

    def loss(self, q: Any, next_q: Any, returns: Any, discounts: Any, bonus: Any) -> Any:
        """Return the mean quantile Huber loss over critics and quantiles (equation 12)."""
        critics, kept = q.shape[0], q.shape[0] * (self.outputs - self.drop)
        pooled = tf.reshape(tf.transpose(next_q, [1, 0, 2]), (-1, critics * self.outputs))
        smallest = tf.sort(pooled)[:, :kept] + bonus[:, None]  # [b, kept]
        targets = tf.stop_gradient(returns[:, None] + discounts[:, None] * smallest)
        losses = [quantile_huber(q[i], targets) for i in range(critics)]  # [b] each
        return tf.reduce_mean(tf.stack(losses)) / self.outputs


@dataclass(frozen=True)
class CriticOptions(Options):
    """Options of SAC's critics."""

    n_critics: int = option(2, "number of critics", ge=1)
    n_quantiles: int = option(
        1, "quantiles of the return per critic (TQC uses 25); 1 for its mean", ge=1
    )
    top_quantiles_to_drop_per_net: int = option(
        2, "number of largest quantiles to drop per critic (TQC)", ge=0
    )
    dropout: float = option(
        0.0, "dropout rate of the critics (DroQ uses 0.01, with 20 gradient_steps)", ge=0, lt=1
    )
    layer_norm: bool = option(False, "layer normalization in the critics (DroQ)")
    crossq: bool = option(
        False,
        "batch renormalization in the critics, which replaces their target networks (CrossQ; use "
        "with learning_rate=0.001, policy_delay=3 and wide critic_hidden)",
    )
    critic_hidden: tuple[int, ...] = option(
        (), "units of the critics' hidden layers; empty to use hidden", ge=1
    )

    def check(self) -> None:
        """Check that the options are consistent."""
        super().check()
        if 1 < self.n_quantiles <= self.top_quantiles_to_drop_per_net:
            raise InvalidArgument(
                f"top_quantiles_to_drop_per_net={self.top_quantiles_to_drop_per_net} must be less "
                f"than n_quantiles={self.n_quantiles}"
            )

    @property
    def critic_arguments(self) -> dict[str, Any]:
        """Arguments of ``make_critics``."""
        return {
            "hidden": self.critic_hidden,
            "dropout": self.dropout,
            "layer_norm": self.layer_norm,
            "batch_renorm": self.crossq,
        }

    def make_value(self) -> CriticValue:
        """Return the representation of the return that the options select."""
        if self.n_quantiles == 1:
            return Minimum()
        return TruncatedQuantiles(self.n_quantiles, self.top_quantiles_to_drop_per_net)
