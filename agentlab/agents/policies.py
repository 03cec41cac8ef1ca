"""Action distributions of policies.

Sampling uses NumPy, for speed; log-probabilities and entropies use TensorFlow, for gradients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.envs.vector import Array
from agentlab.errors import InvalidArgument
from agentlab.lazy import tf

HALF_LOG_2PI = float(0.5 * np.log(2 * np.pi))
FORBIDDEN = np.float32(-1e9)  # a logit whose probability is exactly 0
UNBOUNDED = 1e30  # some spaces have the largest float as their bound


class Policy(Protocol):
    """A distribution over actions, parameterized by a network's outputs.

    Attributes:
        outputs: number of parameters per observation.
        shape: shape of one action in the loss.
        dtype: dtype of actions in the loss.
        gaussian: whether the network also has a log standard deviation.
        state_dependent: whether the network's features are appended to the parameters (gSDE).
        components: objects to save in checkpoints, by name.
    """

    outputs: int
    shape: tuple[int, ...]
    dtype: Any
    gaussian: bool
    state_dependent: bool = False
    components: Mapping[str, Any] = MappingProxyType({})

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:
        """Reset the noise of environments in which an episode starts, if it persists over steps."""
        return

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


class MultiSoftmax(Policy):
    """Independent categorical distributions, one for each component of a MultiDiscrete."""

    gaussian = False

    def __init__(self, space: gymnasium.spaces.MultiDiscrete) -> None:
        self.space = space
        self.sizes = space.nvec.ravel().tolist()
        self.outputs, self.shape = sum(self.sizes), (len(self.sizes),)
        self.dtype = np.int64
        ends = np.cumsum(self.sizes).tolist()
        self._slices = [slice(end - size, end) for size, end in zip(self.sizes, ends, strict=True)]
        self._choices = [Softmax(gymnasium.spaces.Discrete(size)) for size in self.sizes]

    def sample(
        self, parameters: Array, log_std: Array | None, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        drawn = [
            choice.sample(parameters[:, place], None, rng)
            for choice, place in zip(self._choices, self._slices, strict=True)
        ]
        actions = np.stack([actions for actions, _ in drawn], 1)
        return actions, np.sum([log_probs for _, log_probs in drawn], 0)

    def best(self, parameters: Array) -> Array:
        return np.stack([parameters[:, place].argmax(1) for place in self._slices], 1)

    def to_env(self, actions: Array) -> Array:
        shifted: Array = actions.reshape(len(actions), *self.space.shape) + self.space.start
        return shifted.astype(self.space.dtype)

    def best_for_env(self, parameters: Any) -> Any:
        best = tf.stack([tf.argmax(parameters[:, place], 1) for place in self._slices], 1)
        start = self.space.start.astype(np.int64)
        return tf.reshape(best, (-1, *self.space.shape)) + start

    def log_prob_and_entropy(self, parameters: Any, log_std: Any, actions: Any) -> tuple[Any, Any]:
        pairs = [
            choice.log_prob_and_entropy(parameters[:, place], None, actions[:, i])
            for i, (choice, place) in enumerate(zip(self._choices, self._slices, strict=True))
        ]
        return tuple(tf.add_n(list(terms)) for terms in zip(*pairs, strict=True))


class Bernoulli(Policy):
    """Independent bits, one for each element of a MultiBinary, parameterized by the logits of 1."""

    gaussian = False

    def __init__(self, space: gymnasium.spaces.MultiBinary) -> None:
        self.space = space
        self.outputs, self.dtype = math.prod(space.shape), np.int64
        self.shape: tuple[int, ...] = (self.outputs,)

    def sample(
        self, parameters: Array, log_std: Array | None, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        probabilities = 0.5 * np.tanh(0.5 * parameters) + 0.5  # the sigmoid, without overflow
        actions = (rng.random(parameters.shape, np.float32) < probabilities).astype(np.int64)
        # log(sigmoid(x)) = -log(1 + exp(-x)); the log-probability of 0 is that of -x.
        log_probs = -np.logaddexp(0, np.where(actions, -parameters, parameters))
        return actions, log_probs.sum(1, dtype=np.float32)

    def best(self, parameters: Array) -> Array:
        best: Array = (parameters > 0).astype(np.int64)
        return best

    def to_env(self, actions: Array) -> Array:
        return actions.reshape(len(actions), *self.space.shape).astype(self.space.dtype)

    def best_for_env(self, parameters: Any) -> Any:
        return tf.reshape(tf.cast(parameters > 0, tf.int64), (-1, *self.space.shape))

    def log_prob_and_entropy(self, parameters: Any, log_std: Any, actions: Any) -> tuple[Any, Any]:
        chosen = tf.where(actions == 1, parameters, -parameters)
        entropy = tf.math.softplus(-parameters) + parameters * tf.sigmoid(-parameters)
        return tf.reduce_sum(tf.math.log_sigmoid(chosen), 1), tf.reduce_sum(entropy, 1)


class Gaussian(Policy):
    """A diagonal Gaussian over actions scaled to [-1, 1], parameterized by means.

    Actions are scaled to the bounds of the action space and clipped. A dimension without an upper
    or lower bound is not scaled.
    """

    gaussian = True

    def __init__(self, space: gymnasium.spaces.Box) -> None:
        self.space = space
        self.outputs, self.dtype = int(np.prod(space.shape)), np.float32
        self.shape: tuple[int, ...] = (self.outputs,)
        low, high = space.low.astype(np.float64), space.high.astype(np.float64)
        below, above = low > -UNBOUNDED, high < UNBOUNDED
        both = below & above
        with np.errstate(over="ignore", invalid="ignore"):
            middle = np.where(both, low / 2 + high / 2, np.where(below, low + 1, high - 1))
            self.center = np.where(below | above, middle, 0).astype(space.dtype)
            self.half_width = np.where(both, high / 2 - low / 2, 1).astype(space.dtype)

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
        scaled = self.center + self.half_width * shaped
        return np.asarray(np.clip(scaled, self.space.low, self.space.high))

    def best_for_env(self, parameters: Any) -> Any:
        shaped = tf.cast(tf.reshape(parameters, (-1, *self.space.shape)), self.space.dtype)
        scaled = self.center + self.half_width * shaped
        return tf.clip_by_value(scaled, self.space.low, self.space.high)

    def log_prob_and_entropy(self, parameters: Any, log_std: Any, actions: Any) -> tuple[Any, Any]:
        noise = (actions - parameters) / tf.exp(log_std)
        entropy = tf.reduce_sum(log_std + 0.5 + HALF_LOG_2PI) * tf.ones(tf.shape(parameters)[0])
        return tf.reduce_sum(-0.5 * noise**2 - log_std - HALF_LOG_2PI, 1), entropy


def masked(logits: Array, mask: Array | None) -> Array:
    """Return logits ``[n, outputs]`` with those of forbidden actions replaced.

    Args:
        logits: the logits of actions, or their Q-values.
        mask: bool ``[n, outputs]``, true for allowed actions; ``None`` if all are.
    """
    return logits if mask is None else np.where(mask, logits, FORBIDDEN)


def masked_tensor(logits: Any, mask: Any) -> Any:
    """Return what ``masked`` returns, for tensors."""
    return logits if mask is None else tf.where(mask, logits, FORBIDDEN)


def make_policy(space: gymnasium.Space[Any]) -> Policy:
    """Return the distribution for an action space.

    Raises:
        InvalidArgument: for a space other than Discrete, MultiDiscrete, MultiBinary or a Box of
            floats.
    """
    if isinstance(space, gymnasium.spaces.Discrete):
        return Softmax(space)
    if isinstance(space, gymnasium.spaces.MultiDiscrete):
        return MultiSoftmax(space)
    if isinstance(space, gymnasium.spaces.MultiBinary):
        return Bernoulli(space)
    if isinstance(space, gymnasium.spaces.Box) and np.issubdtype(space.dtype, np.floating):
        return Gaussian(space)
    raise InvalidArgument(
        f"the action space must be Discrete, MultiDiscrete, MultiBinary or a Box of floats, not "
        f"{space}"
    )
