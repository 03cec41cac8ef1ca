"""Action distributions of policies.

Sampling uses NumPy, for speed; log-probabilities and entropies use TensorFlow, for gradients.
"""

from __future__ import annotations

from typing import Any, Protocol

import gymnasium
import numpy as np

from agentlab.envs.vector import Array
from agentlab.errors import InvalidArgument
from agentlab.lazy import tf

HALF_LOG_2PI = float(0.5 * np.log(2 * np.pi))


class Policy(Protocol):
    """A distribution over actions, parameterized by a network's outputs.

    Attributes:
        outputs: number of parameters per observation.
        shape: shape of one action in the loss.
        dtype: dtype of actions in the loss.
        gaussian: whether the network also has a log standard deviation.
    """

    outputs: int
    shape: tuple[int, ...]
    dtype: Any
    gaussian: bool

    def sample(
        self, parameters: Array, log_std: Array | None, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Sample actions ``[n, *shape]``; return them and their log-probabilities ``[n]``."""

    def best(self, parameters: Array) -> Array:
        """Return the most likely actions, ``[n, *shape]``."""

    def to_env(self, actions: Array) -> Array:
        """Convert actions to the format of the environments."""

    def best_for_env(self, parameters: Any) -> Any:
        """Return ``to_env(best(parameters))`` as a tensor."""

    def log_prob_and_entropy(self, parameters: Any, log_std: Any, actions: Any) -> tuple[Any, Any]:
        """Return log pi(actions) and the policy's entropy, tensors ``[n]`` each."""


class Softmax(Policy):
    """A categorical distribution over discrete actions, parameterized by logits."""

    gaussian = False

    def __init__(self, space: gymnasium.spaces.Discrete) -> None:
        self.outputs, self.start = int(space.n), int(space.start)
        self.shape: tuple[int, ...] = ()
        self.dtype = np.int64

    def sample(
        self, parameters: Array, log_std: Array | None, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        shifted = parameters - parameters.max(1, keepdims=True)
        cumulated = np.exp(shifted).cumsum(1)
        total = cumulated[:, -1]
        drawn = rng.random(len(total), np.float32) * total
        actions = (cumulated[:, :-1] <= drawn[:, None]).sum(1)
        return actions, shifted[np.arange(len(actions)), actions] - np.log(total)

    def best(self, parameters: Array) -> Array:
        best: Array = parameters.argmax(1)
        return best

    def to_env(self, actions: Array) -> Array:
        return actions + self.start if self.start else actions

    def best_for_env(self, parameters: Any) -> Any:
        return tf.argmax(parameters, 1) + self.start

    def log_prob_and_entropy(self, parameters: Any, log_std: Any, actions: Any) -> tuple[Any, Any]:
        log_probs = tf.nn.log_softmax(parameters)
        chosen = tf.reduce_sum(log_probs * tf.one_hot(actions, self.outputs), 1)
        return chosen, -tf.reduce_sum(tf.exp(log_probs) * log_probs, 1)


class Gaussian(Policy):
    """A diagonal Gaussian, parameterized by means; actions are clipped to the action space."""

    gaussian = True

    def __init__(self, space: gymnasium.spaces.Box) -> None:
        self.space = space
        self.outputs, self.dtype = int(np.prod(space.shape)), np.float32
        self.shape: tuple[int, ...] = (self.outputs,)

    def sample(
        self, parameters: Array, log_std: Array | None, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        assert log_std is not None
        noise = rng.standard_normal(parameters.shape, np.float32)
        log_probs = np.float32(-0.5) * noise**2 - log_std - np.float32(HALF_LOG_2PI)
        return parameters + np.exp(log_std) * noise, log_probs.sum(1)

    def best(self, parameters: Array) -> Array:
        return parameters

    def to_env(self, actions: Array) -> Array:
        shaped = actions.reshape(len(actions), *self.space.shape)
        return np.clip(shaped, self.space.low, self.space.high)

    def best_for_env(self, parameters: Any) -> Any:
        shaped = tf.reshape(parameters, (-1, *self.space.shape))
        return tf.clip_by_value(shaped, self.space.low, self.space.high)

    def log_prob_and_entropy(self, parameters: Any, log_std: Any, actions: Any) -> tuple[Any, Any]:
        noise = (actions - parameters) / tf.exp(log_std)
        entropy = tf.reduce_sum(log_std + 0.5 + HALF_LOG_2PI) * tf.ones(tf.shape(parameters)[0])
        return tf.reduce_sum(-0.5 * noise**2 - log_std - HALF_LOG_2PI, 1), entropy


def make_policy(space: gymnasium.Space[Any]) -> Policy:
    """Return the distribution for an action space.

    Raises:
        InvalidArgument: if the space is neither Discrete nor a Box of floats.
    """
    if isinstance(space, gymnasium.spaces.Discrete):
        return Softmax(space)
    if isinstance(space, gymnasium.spaces.Box) and np.issubdtype(space.dtype, np.floating):
        return Gaussian(space)
    raise InvalidArgument(f"the action space must be Discrete or a Box of floats, not {space}")
