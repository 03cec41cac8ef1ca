"""Parallelized Q-network (PQN): Q-learning without a replay buffer or a target network."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.agents.acting.specifications import make_q_actor
from agentlab.agents.agent import Agent, Extras
from agentlab.agents.combined_torso import uses_xla
from agentlab.agents.encoders import ENCODED_SPACES
from agentlab.agents.encoding import Encoding
from agentlab.agents.exploration import EpsilonGreedy, random_actions
from agentlab.agents.inference import q_model
from agentlab.agents.network import make_plain_q_network
from agentlab.agents.network_options import NetworkOptions, set_up_tensorflow
from agentlab.agents.policies import make_policy, masked
from agentlab.agents.rollout import Rollout
from agentlab.agents.rollout_minibatches import RolloutMinibatches
from agentlab.agents.value_distribution import ExpectedValue
from agentlab.components import State
from agentlab.config import option, override
from agentlab.envs.vector import Array, Step
from agentlab.lazy import tf
from agentlab.training.background import BackgroundLearner
from agentlab.training.optimizers import OptimizerOptions
from agentlab.training.update import Loss, last_minibatch, make_update, stacked_spec


@dataclass(frozen=True)
class PQNConfig(NetworkOptions, EpsilonGreedy, OptimizerOptions):
    """Hyperparameters of ``pqn``; the defaults suit small control tasks."""

    hidden: tuple[int, ...] = override(NetworkOptions, "hidden", (128, 128))
    activation: str = override(NetworkOptions, "activation", "relu")
    layer_norm: bool = option(True, "layer normalization in the mlp")
    rollout_length: int = option(32, "steps per environment between updates", gt=0)
    gamma: float = option(0.99, "discount factor", ge=0, le=1)
    q_lambda: float = option(
        0.9, "lambda of the returns: 0 for one-step targets, 1 for Monte Carlo returns", ge=0, le=1
    )
    n_epochs: int = option(4, "passes over each rollout", gt=0)
    n_minibatches: int = option(4, "minibatches per pass", gt=0)
    epsilon_steps: int = override(EpsilonGreedy, "epsilon_steps", 50_000)
    eval_epsilon: float = option(0.0, "probability of a random action in evaluation", ge=0, le=1)
    max_grad_norm: float | None = override(OptimizerOptions, "max_grad_norm", 10.0)
    overlap: bool = option(
        False, "learn in the background, acting with weights that are one rollout old"
    )


class PQN(Agent):
    """Q-learning with lambda-returns in many environments (Gallici et al. 2024, algorithm 1).

    "Simplifying Deep Temporal Difference Learning": layer normalization makes learning stable
    without a target network, and many environments replace the replay buffer.
    """

    name = "pqn"
    Config: ClassVar[type] = PQNConfig
    config: PQNConfig
    observation_spaces = ENCODED_SPACES
    action_spaces = (gymnasium.spaces.Discrete,)

    def build(self) -> None:
        config, space = self.config, cast(gymnasium.spaces.Discrete, self.action_space)
        set_up_tensorflow(config)
        self.encoding = Encoding(self.observation_space, config.normalize_observations)
        self.return_normalizer = config.make_return_normalizer(self, config.gamma)
        self.first_action, self.n_actions = int(space.start), int(space.n)
        self.net = make_plain_q_network(
            config, self.encoding, self.n_actions, self.seed, config.layer_norm
        )
        self.optimizer = config.make_optimizer()
        sizes = (self.num_envs, config.rollout_length, config.n_minibatches)
        self.minibatches = RolloutMinibatches(
            self.encoding, make_policy(space), sizes, sparse=False, initial_state=None
        )
        size = self.minibatches.size
        spec = (
            self.encoding.spec(size, False),
            tf.TensorSpec((size,), tf.int64),
            tf.TensorSpec((size,), tf.float32),
        )
        self.update = make_update(
            self.loss,
            ("loss", "q_values"),
            self.net.trainable_variables,
            self.optimizer,
            spec=stacked_spec(config.n_minibatches, spec),
            epochs=config.n_epochs,
            max_grad_norm=config.max_grad_norm,
            xla=uses_xla(config, self.encoding),
        )
        self.actor = make_q_actor(self.net, self.encoding)
        self.background = BackgroundLearner(self.name)
        self.rollout, self.steps = Rollout(config.rollout_length), 0

    # Acting

    def act(self, observations: Array, explore: bool = True) -> Array | tuple[Array, Extras]:
        inputs, mask = self.encoding(observations), self.encoding.mask(observations)
        q_values = masked(self.actor(inputs)[..., 0], mask)  # [n, actions]
        actions: Array = q_values.argmax(1)
        epsilon = self.epsilon_at(explore)
        if epsilon:
            random = self.rng.random(len(actions)) < epsilon
            drawn = random_actions(len(actions), self.n_actions, mask, self.rng)
            actions = np.where(random, drawn, actions)
        chosen: Array = actions + self.first_action
        if not explore:
            return chosen
        return chosen, {"inputs": inputs, "actions": actions, "values": q_values.max(1)}

    def epsilon_at(self, explore: bool) -> float:
        """Return the probability of a random action, in training or evaluation."""
        return self.config.epsilon_at(self.steps) if explore else self.config.eval_epsilon

    def values(self, observations: Array) -> npt.NDArray[np.float32]:
        """Return the largest Q-values of observations, ``[n]``."""
        outputs = self.actor(self.encoding(observations))[..., 0]
        mask = self.encoding.mask(observations, acting=False)
        return np.asarray(masked(outputs, mask).max(1), np.float32)

    # Learning

    def observe(self, step: Step) -> dict[str, float] | None:
        self.encoding.observe(step.observations, step.next_observations)
        cut, rollout = step.terminated | step.truncated, self.rollout
        self.return_normalizer.observe(step.rewards, cut)
        final_values = np.zeros(self.num_envs, np.float32)
        if not step.terminated[step.ended].all():  # bootstrap where an episode was truncated
            ended_values = self.values(step.final_observations)
            final_values[step.ended] = np.where(step.terminated[step.ended], 0, ended_values)
        rewards = self.return_normalizer(step.rewards)
        rollout.add(**step.extras, rewards=rewards, final_values=final_values, cut=cut)
        self.steps += self.num_envs
        if not rollout.full:
            return None
        last_values = self.values(step.next_observations)
        metrics = self.finish_update()
        self.config.decay(self.optimizer, self.steps)
        order = self.minibatches.draw(self.rng)
        self.background.start(self._learn, rollout, last_values, order)
        self.rollout = Rollout(self.config.rollout_length)
        metrics = metrics if self.config.overlap else self.finish_update()
        return {**metrics, "epsilon": self.epsilon_at(True)} if metrics else None

    def targets(self, rollout: Rollout, last_values: Array) -> npt.NDArray[np.float32]:
        """Return the lambda-returns of a rollout, float32 ``[length, n]`` (equation 6).

        ``G_t = r_t + gamma ((1 - lambda) max Q(s_{t+1}, a) + lambda G_{t+1})``, which is
        ``max Q(s_t, a)`` plus the generalized advantage estimate of these values.
        """
        config = self.config
        _, returns = rollout.targets(last_values, config.gamma, config.q_lambda)
        return returns

    def loss(self, batch: Any) -> Loss:
        """Return half the mean squared error of the Q-values of the actions taken."""
        inputs, actions, targets = batch
        q_values = tf.gather(self.net.call(inputs)[..., 0], actions, batch_dims=1)  # [b]
        loss = 0.5 * tf.reduce_mean(tf.square(q_values - targets))
        return Loss(loss, {"loss": loss, "q_values": tf.reduce_mean(q_values)})

    def _learn(self, rollout: Rollout, last_values: Array, order: Array) -> dict[str, float]:
        """Update on the rollout with the minibatches ``order``; runs in the background."""
        start, targets = time.perf_counter(), self.targets(rollout, last_values).ravel()
        fields = (rollout.flat("inputs"), rollout.flat("actions"), targets)
        batches = tuple(field[order] for field in fields)
        metrics, _ = self.update(batches)
        self.last_batch = last_minibatch(batches)
        return {**metrics, "time/learn": time.perf_counter() - start}

    # Saving

    def on_episodes_cut(self, envs: npt.NDArray[np.bool_]) -> None:
        self.rollout.cut(envs)

    def components(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"net": self.net, "optimizer": self.optimizer}
        normalizers = self.encoding.components() | self.return_normalizer.components()
        return {**parts, "rollout": self.rollout, **normalizers}

    def state(self) -> State:
        return {**super().state(), "steps": self.steps}

    def restore(self, state: State) -> None:
        super().restore(state)
        self.steps = state["steps"]
        if self.rollout.num_envs not in (0, self.num_envs):  # trained with a different number
            self.rollout = Rollout(self.config.rollout_length)

    def torsos(self) -> list[Any]:
        return [self.net.torso]

    def inference_model(self) -> Any:
        """Return a Keras model from observations to greedy ``actions`` and ``q_values``."""
        return q_model(self.net, self.encoding, ExpectedValue(), self.first_action)
