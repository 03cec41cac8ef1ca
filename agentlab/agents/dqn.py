"""Deep Q-networks: DQN, and the extensions that Rainbow combines, each behind its own flag."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, cast

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.agents.acting.specifications import make_q_actor
from agentlab.agents.agent import Agent
from agentlab.agents.combined_torso import uses_xla
from agentlab.agents.encoders import ENCODED_SPACES
from agentlab.agents.encoding import Encoding
from agentlab.agents.exploration import EpsilonGreedy, random_actions
from agentlab.agents.inference import q_model
from agentlab.agents.network import make_q_network
from agentlab.agents.network_options import QNetworkOptions, set_up_tensorflow
from agentlab.agents.policies import masked, masked_tensor
from agentlab.agents.q_minibatches import QMinibatch, QMinibatches
from agentlab.agents.replay_options import PrioritizedReplayOptions
from agentlab.agents.value_distribution import DistributionOptions
from agentlab.components import State
from agentlab.config import option, override
from agentlab.envs.vector import Array, Step
from agentlab.lazy import LazyModule, tf
from agentlab.replay import Batch, ReplayBuffer
from agentlab.training.background import BackgroundLearner
from agentlab.training.optimizers import OptimizerOptions
from agentlab.training.update import Loss, last_minibatch, make_update

copies: Any = LazyModule("agentlab.agents.acting.copies")


@dataclass(frozen=True)
class DQNConfig(
    QNetworkOptions, DistributionOptions, PrioritizedReplayOptions, EpsilonGreedy, OptimizerOptions
):
    """Hyperparameters of ``dqn``; the defaults suit small control tasks."""

    gamma: float = option(0.99, "discount factor", ge=0, le=1)
    double: bool = option(False, "choose the next action with the online network (double DQN)")
    train_freq: int = option(4, "steps between updates", gt=0)
    gradient_steps: int = option(1, "minibatches per update", gt=0)
    target_update_interval: int = option(1_000, "steps between target network updates", gt=0)
    tau: float = option(1.0, "fraction of online weights in a target update", ge=0, le=1)
    eval_epsilon: float = option(0.0, "probability of a random action in evaluation", ge=0, le=1)
    max_grad_norm: float | None = override(OptimizerOptions, "max_grad_norm", 10.0)
    overlap: bool = option(True, "learn in the background, acting with weights one update old")


class DQN(Agent):
    """Q-learning with a network, a replay buffer and a target network (Mnih et al. 2015).

    All minibatches due after a step run in one compiled call, in the background.
    """

    name = "dqn"
    Config: ClassVar[type] = DQNConfig
    config: DQNConfig
    observation_spaces = ENCODED_SPACES
    action_spaces = (gymnasium.spaces.Discrete,)

    def build(self) -> None:
        config, space = self.config, cast(gymnasium.spaces.Discrete, self.action_space)
        set_up_tensorflow(config)
        self.encoding = Encoding(self.observation_space, config.normalize_observations)
        self.return_normalizer = config.make_return_normalizer(self, config.gamma)
        xla = uses_xla(config, self.encoding)
        self.distribution = config.make_distribution()
        self.first_action, self.n_actions = int(space.start), int(space.n)
        shape = (self.n_actions, self.distribution.n_outputs)
        self.net = make_q_network(
            config, self.encoding, *shape, self.seed, self.distribution.cosines
        )
        self.stochastic = config.noisy or self.distribution.cosines > 0
        self.minibatches = QMinibatches(
            self.encoding,
            self.return_normalizer,
            self.first_action,
            shape,
            config.batch_size,
            self.stochastic,
        )
        self.target_net = copies.clone(self.net)
        self.update_target = copies.make_target_update(self.target_net, self.net)
        self._target_outputs = copies.over_minibatches(
            lambda observations: self._outputs(self.target_net, observations, None),
            self.encoding.stored_spec(None, config.batch_size),
            xla,
        )
        self.optimizer = config.make_optimizer()
        self.update = make_update(
            self.loss,
            ("loss", "q_values"),
            self.net.trainable_variables,
            self.optimizer,
            spec=self.minibatches.spec(),
            max_grad_norm=config.max_grad_norm,
            xla=xla,
        )
        self.actor = make_q_actor(self.net, self.encoding)
        self.background = BackgroundLearner(self.name)
        self.steps = self.last_target_update = 0
        self.errors: Any = np.zeros(0)  # of the last minibatches, and where these were sampled
        self.sampled: Any = np.zeros(0, int)

    # Acting

    def act(self, observations: Array, explore: bool = True) -> Array:
        n = len(observations)
        epsilon = self.epsilon if explore else self.config.eval_epsilon
        mask = self.encoding.mask(observations)
        random = self.rng.random(n) < epsilon
        actions = random_actions(n, self.n_actions, mask, self.rng) if epsilon else np.zeros(n, int)
        if not random.all():
            outputs = self.actor(self.encoding(observations), self.rng if explore else None)
            q_values = masked(self.distribution.expected_values(outputs), mask)  # [n, actions]
            actions = np.where(random, actions, q_values.argmax(axis=1))
        return actions + self.first_action

    @property
    def epsilon(self) -> float:
        """The current probability of a random action."""
        if self.steps < self.config.learning_starts:
            return 1.0
        return 0.0 if self.config.noisy else self.config.epsilon_at(self.steps)

    # Learning

    def observe(self, step: Step) -> dict[str, float] | None:
        config, before = self.config, self.steps
        self.encoding.observe(step.observations, step.next_observations)
        self.return_normalizer.observe(step.rewards, step.terminated | step.truncated)
        self.replay.add(step)
        self.steps += self.num_envs
        due = self.steps // config.train_freq - before // config.train_freq
        if not due or self.steps < config.learning_starts or not len(self.replay):
            return None
        updates = due * config.gradient_steps
        # The previous update may still be running, so this sample does not use its priorities yet.
        # The target network is evaluated in the meantime, unless it is about to be updated.
        beta = config.beta_at(self.steps)
        sampled = self.replay.sample(updates * config.batch_size, self.rng, beta)
        batches = self.minibatches(sampled, updates)
        interval = config.target_update_interval
        target_updates = self.steps // interval - self.last_target_update // interval
        if not target_updates:
            batches = self._precompute_targets(batches)
        metrics = self.finish_update()
        if target_updates:
            self.update_target(np.float32(1 - (1 - config.tau) ** target_updates))
            batches = self._precompute_targets(batches)
        config.decay(self.optimizer, self.steps)
        self.last_target_update = self.steps
        seed = self.rng.integers(2**31, size=2, dtype=np.int32)
        seeds = seed + np.array([0, 1000], np.int32) * np.arange(updates, dtype=np.int32)[:, None]
        self.background.start(self._learn, batches._replace(seed=seeds), sampled)
        metrics = metrics if config.overlap else self.finish_update()
        return {**metrics, "epsilon": self.epsilon} if metrics else None

    def loss(self, batch: QMinibatch) -> Loss:
        """Return the loss of a minibatch, in the form that ``make_update`` expects."""
        net, next_observations, seed = self.net, batch.next_observations, batch.seed
        outputs = self._outputs(net, batch.observations, seed)  # [b, actions, n_outputs]
        current = tf.gather(outputs, batch.actions, batch_dims=1)  # [b, n_outputs]
        next_outputs = batch.next_outputs  # [b, actions, n_outputs]
        if self.stochastic:
            next_outputs = self._outputs(self.target_net, next_observations, seed + [1, 0])
        choosing = next_outputs
        if self.config.double:
            choosing = self._outputs(net, next_observations, seed + [2, 0])
        next_mask = batch.next_mask if self.encoding.masks else None
        next_q_values = masked_tensor(self.distribution.means(choosing), next_mask)
        next_actions = tf.argmax(next_q_values, axis=1)  # [b]
        following = tf.stop_gradient(tf.gather(next_outputs, next_actions, batch_dims=1))
        fractions = net.fractions(self.config.batch_size, seed) if net.cosines else None
        losses, errors = self.distribution.loss(
            current, following, batch.returns, batch.discounts, fractions
        )  # [b]
        loss = tf.reduce_mean(batch.weights * losses)
        q_values = tf.reduce_mean(self.distribution.means(current))
        return Loss(loss, {"loss": loss, "q_values": q_values}, errors)

    def _learn(self, batches: QMinibatch, sampled: Batch) -> dict[str, float]:
        """Update on all minibatches; runs in the background."""
        start = time.perf_counter()
        metrics, errors = self.update(batches)
        self.errors, self.sampled = errors.numpy().ravel(), sampled.indices
        self.last_batch = last_minibatch(batches)
        return {**metrics, "time/learn": time.perf_counter() - start}

    def finish_update(self) -> dict[str, float] | None:
        metrics = super().finish_update()
        if metrics is not None and self.config.prioritized:
            priorities = np.maximum(self.errors, 0) + 1e-6
            if np.isfinite(priorities).all():  # otherwise the loop stops at the loss
                self.replay.update_priorities(self.sampled, priorities)
        return metrics

    def _precompute_targets(self, batches: QMinibatch) -> QMinibatch:
        """Evaluate the target network on all minibatches, unless its outputs are random."""
        if self.stochastic:
            return batches
        return batches._replace(next_outputs=self._target_outputs(batches.next_observations))

    def _outputs(self, net: Any, observations: Any, seed: Any) -> Any:
        """Return a network's outputs for stored observations, ``[b, actions, n_outputs]``."""
        inputs = self.encoding.from_stored(observations)
        return net.call(inputs, seed if self.stochastic else None)

    # Saving

    @cached_property
    def replay(self) -> ReplayBuffer:
        """The replay buffer, allocated at the first step, since acting does not need it."""
        spaces = (self.observation_space, self.action_space)
        buffer = self.config.make_buffer(*spaces, self.num_envs, self.config.gamma)
        return self.read_left("replay", buffer)

    def components(self) -> dict[str, Any]:
        parts = {"net": self.net, "target_net": self.target_net, "optimizer": self.optimizer}
        parts |= self.encoding.components() | self.return_normalizer.components()
        return {**parts, "replay": self.replay} if self.steps else parts

    def state(self) -> State:
        state = {**super().state(), "steps": self.steps, "synced": self.last_target_update}
        if self.background.busy and self.config.prioritized:
            state |= {"errors": self.errors, "sampled": self.sampled}
        return state

    def restore(self, state: State) -> None:
        super().restore(state)  # before setting self.steps, so that no buffer is allocated yet
        self.steps, self.last_target_update = state["steps"], state["synced"]
        self.errors, self.sampled = state.get("errors"), state.get("sampled")

    def on_episodes_cut(self, envs: npt.NDArray[np.bool_]) -> None:
        if self.steps:
            self.replay.cut(envs)

    def torsos(self) -> list[Any]:
        return [self.net.torso, self.target_net.torso]

    def inference_model(self) -> Any:
        """Return a Keras model from observations to greedy ``actions`` and ``q_values``."""
        return q_model(self.net, self.encoding, self.distribution, self.first_action)
