"""Minibatches of replayed transitions for the loss of a Q-network."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from agentlab.agents.encoding import Encoding
from agentlab.agents.normalizers import ReturnNormalizer
from agentlab.lazy import tf
from agentlab.replay import Batch


class QMinibatch(NamedTuple):
    """Transitions to learn from: arrays or tensors ``[b, ...]``; ``()`` for unused fields.

    Attributes:
        observations: as the replay buffer stores them; see ``Encoding.stored``.
        actions: indices of actions, from 0, int32 ``[b]``.
        returns: sums of ``n_step`` rewards, ``[b]``.
        next_observations: the observations to bootstrap from.
        discounts: discount factors of the bootstrapped values, ``[b]``; 0 after termination.
        weights: importance weights of the losses, ``[b]``.
        next_mask: the actions allowed next, bool ``[b, actions]``, where there are action masks.
        next_outputs: the target network's outputs for ``next_observations``,
            ``[b, actions, n_outputs]``, unless they depend on a seed.
        seed: seed of the networks' noise or fractions, int32 ``[2]``.
    """

    observations: Any
    actions: Any
    returns: Any
    next_observations: Any
    discounts: Any
    weights: Any
    next_mask: Any = ()
    next_outputs: Any = ()
    seed: Any = ()


class QMinibatches:
    """Builds minibatches from sampled transitions.

    Args:
        encoding: the encoding of observations.
        return_normalizer: divides the returns.
        first_action: the smallest action of the environment.
        outputs: actions and outputs per action of the network.
        batch_size: transitions per minibatch.
        stochastic: whether the network's outputs depend on a seed.
    """

    def __init__(
        self,
        encoding: Encoding,
        return_normalizer: ReturnNormalizer,
        first_action: int,
        outputs: tuple[int, int],
        batch_size: int,
        stochastic: bool,
    ) -> None:
        self.encoding, self.return_normalizer = encoding, return_normalizer
        self.first_action, self.outputs = first_action, outputs
        self.batch_size, self.stochastic = batch_size, stochastic

    def __call__(self, sampled: Batch, updates: int) -> QMinibatch:
        """Return sampled transitions as minibatches, arrays ``[updates, b, ...]``."""
        encoding = self.encoding
        fields = [
            encoding.stored(sampled.observations),
            sampled.actions.astype(np.int32) - self.first_action,
            self.return_normalizer(sampled.returns, math.inf),
            encoding.stored(sampled.next_observations),
            sampled.discounts,
            sampled.weights,
        ]
        if encoding.masks:
            fields.append(encoding.mask(sampled.next_observations, acting=False))
        leading = (updates, self.batch_size)
        return QMinibatch(*(field.reshape(*leading, *field.shape[1:]) for field in fields))

    def spec(self) -> QMinibatch:
        """Return the TensorSpecs of minibatches, ``[updates, b, ...]``."""
        leading, (actions, n_outputs) = (None, self.batch_size), self.outputs
        inputs, floats = self.encoding.stored_spec(*leading), tf.TensorSpec(leading, tf.float32)
        mask = tf.TensorSpec((*leading, actions), tf.bool)
        return QMinibatch(
            observations=inputs,
            actions=tf.TensorSpec(leading, tf.int32),
            returns=floats,
            next_observations=inputs,
            discounts=floats,
            weights=floats,
            next_mask=mask if self.encoding.masks else (),
            next_outputs=() if self.stochastic else tf.TensorSpec((*leading, actions, n_outputs)),
            seed=tf.TensorSpec((None, 2), tf.int32),
        )
