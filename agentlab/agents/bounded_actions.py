"""Bounded continuous actions: scaling to [-1, 1], and the squashed Gaussian policy of SAC."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.agents.policies import HALF_LOG_2PI
from agentlab.envs.vector import Array
from agentlab.errors import InvalidArgument
from agentlab.lazy import tf

Floats = npt.NDArray[np.float32]
LOG_STD_RANGE = -20.0, 2.0  # Haarnoja et al. 2018, in their code


class BoundedActions:
    """Scales the actions of ``space`` linearly to and from [-1, 1], each component separately.

    Attributes:
        size: number of components of an action.
        shape, dtype: of an action in [-1, 1].

    Args:
        space: the action space.
        algo: name of the algorithm, for messages.

    Raises:
        InvalidArgument: if the space is not a Box of floats with finite bounds.

    >>> bounds = BoundedActions(gymnasium.spaces.Box(0.0, 4.0, (1,)), "sac")
    >>> bounds.to_env(np.array([[0.5]], np.float32)), bounds.from_env(np.array([[0.0]]))
    (array([[3.]], dtype=float32), array([[-1.]], dtype=float32))
    """

    def __init__(self, space: gymnasium.Space[Any], algo: str) -> None:
        assert isinstance(space, gymnasium.spaces.Box)
        if not (np.issubdtype(space.dtype, np.floating) and space.is_bounded()):
            raise InvalidArgument(
                f"algo={algo!r} needs a Box of floats with finite bounds as the action space, but "
                f"the environment has {space}"
            )
        self.space = space
        self.size = int(np.prod(self.space.shape))
        self.shape, self.dtype = (self.size,), "float32"
        low, high = (
            np.asarray(bound, np.float64).ravel() for bound in (self.space.low, self.space.high)
        )
        self._middle = (low / 2 + high / 2).astype(np.float32)
        self._half = (high / 2 - low / 2).astype(np.float32)
        # A component whose bounds are equal is scaled to 0.
        self._inverse = np.where(self._half > 0, 1 / np.maximum(self._half, 1e-38), 0)
        self._inverse = self._inverse.astype(np.float32)

    def to_env(self, actions: Floats) -> Array:
        """Return actions for the environment, ``[n, *shape]``, for actions ``[n, size]``."""
        shaped = (self._middle + self._half * actions).reshape(-1, *self.space.shape)
        clipped: Array = np.clip(shaped.astype(self.space.dtype), self.space.low, self.space.high)
        return clipped

    def from_env(self, actions: Array) -> Floats:
        """Return actions in [-1, 1], ``[n, size]``, for the environment's, ``[n, *shape]``."""
        flat = actions.reshape(len(actions), -1)
        return ((flat - self._middle) * self._inverse).astype(np.float32)

    def to_env_tensor(self, actions: Any) -> Any:
        """Return ``to_env(actions)`` for a tensor."""
        shaped = tf.reshape(self._middle + self._half * actions, (-1, *self.space.shape))
        shaped = tf.cast(shaped, self.space.dtype)
        return tf.clip_by_value(shaped, self.space.low, self.space.high)


def uniform(noise: Floats) -> Floats:
    """Map standard normal numbers to numbers that are uniform between -1 and 1.

    They are the normal cumulative distribution function, scaled to [-1, 1], in the approximation of
    Hendrycks and Gimpel 2016 (GELU). Correlated noise gives correlated actions.
    """
    cubic = np.float32(0.044715) * noise**3
    return np.asarray(np.tanh(np.float32(np.sqrt(2 / np.pi)) * (noise + cubic)), np.float32)


def split_outputs(outputs: Any) -> tuple[Any, Any]:
    """Return a network's outputs ``[n, 2 * size]`` as mean and log std, ``[n, size]`` each."""
    size = outputs.shape[1] // 2
    return outputs[:, :size], outputs[:, size:]


def sample_squashed(outputs: Floats, noise: Floats) -> Floats:
    """Return actions tanh(mean + std * noise) in [-1, 1], ``[n, size]``, as NumPy arrays."""
    mean, log_std = split_outputs(outputs)
    return np.asarray(np.tanh(mean + np.exp(np.clip(log_std, *LOG_STD_RANGE)) * noise))


def squashed_gaussian(outputs: Any, noise: Any) -> tuple[Any, Any]:
    """Sample actions of a squashed Gaussian policy and compute their log-probabilities.

    ``a = tanh(u)`` with ``u = mean + std * noise``, and ``log pi(a) = log N(u) - sum log(1 - a^2)``
    (Haarnoja et al. 2018, appendix C). The correction is computed as
    ``log(1 - tanh(u)^2) = 2 (log 2 - u - softplus(-2 u))``, which does not overflow.

    Args:
        outputs: mean and log std, a tensor ``[n, 2 * size]``.
        noise: standard normal, a tensor ``[n, size]``.

    Returns:
        Actions ``[n, size]`` and log-probabilities ``[n]``.
    """
    mean, log_std = split_outputs(outputs)
    log_std = tf.clip_by_value(log_std, *LOG_STD_RANGE)
    unsquashed = mean + tf.exp(log_std) * noise  # [n, size]
    log_probs = -0.5 * tf.square(noise) - log_std - HALF_LOG_2PI
    correction = 2 * (float(np.log(2)) - unsquashed - tf.math.softplus(-2 * unsquashed))
    return tf.tanh(unsquashed), tf.reduce_sum(log_probs - correction, 1)
