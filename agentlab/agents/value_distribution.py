"""Value distributions: what a Q-network predicts of the return of an action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from agentlab.config import Options, option
from agentlab.errors import InvalidArgument
from agentlab.lazy import tf
from agentlab.training.losses import huber

COSINES = 64  # that embed a quantile fraction (Dabney et al. 2018b, section 4)
Floats = npt.NDArray[np.float32]
Distribution = Literal["expected", "c51", "quantile", "iqn"]


class ValueDistribution(Protocol):
    """How a Q-network's outputs represent the return of an action, and the loss to learn them.

    Attributes:
        n_outputs: number of outputs per action.
        cosines: number of cosines that embed a quantile fraction in the network; 0 for none.
    """

    n_outputs: int
    cosines: int

    def expected_values(self, outputs: Floats) -> Floats:
        """Return mean returns ``[b, actions]`` of NumPy outputs ``[b, actions, n_outputs]``."""

    def means(self, outputs: Any) -> Any:
        """Return mean returns ``[...]`` of tensors ``[..., n_outputs]``."""

    def loss(
        self, current: Any, following: Any, returns: Any, discounts: Any, fractions: Any = None
    ) -> tuple[Any, Any]:
        """Return the loss of predictions with respect to the target ``R + discount * Z``.

        Args:
            current: outputs for the actions taken, ``[b, n_outputs]``.
            following: the target network's outputs for the next actions, ``[b, n_outputs]``.
            returns: discounted n-step sums of rewards, R, ``[b]``.
            discounts: discounts of the next state's return, Z; 0 if it is terminal, ``[b]``.
            fractions: quantile fractions of ``current``, ``[b, n_outputs]``, if the network embeds
                them.

        Returns:
            Losses and errors, ``[b]`` each; priorities are proportional to errors.
        """


class ExpectedValue:
    """The mean return, learned with the Huber loss (Mnih et al. 2015, "Methods")."""

    n_outputs, cosines = 1, 0

    def expected_values(self, outputs: Floats) -> Floats:
        """Return the outputs themselves."""
        return np.asarray(outputs.mean(axis=2), np.float32)

    def means(self, outputs: Any) -> Any:
        """Return the outputs themselves."""
        return tf.reduce_mean(outputs, axis=-1)

    def loss(
        self, current: Any, following: Any, returns: Any, discounts: Any, fractions: Any = None
    ) -> tuple[Any, Any]:
        """Return ``huber(Q - y)`` and ``|Q - y|`` with ``y = R + discount * Q'``."""
        target_q_values = returns + discounts * following[:, 0]
        errors = current[:, 0] - target_q_values
        return huber(errors), tf.abs(errors)


class Categorical:
    """C51: probabilities of returns on fixed atoms (Bellemare et al. 2017).

    Args:
        n_atoms: number of atoms.
        v_min: the smallest return.
        v_max: the largest return.
    """

    cosines = 0

    def __init__(self, n_atoms: int, v_min: float, v_max: float) -> None:
        self.n_outputs = n_atoms
        self.support = np.linspace(v_min, v_max, n_atoms, dtype=np.float32)

    def expected_values(self, outputs: Floats) -> Floats:
        """Return the means of softmax distributions, in NumPy."""
        powers = np.exp(outputs - outputs.max(axis=2, keepdims=True))
        weighted = powers * self.support / powers.sum(axis=2, keepdims=True)
        return np.asarray(weighted.sum(axis=2), np.float32)

    def means(self, outputs: Any) -> Any:
        """Return the means of softmax distributions."""
        return tf.reduce_sum(tf.nn.softmax(outputs) * self.support, axis=-1)

    def loss(
        self, current: Any, following: Any, returns: Any, discounts: Any, fractions: Any = None
    ) -> tuple[Any, Any]:
        """Return cross-entropies as losses and KL divergences as errors (Hessel et al. 2018).

        Unlike the cross-entropy, the divergence is 0 if the prediction equals the target.
        """
        support = tf.constant(self.support)
        target = categorical_target(tf.nn.softmax(following), returns, discounts, support)
        losses = tf.nn.softmax_cross_entropy_with_logits(target, current)
        return losses, losses + tf.reduce_sum(tf.math.xlogy(target, target), axis=1)


