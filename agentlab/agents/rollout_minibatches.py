"""Minibatches of a rollout for the loss of a policy network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agentlab.agents.encoding import Encoding
from agentlab.agents.policies import Policy
from agentlab.agents.rollout import Rollout
from agentlab.envs.vector import Array
from agentlab.errors import InvalidArgument
from agentlab.lazy import tf
from agentlab.nets.sparse import sparse_rows
from agentlab.training.update import last_minibatch, stacked_spec


class RolloutMinibatch(NamedTuple):
    """Steps to learn from: arrays or tensors ``[b, ...]``.

    Attributes:
        inputs: network inputs; sparse rows if they are sparse. For a recurrent network, sequences
            ``[environments, length, ...]``, initial states and ``episode_starts``.
        actions: sampled actions.
        log_probs: log-probabilities of the actions when they were sampled, ``[b]``.
        advantage: estimates of their advantages, ``[b]``.
        returns: the targets of the value function, ``[b]``.
        mask: the actions that were allowed, bool ``[b, actions]``; ``()`` without action masks.
    """

    inputs: Any
    actions: Any
    log_probs: Any
    advantage: Any
    returns: Any
    mask: Any = ()


class RolloutMinibatches:
    """Splits the steps of a rollout into random minibatches.

    Args:
        encoding: the encoding of observations.
        policy: the distribution of actions.
        sizes: environments, steps per environment and minibatches.
        sparse: whether the network takes sparse rows.
        initial_state: a recurrent network's state in some environments, arrays ``[n, units]``;
            ``None`` for other networks.
    """

    def __init__(
        self,
        encoding: Encoding,
        policy: Policy,
        sizes: tuple[int, int, int],
        sparse: bool,
        initial_state: Callable[[int], Any] | None,
    ) -> None:
        self.encoding, self.policy, self.sparse = encoding, policy, sparse
        self.num_envs, self.length, self.count = sizes
        self.initial_state = initial_state

    @property
    def size(self) -> int:
        """The number of steps per minibatch; a recurrent network needs whole sequences.

        Raises:
            InvalidArgument: if there are fewer steps (or environments) than minibatches.
        """
        num_envs, count, steps = self.num_envs, self.count, self.num_envs * self.length
        if self.initial_state and num_envs < count:
            raise InvalidArgument(
                f"n_minibatches={count} must not exceed the {num_envs} environments, since a "
                "recurrent network is trained on whole sequences"
            )
        if steps < count:
            raise InvalidArgument(
                f"n_minibatches={count} must not exceed the {steps} steps of a rollout in "
                f"{num_envs} environments"
            )
        return num_envs // count * self.length if self.initial_state else steps // count

    def draw(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Assign the steps of a rollout to minibatches at random.

        Returns:
            Indices into ``Rollout.flat``, int64 ``[minibatches, size]``. For a recurrent network,
            the steps of an environment are consecutive.
        """
        size, count = self.size, self.count
        if not self.initial_state:
            return rng.permutation(size * count).reshape(count, -1)
        envs = rng.permutation(self.num_envs)[: size // self.length * count]
        return (envs[:, None] + self.num_envs * np.arange(self.length)).reshape(count, -1)

    def __call__(self, rollout: Rollout, order: Array, advantage: Array, returns: Array) -> Any:
        """Return the minibatches ``order``, in the form of ``spec``."""
        drawn = [rollout.flat("actions"), rollout.flat("log_probs")]
        fields = [*drawn, advantage.ravel(), returns.ravel()]
        if self.encoding.masks:
            fields.append(rollout.flat("masks"))
        if self.sparse:
            inputs = rollout.flat("inputs")
            return [
                RolloutMinibatch(sparse_rows(inputs[rows]), *(field[rows] for field in fields))
                for rows in order
            ]
        if self.initial_state:
            sequences = rollout.sequences(order.reshape(len(order), -1, rollout.length))
            return RolloutMinibatch(sequences, *(field[order] for field in fields))
        return RolloutMinibatch(*(field[order] for field in (rollout.flat("inputs"), *fields)))

    def last(self, batches: Any) -> RolloutMinibatch:
        """Return the last of the minibatches that a call returned."""
        last: RolloutMinibatch = batches[-1] if self.sparse else last_minibatch(batches)
        return last

    def spec(self) -> Any:
        """Return the TensorSpecs of the minibatches: a list if they are sparse."""
        size, policy = self.size, self.policy
        scalars = tf.TensorSpec((size,))
        inputs = self.encoding.spec(size, self.sparse)
        if self.initial_state:
            envs = size // self.length
            state = [tf.TensorSpec(part.shape) for part in self.initial_state(envs)]
            sequences = tf.TensorSpec((envs, self.length, *self.encoding.shape), inputs.dtype)
            inputs = (sequences, state, tf.TensorSpec((envs, self.length), tf.bool))
        spec = RolloutMinibatch(
            inputs=inputs,
            actions=tf.TensorSpec((size, *policy.shape), policy.dtype),
            log_probs=scalars,
            advantage=scalars,
            returns=scalars,
            mask=tf.TensorSpec((size, policy.outputs), tf.bool) if self.encoding.masks else (),
        )
        return [spec] * self.count if self.sparse else stacked_spec(self.count, spec)
