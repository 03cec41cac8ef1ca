"""Generalized state-dependent exploration (gSDE): noise that is a function of the state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.agents.policies import HALF_LOG_2PI, Gaussian, Policy, make_policy
from agentlab.agents.space_checks import require_continuous
from agentlab.config import Options, option
from agentlab.envs.vector import Array
from agentlab.errors import InvalidArgument
from agentlab.lazy import tf

Floats = npt.NDArray[np.float32]
VARIANCE_EPSILON = 1e-6


@dataclass(frozen=True)
class SDEOptions(Options):
    """Options of gSDE."""

    use_sde: bool = option(False, "explore with noise that is a function of the state (gSDE)")
    sde_sample_freq: int = option(
        -1, "steps between samples of gSDE's noise matrix; -1 for one per episode", ge=-1
    )
    log_std_init: float = option(
        -3.0, "initial log standard deviation of gSDE's noise matrix, or of a Gaussian policy"
    )

    def check(self) -> None:
        """Check that the options are consistent."""
        super().check()
        if self.sde_sample_freq == 0:
            raise InvalidArgument("sde_sample_freq=0 must be positive, or -1 for one per episode")
        noise_type = getattr(self, "noise_type", "normal")
        if self.use_sde and noise_type != "normal":
            raise InvalidArgument(f"noise_type={noise_type!r} must be 'normal' with use_sde=True")


class StateDependentNoise:
    """Noise ``features @ theta``: a matrix ``theta`` is sampled for each environment and kept.

    Raffin et al. 2021, "Smooth Exploration for Robotic Reinforcement Learning", equation 4.

    Args:
        sample_freq: steps after which a matrix is replaced; -1 for a new one per episode.

    >>> noise, rng = StateDependentNoise(4), np.random.default_rng(0)
    >>> noise(np.ones((3, 8), np.float32), np.ones((8, 2), np.float32), rng).shape
    (3, 2)
    """

    def __init__(self, sample_freq: int) -> None:
        self.sample_freq = sample_freq
        self._normal = np.zeros((0, 0, 0), np.float32)  # [n, features, size]
        self._ages = np.zeros(0, np.int64)  # steps since each was sampled; -1 if it is due, [n]

    def __call__(self, features: Floats, deviations: Floats, rng: np.random.Generator) -> Floats:
        """Return the noise of the next step, ``[n, size]``.

        Args:
            features: of each environment's state, ``[n, features]``.
            deviations: standard deviations of the matrices, ``[features, size]``.
            rng: samples the matrices.
        """
        if len(features) != len(self._ages):
            self._normal = np.zeros((len(features), *deviations.shape), np.float32)
            self._ages = np.full(len(features), -1)
        due = (self._ages < 0) | ((self._ages >= self.sample_freq) & (self.sample_freq > 0))
        if due.any():
            sampled = rng.standard_normal((int(due.sum()), *deviations.shape), np.float32)
            self._normal = self._normal.copy()  # a checkpoint may refer to the array
            self._normal[due] = sampled
        self._ages = np.where(due, 0, self._ages) + 1
        return np.asarray((features[:, None, :] @ (deviations * self._normal))[:, 0])

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:
        """Sample new matrices for environments in which an episode starts."""
        if len(episode_starts) == len(self._ages):
            self._ages = np.where(episode_starts, -1, self._ages)

    def state(self) -> dict[str, Any]:
        """Return the current matrices, for a checkpoint."""
        return {"normal": self._normal, "ages": self._ages}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""
        self._normal, self._ages = state["normal"], state["ages"]


class StateDependentGaussian(Gaussian):
    """A Gaussian over actions whose noise is a function of the state, for policy gradients.

    Its parameters are the means and the features of the state. The noise of an action is
    ``features @ theta`` with ``theta ~ N(0, exp(log_std)^2)``, and the probabilities are those of
    an action with a new ``theta``, whose variance is ``features^2 @ exp(log_std)^2`` (Raffin et al.
    2021, equation 5). Gradients reach the features only through the means, as in the authors' code.

    Args:
        space: the action space.
        sample_freq: steps after which ``theta`` is replaced; -1 for a new one per episode.
    """

    state_dependent = True

    def __init__(self, space: gymnasium.spaces.Box, sample_freq: int) -> None:
        super().__init__(space)
        self.matrices = StateDependentNoise(sample_freq)
        self.components = {"noise": self.matrices}

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:
        self.matrices.reset(episode_starts)

    def sample(
        self, parameters: Array, log_std: Array | None, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        assert log_std is not None
        means, features = np.split(parameters, [self.outputs], 1)
        deviations = np.exp(log_std)  # [features, outputs]
        noise = self.matrices(features, deviations, rng)
        variances = np.square(features) @ np.square(deviations) + np.float32(VARIANCE_EPSILON)
        log_probs = -0.5 * (np.square(noise) / variances + np.log(variances)) - HALF_LOG_2PI
        return means + noise, log_probs.sum(1, dtype=np.float32)

    def best(self, parameters: Array) -> Array:
        return parameters[:, : self.outputs]

    def best_for_env(self, parameters: Any) -> Any:
        return super().best_for_env(parameters[:, : self.outputs])

    def log_prob_and_entropy(self, parameters: Any, log_std: Any, actions: Any) -> tuple[Any, Any]:
        means, features = parameters[:, : self.outputs], parameters[:, self.outputs :]
        squared = tf.square(tf.stop_gradient(features))
        variances = tf.matmul(squared, tf.exp(2 * log_std)) + VARIANCE_EPSILON  # [b, outputs]
        entropies = 0.5 * tf.math.log(variances) + 0.5 + HALF_LOG_2PI
        log_probs = 0.5 - 0.5 * tf.square(actions - means) / variances - entropies
        return tf.reduce_sum(log_probs, 1), tf.reduce_sum(entropies, 1)


def make_exploring_policy(space: gymnasium.Space[Any], options: SDEOptions) -> Policy:
    """Return the distribution of a policy gradient agent's actions.

    Raises:
        InvalidArgument: for an unsupported space, or gSDE with discrete actions.
    """
    policy = make_policy(space)
    if not options.use_sde:
        return policy
    require_continuous("use_sde", True, False, space)
    assert isinstance(space, gymnasium.spaces.Box)
    return StateDependentGaussian(space, options.sde_sample_freq)
