"""The policies of SAC: a squashed Gaussian for continuous actions, a softmax for discrete ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.agents.bounded_actions import (
    BoundedActions,
    sample_squashed,
    split_outputs,
    squashed_gaussian,
    uniform,
)
from agentlab.agents.exploration import random_actions
from agentlab.agents.noise import ActionNoise, NoiseType
from agentlab.agents.policies import Softmax, masked, masked_tensor
from agentlab.agents.space_checks import require_continuous
from agentlab.agents.state_dependent_noise import StateDependentNoise
from agentlab.envs.vector import Array
from agentlab.lazy import tf

Critics = Callable[[Any], Any]  # from actions to Q-values, both tensors
Mask = npt.NDArray[np.bool_] | None
TARGET_ENTROPY = 0.98  # fraction of the maximum entropy (Christodoulou 2019, section 4)


class SoftPolicy(Protocol):
    """The parts of SAC that depend on the action space.

    Attributes:
        outputs: number of outputs of the policy's network.
        actions: converts actions to and from those of the environments.
        noises: number of arrays of standard normal noise per minibatch.
        target_entropy: default of the option ``target_entropy``.
        components: objects to save in checkpoints, by name.
    """

    outputs: int
    actions: Any
    noises: int
    target_entropy: float
    components: dict[str, Any]

    def explore(
        self, actor: Any, inputs: Array, mask: Mask, learning: bool, rng: np.random.Generator
    ) -> Array:
        """Sample actions for the environments, uniformly before learning starts.

        Args:
            actor: the actor of the policy's network.
            inputs: encoded observations, ``[n, ...]``.
            mask: allowed actions, bool ``[n, actions]``, or ``None``.
            learning: whether learning has started.
            rng: random number generator.
        """

    def best(self, outputs: Array, mask: Mask) -> Array:
        """Return the greedy actions for the environments."""

    def best_tensor(self, outputs: Any, mask: Any) -> Any:
        """Return the greedy actions as a tensor."""

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:
        """Reset the noise of environments in which an episode starts."""

    def evaluate(self, critics: Critics, outputs: Any, noise: Any, mask: Any) -> tuple[Any, Any]:
        """Return the critics' outputs and the log-probabilities ``[b]`` under the policy.

        Args:
            critics: the critics in the states of ``outputs``.
            outputs: the network's outputs, ``[b, outputs]``.
            noise: standard normal numbers, ``[b, size]``, or ``None`` if ``noises`` is 0.
            mask: allowed actions, bool ``[b, actions]``, or ``None``.
        """

    def taken(self, critics: Critics, actions: Any) -> Any:
        """Return the critics' outputs for the actions of a minibatch."""


class GaussianPolicy(SoftPolicy):
    """A Gaussian squashed by tanh; actions are sampled, and the critics evaluated at them.

    Args:
        space: the action space.
        algo: name of the algorithm, for messages.
        noise_type: the kind of exploration noise.
    """

    noises = 2

    def __init__(self, space: gymnasium.Space[Any], algo: str, noise_type: NoiseType) -> None:
        self.actions = BoundedActions(space, algo)
        self.outputs = 2 * self.actions.size
        self.target_entropy = -float(self.actions.size)
        self.noise = ActionNoise(noise_type, self.actions.size)
        self.components: dict[str, Any] = {"noise": self.noise}

    def explore(
        self, actor: Any, inputs: Array, mask: Mask, learning: bool, rng: np.random.Generator
    ) -> Array:
        outputs = actor(inputs)
        noise = self.noise(len(outputs), rng)
        return self.actions.to_env(sample_squashed(outputs, noise) if learning else uniform(noise))

    def best(self, outputs: Array, mask: Mask) -> Array:
        return self.actions.to_env(np.tanh(split_outputs(outputs)[0]))

    def best_tensor(self, outputs: Any, mask: Any) -> Any:
        return self.actions.to_env_tensor(tf.tanh(split_outputs(outputs)[0]))

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:
        self.noise.reset(episode_starts)

    def evaluate(self, critics: Critics, outputs: Any, noise: Any, mask: Any) -> tuple[Any, Any]:
        actions, log_probs = squashed_gaussian(outputs, noise)
        return critics(actions), log_probs

    def taken(self, critics: Critics, actions: Any) -> Any:
        return critics(actions)


