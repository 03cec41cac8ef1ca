"""What SAC, TD3 and DDPG share: options, replayed minibatches, and the compiled loop over them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from agentlab.agents.agent import Agent
from agentlab.agents.bounded_actions import BoundedActions
from agentlab.agents.encoding import Encoding
from agentlab.agents.network_options import NetworkOptions
from agentlab.agents.noise import NoiseOptions
from agentlab.agents.replay_options import ReplayOptions
from agentlab.agents.soft_policies import IndexedActions
from agentlab.config import option, override
from agentlab.envs.parts import mask_size
from agentlab.envs.vector import Step
from agentlab.lazy import tf
from agentlab.replay import ReplayBuffer
from agentlab.training.compiled import Compiled
from agentlab.training.optimizers import OptimizerOptions
from agentlab.training.update import stacked_spec


@dataclass(frozen=True)
class OffPolicyOptions(NetworkOptions, ReplayOptions, NoiseOptions, OptimizerOptions):
    """Options of the actor-critic algorithms that learn from a replay buffer."""

    hidden: tuple[int, ...] = override(NetworkOptions, "hidden", (256, 256))
    activation: str = override(NetworkOptions, "activation", "relu")
    gamma: float = option(0.99, "discount factor", ge=0, le=1)
    tau: float = option(
        0.005, "weight of the networks in a soft (Polyak) update of the target networks", gt=0, le=1
    )
    train_freq: int = option(1, "steps between updates", gt=0)
    gradient_steps: int = option(1, "minibatches per update", gt=0)
    batch_size: int = override(ReplayOptions, "batch_size", 256)
    buffer_size: int = override(ReplayOptions, "buffer_size", 1_000_000)
    overlap: bool = option(True, "learn in the background, acting with weights one update old")


class Minibatch(NamedTuple):
    """Transitions to learn from: arrays or tensors ``[b, ...]``.

    Attributes:
        observations: as the replay buffer stores them; see ``Encoding.stored``.
        actions: in [-1, 1], float32 ``[b, size]``; indices of discrete actions, int32 ``[b]``.
        returns: sums of ``n_step`` rewards, ``[b]``.
        next_observations: the observations to bootstrap from.
        discounts: factors of the bootstrapped values, ``[b]``; 0 where the episode terminated.
        noise: arrays of standard normal numbers, ``[b, size]`` each.
        seed: seed for dropout, int32 ``[2]``; ``()`` without dropout.
        mask, next_mask: the actions allowed in the current and next observations, bool
            ``[b, actions]``; ``()`` without action masks.
    """

    observations: Any
    actions: Any
    returns: Any
    next_observations: Any
    discounts: Any
    noise: tuple[Any, ...] = ()
    seed: Any = ()
    mask: Any = ()
    next_mask: Any = ()


class Experience:
    """An agent's replay buffer, and when and how minibatches are sampled from it.

    Attributes:
        steps: environment steps so far.

    Args:
        agent: the agent; its configuration contains ``OffPolicyOptions``.
        encoding: the encoding of its observations.
        actions: converts its actions to those of ``Minibatch``.
        noises: number of arrays in ``Minibatch.noise``.
        seeded: whether minibatches have a seed.
    """

    def __init__(
        self,
        agent: Agent,
        encoding: Encoding,
        actions: BoundedActions | IndexedActions,
        noises: int,
        seeded: bool = False,
    ) -> None:
        self.agent, self.encoding, self.actions, self.noises = agent, encoding, actions, noises
        self.seeded = seeded
        self.config: OffPolicyOptions = agent.config
        self.return_normalizer = self.config.make_return_normalizer(agent, self.config.gamma)
        self.steps = 0

    @property
    def learning(self) -> bool:
        """Whether the random steps before learning are over."""
        return self.steps >= self.config.learning_starts

    @cached_property
    def replay(self) -> ReplayBuffer:
        """The replay buffer, allocated at the first step, since acting does not need it."""
        agent = self.agent
        spaces = (agent.observation_space, agent.action_space)
        buffer = self.config.make_buffer(*spaces, agent.num_envs, self.config.gamma)
        return agent.read_left("replay", buffer)

    def add(self, step: Step) -> int:
        """Store a step, and return how many minibatches are due."""
        before, config = self.steps, self.config
        self.encoding.observe(step.observations, step.next_observations)
        self.return_normalizer.observe(step.rewards, step.terminated | step.truncated)
        self.replay.add(step)
        self.steps += len(step.rewards)
        if not self.learning or not len(self.replay):
            return 0
        due = self.steps // config.train_freq - before // config.train_freq
        return due * config.gradient_steps

    def observe(
        self, step: Step, learn: Callable[[Minibatch], Any], optimizers: Sequence[Any]
    ) -> dict[str, float] | None:
        """Store a step, and run ``learn`` in the background if an update is due.

        Args:
            step: the step of all environments.
            learn: updates on minibatches, and returns metrics.
            optimizers: those whose learning rates decay.

        Returns:
            The metrics of the last update that was finished, if there are any.
        """
        updates = self.add(step)
        if not updates:
            return None
        batches = self.sample(updates)  # while the previous update may be running
        metrics = self.agent.finish_update()
        for optimizer in optimizers:
            self.config.decay(optimizer, self.steps)
        self.agent.background.start(learn, batches)
        return metrics if self.config.overlap else self.agent.finish_update()

    def sample(self, updates: int) -> Minibatch:
        """Sample minibatches, arrays ``[updates, b, ...]``."""
        config, rng = self.config, self.agent.rng
        drawn = self.replay.sample(updates * config.batch_size, rng)
        fields: Any = (
            self.encoding.stored(drawn.observations),
            self.actions.from_env(drawn.actions),
            self.return_normalizer(drawn.returns, math.inf),
            self.encoding.stored(drawn.next_observations),
            drawn.discounts,
        )
        leading = (updates, config.batch_size)
        noise = rng.standard_normal((self.noises, *leading, self.actions.size), "float32")
        masks: list[Any] = []
        if self.encoding.masks:
            both = (drawn.observations, drawn.next_observations)
            masks = [self.encoding.mask(observations, acting=False) for observations in both]
        reshaped, masks = (
            [field.reshape(*leading, *field.shape[1:]) for field in group]
            for group in (fields, masks)
        )
        seeds: Any = rng.integers(2**30, size=(updates, 2), dtype=np.int32) if self.seeded else ()
        return Minibatch._make([*reshaped, tuple(noise), seeds, *(masks or ((), ()))])

    def spec(self) -> Minibatch:
        """Return the TensorSpecs of one minibatch."""
        batch = self.config.batch_size
        observations, scalars = self.encoding.stored_spec(batch), tf.TensorSpec((batch,))
        actions = tf.TensorSpec((batch, *self.actions.shape), self.actions.dtype)
        noise = (tf.TensorSpec((batch, self.actions.size)),) * self.noises
        seeds = tf.TensorSpec((2,), tf.int32) if self.seeded else ()
        masks: list[Any] = []
        if self.encoding.masks:
            masks = [tf.TensorSpec((batch, mask_size(self.agent.action_space)), tf.bool)] * 2
        return Minibatch(
            observations, actions, scalars, observations, scalars, noise, seeds, *masks
        )

    def cut(self, envs: Any) -> None:
        """Truncate the unfinished episodes of some environments; bool ``[num_envs]``."""
        if self.steps:
            self.replay.cut(envs)

    def components(self) -> dict[str, Any]:
        """Return the components that the agent saves."""
        normalizers = self.encoding.components() | self.return_normalizer.components()
        parts = {"experience": self, **normalizers}
        return {**parts, "replay": self.replay} if self.steps else parts

    def state(self) -> dict[str, Any]:
        """Return the number of steps; the replay buffer is a component of its own."""
        return {"steps": self.steps}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""
        self.steps = int(state["steps"])


def per_policy_update(metrics: dict[str, float], names: Sequence[str]) -> dict[str, float]:
    """Return metrics in which those of the policy are means over its own updates only.

    Args:
        metrics: means over all updates, 0 where the policy was not updated; ``policy_updates`` is
            the fraction in which it was.
        names: the metrics of the policy; left out if it was never updated.
    """
    fraction = metrics.pop("policy_updates")
    policy = {name: metrics.pop(name) for name in names}
    return metrics | {name: mean / fraction for name, mean in policy.items() if fraction}


def make_learn(update: Callable[[Minibatch], Any], metrics: int, spec: Minibatch, xla: bool) -> Any:
    """Return a compiled function that updates on each of several minibatches in turn.

    Args:
        update: updates on a minibatch and returns metrics, a tensor ``[metrics]``.
        metrics: the number of metrics.
        spec: TensorSpecs of a minibatch.
        xla: compile with XLA.

    Returns:
        A function from minibatches ``[updates, b, ...]`` to the means of the metrics.
    """

    def learn(batches: Minibatch) -> Any:
        updates, total = tf.shape(batches.returns)[0], tf.zeros(metrics)
        for i in tf.range(updates):
            total += update(tf.nest.map_structure(lambda field, i=i: field[i], batches))
        return total / tf.cast(updates, tf.float32)

    return Compiled(learn, stacked_spec(None, spec), xla)