class Quantile:
    """Quantiles of the return, learned by quantile regression.

    QR-DQN: at the midpoints of equal fractions (Dabney et al. 2018). IQN: at fractions that are
    sampled for each transition, and embedded by the network (Dabney et al. 2018b, "Implicit
    Quantile Networks for Distributional Reinforcement Learning").

    Args:
        n_atoms: number of quantiles.
        cosines: number of cosines that embed a quantile fraction (IQN); 0 for fixed ones (QR-DQN).
    """

    def __init__(self, n_atoms: int, cosines: int = 0) -> None:
        self.n_outputs, self.cosines = n_atoms, cosines

    def expected_values(self, outputs: Floats) -> Floats:
        """Return the means of the quantiles, in NumPy."""
        return np.asarray(outputs.mean(axis=2), np.float32)

    def means(self, outputs: Any) -> Any:
        """Return the means of the quantiles."""
        return tf.reduce_mean(outputs, axis=-1)

    def loss(
        self, current: Any, following: Any, returns: Any, discounts: Any, fractions: Any = None
    ) -> tuple[Any, Any]:
        """Return quantile regression losses, both as losses and as errors."""
        target = returns[:, None] + discounts[:, None] * following  # [b, n_atoms]
        losses = quantile_huber(current, target, fractions)
        return losses, losses


@dataclass(frozen=True)
class DistributionOptions(Options):
    """Which statistic or distribution of the return is learned."""

    distribution: Distribution = option(
        "expected",
        "learn mean returns, or their distribution by atoms (C51), by quantiles (QR-DQN) or by "
        "quantiles at sampled fractions (IQN)",
    )
    n_atoms: int = option(51, "number of atoms (C51) or quantiles (QR-DQN, IQN)", ge=2)
    v_min: float = option(-10.0, "smallest return of C51's atoms")
    v_max: float = option(10.0, "largest return of C51's atoms")

    def check(self) -> None:
        """Check that the options are consistent."""
        super().check()
        if self.v_min >= self.v_max:
            raise InvalidArgument(f"v_min={self.v_min} must be less than v_max={self.v_max}")

    def make_distribution(self) -> ValueDistribution:
        """Return the value distribution that ``distribution`` names."""
        if self.distribution == "c51":
            return Categorical(self.n_atoms, self.v_min, self.v_max)
        if self.distribution == "expected":
            return ExpectedValue()
        return Quantile(self.n_atoms, COSINES if self.distribution == "iqn" else 0)


def categorical_target(probabilities: Any, returns: Any, discounts: Any, support: Any) -> Any:
    """Project the distribution of ``R + discount * Z`` onto the atoms (Bellemare et al. 2017).

    The probability of each shifted atom is divided between its two neighbors on ``support`` in
    proportion to their proximity (algorithm 1).

    Args:
        probabilities: probabilities of the atoms in the next state, float32 ``[b, atoms]``.
        returns: discounted n-step sums of rewards, ``[b]``.
        discounts: discounts of the next state's return; 0 if it is terminal, ``[b]``.
        support: the returns of the atoms, evenly spaced, ``[atoms]``.

    Returns:
        Probabilities, float32 ``[b, atoms]``.
    """
    moved = returns[:, None] + discounts[:, None] * support
    moved = tf.clip_by_value(moved, support[0], support[-1])
    distance = tf.abs(moved[:, None, :] - support[None, :, None]) / (support[1] - support[0])
    return tf.reduce_sum(tf.maximum(1 - distance, 0) * probabilities[:, None, :], axis=2)


def quantile_huber(quantiles: Any, targets: Any, fractions: Any = None) -> Any:
    """Return the quantile Huber loss ``[b]`` (Dabney et al. 2018, equation 10).

    Args:
        quantiles: estimates of ``n`` quantiles, float32 ``[b, n]``.
        targets: samples of the target distribution, ``[b, m]``.
        fractions: the fractions of the quantiles, ``[b, n]``; ``None`` for the midpoints of ``n``
            equal fractions.
    """
    if fractions is None:
        count = quantiles.shape[1]
        fractions = ((np.arange(count, dtype=np.float32) + 0.5) / count)[None]
    errors = targets[:, None, :] - quantiles[:, :, None]
    weight = tf.abs(fractions[:, :, None] - tf.cast(errors < 0, tf.float32))
    return tf.reduce_sum(tf.reduce_mean(weight * huber(errors), axis=2), axis=1)