class SDEPolicy(GaussianPolicy):
    """A squashed Gaussian that explores with noise that is a function of the state (gSDE).

    Args:
        space: the action space.
        algo: name of the algorithm, for messages.
        sample_freq: steps after which a new function is sampled; -1 for one per episode.
    """

    def __init__(self, space: gymnasium.Space[Any], algo: str, sample_freq: int) -> None:
        super().__init__(space, algo, "normal")
        self.matrices = StateDependentNoise(sample_freq)
        self.components = {"noise": self.matrices}

    def explore(
        self, actor: Any, inputs: Array, mask: Mask, learning: bool, rng: np.random.Generator
    ) -> Array:
        if not learning:
            return super().explore(actor, inputs, mask, learning, rng)
        means, _ = split_outputs(actor(inputs))
        noise = self.matrices(actor.features, actor.deviations, rng)
        return self.actions.to_env(np.tanh(means + noise))

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:
        self.matrices.reset(episode_starts)


class SoftmaxPolicy(SoftPolicy):
    """A softmax over discrete actions (Christodoulou 2019, "SAC for Discrete Action Settings").

    Each critic has an output per action, so that expectations over actions are exact.

    Args:
        space: the action space.
    """

    noises = 0
    target_entropy: float

    def __init__(self, space: gymnasium.spaces.Discrete) -> None:
        self.actions, self.softmax = IndexedActions(space), Softmax(space)
        self.outputs = int(space.n)
        self.target_entropy = TARGET_ENTROPY * math.log(self.outputs)
        self.components: dict[str, Any] = {}

    def explore(
        self, actor: Any, inputs: Array, mask: Mask, learning: bool, rng: np.random.Generator
    ) -> Array:
        outputs = actor(inputs)
        if learning:
            chosen, _ = self.softmax.sample(masked(outputs, mask), None, rng)
        else:
            chosen = random_actions(len(outputs), self.outputs, mask, rng)
        return self.softmax.to_env(chosen)

    def best(self, outputs: Array, mask: Mask) -> Array:
        return self.softmax.to_env(self.softmax.best(masked(outputs, mask)))

    def best_tensor(self, outputs: Any, mask: Any) -> Any:
        return self.softmax.best_for_env(masked_tensor(outputs, mask))

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:
        """Do nothing: the samples of different steps are independent."""

    def evaluate(self, critics: Critics, outputs: Any, noise: Any, mask: Any) -> tuple[Any, Any]:
        """Return ``E[min Q]``, ``[1, b]``, and ``E[log pi]``, ``[b]`` (equations 10 and 12)."""
        log_probs = tf.nn.log_softmax(masked_tensor(outputs, mask))  # [b, actions]
        probs = tf.exp(log_probs)
        smallest = tf.reduce_min(self._all(critics, tf.shape(outputs)[0]), 0)  # [b, actions]
        return tf.reduce_sum(probs * smallest, 1)[None], tf.reduce_sum(probs * log_probs, 1)

    def taken(self, critics: Critics, actions: Any) -> Any:
        """Return the Q-values of actions ``[b]``, ``[critics, b]``."""
        q = self._all(critics, tf.shape(actions)[0])
        return tf.reduce_sum(q * tf.one_hot(actions, self.outputs), 2)

    def _all(self, critics: Critics, batch: Any) -> Any:
        """Return the Q-values of all actions, ``[critics, b, actions]``."""
        return critics(tf.zeros((batch, 0)))


class IndexedActions:
    """Discrete actions as indices from 0, with the interface of ``BoundedActions``."""

    size, shape, dtype = 0, (), "int32"

    def __init__(self, space: gymnasium.spaces.Discrete) -> None:
        self._start = int(space.start)

    def from_env(self, actions: Array) -> npt.NDArray[np.int32]:
        """Return the environment's actions as indices from 0, int32 ``[n]``."""
        return (actions - self._start).astype(np.int32)


def make_soft_policy(space: gymnasium.Space[Any], algo: str, config: Any) -> SoftPolicy:
    """Return SAC's policy for an action space.

    Args:
        space: the action space.
        algo: name of the algorithm, for messages.
        config: a ``SACConfig``.

    Raises:
        InvalidArgument: for options that need continuous actions.
    """
    if isinstance(space, gymnasium.spaces.Discrete):
        defaults = {"noise_type": "normal", "n_quantiles": 1, "use_sde": False, "crossq": False}
        for name, default in defaults.items():
            require_continuous(name, getattr(config, name), default, space)
        return SoftmaxPolicy(space)
    if config.use_sde:
        return SDEPolicy(space, algo, config.sde_sample_freq)
    return GaussianPolicy(space, algo, config.noise_type)
