"""Deep deterministic policy gradients."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.agents.acting.headed_actors import make_headed_actor
from agentlab.agents.agent import Agent
from agentlab.agents.bounded_actions import BoundedActions, uniform
from agentlab.agents.combined_torso import uses_xla
from agentlab.agents.encoders import ENCODED_SPACES
from agentlab.agents.encoding import Encoding
from agentlab.agents.inference import actor_model
from agentlab.agents.network import make_actor_network, make_critics
from agentlab.agents.network_options import set_up_tensorflow
from agentlab.agents.noise import ActionNoise
from agentlab.agents.off_policy import (
    Experience,
    Minibatch,
    OffPolicyOptions,
    make_learn,
    per_policy_update,
)
from agentlab.components import State
from agentlab.config import option, override
from agentlab.envs.vector import Array, Step
from agentlab.lazy import LazyModule, tf
from agentlab.training.background import BackgroundLearner
from agentlab.training.histograms import network_histograms
from agentlab.training.update import Loss, last_minibatch, make_update

copies: Any = LazyModule("agentlab.agents.acting.copies")
METRICS = (
    "loss/critic",
    "q_values",
    "grad_norm/critic",
    "loss/policy",
    "grad_norm/policy",
    "policy_updates",  # per update of the critics
)


@dataclass(frozen=True)
class DDPGConfig(OffPolicyOptions):
    """Hyperparameters of ``ddpg``; most defaults are those of Stable-Baselines3."""

    learning_rate: float = override(OffPolicyOptions, "learning_rate", 1e-3)
    noise_std: float = option(
        0.1, "standard deviation of the exploration noise, with actions in [-1, 1]", ge=0
    )


class DDPG(Agent):
    """Trains a deterministic policy to maximize its Q-value (Lillicrap et al. 2016, algorithm 1).

    All minibatches due after a step run in one compiled call, in the background.
    """

    name = "ddpg"
    Config: ClassVar[type] = DDPGConfig
    config: DDPGConfig
    observation_spaces = ENCODED_SPACES
    action_spaces = (gymnasium.spaces.Box,)
    learned = ("critics", "target_critics", "target_net")
    n_critics: ClassVar[int] = 1
    noises: ClassVar[int] = 0  # arrays of standard normal numbers per minibatch

    def build(self) -> None:
        config = self.config
        set_up_tensorflow(config)
        self.encoding = Encoding(self.observation_space, config.normalize_observations)
        xla = uses_xla(config, self.encoding)
        self.bounds = BoundedActions(self.action_space, self.name)
        size = self.bounds.size
        self.net = make_actor_network(config, self.encoding, size, self.seed)
        self.critics = make_critics(config, self.encoding, size, self.n_critics, self.seed)
        self.target_net, self.target_critics = map(copies.clone, (self.net, self.critics))
        self._update_target_net = copies.make_target_update(self.target_net, self.net)
        self._update_target_critics = copies.make_target_update(self.target_critics, self.critics)
        self.noise = ActionNoise(config.noise_type, size)
        self.experience = Experience(self, self.encoding, self.bounds, self.noises)
        self.background = BackgroundLearner(self.name)
        self.actor = make_headed_actor(self.net, self.encoding)

        spec = self.experience.spec()
        self.critic_optimizer, self.policy_optimizer = (config.make_optimizer() for _ in range(2))
        options: dict[str, Any] = {"spec": [spec], "xla": xla}
        options["max_grad_norm"] = config.max_grad_norm
        self.update_critics = make_update(
            self.critic_loss,
            ("loss", "q_values"),
            self.critics.trainable_variables,
            self.critic_optimizer,
            **options,
        )
        self.update = make_update(
            self.policy_loss,
            ("loss",),
            self.net.trainable_variables,
            self.policy_optimizer,
            **options,
        )
        self.learn = make_learn(self._update_on, len(METRICS), spec, xla)

    # Acting

    def act(self, observations: Array, explore: bool = True) -> Array:
        actions = np.tanh(self.actor(self.encoding(observations)))
        if explore:
            noise = self.noise(len(observations), self.rng)
            actions = np.clip(actions + np.float32(self.config.noise_std) * noise, -1, 1)
            if not self.experience.learning:
                actions = uniform(noise)
        return self.bounds.to_env(actions)

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:
        self.noise.reset(episode_starts)

    def on_episodes_cut(self, envs: npt.NDArray[np.bool_]) -> None:
        self.reset(envs)
        self.experience.cut(envs)

    # Learning

    def observe(self, step: Step) -> dict[str, float] | None:
        optimizers = (self.critic_optimizer, self.policy_optimizer)
        return self.experience.observe(step, self._learn, optimizers)

    def critic_loss(self, batch: Minibatch) -> Loss:
        """Return the sum of the critics' mean squared errors from the smallest target value."""
        next_observations = self.encoding.from_stored(batch.next_observations)
        next_actions = self.target_actions(next_observations, batch.noise)
        next_q = tf.reduce_min(self.target_critics.call(next_observations, next_actions), 0)  # [b]
        targets = tf.stop_gradient(batch.returns + batch.discounts * next_q)  # [b]
        q = self.critics.call(self.encoding.from_stored(batch.observations), batch.actions)  # [n,b]
        loss = tf.reduce_sum(tf.reduce_mean(tf.square(q - targets), 1))
        return Loss(loss, {"loss": loss, "q_values": tf.reduce_mean(q)})

    def target_actions(self, next_observations: Any, noise: tuple[Any, ...]) -> Any:
        """Return the actions to bootstrap from, in [-1, 1], ``[b, size]``."""
        return tf.tanh(self.target_net.call(next_observations))

    def policy_loss(self, batch: Minibatch) -> Loss:
        """Return minus the mean Q-value of the policy's actions, by the first critic."""
        observations = self.encoding.from_stored(batch.observations)
        actions = tf.tanh(self.net.call(observations))
        loss = -tf.reduce_mean(self.critics.call(observations, actions, critics=1))
        return Loss(loss, {"loss": loss})

    def update_policy(self, batch: Minibatch) -> Any:
        """Update the policy and the target networks; return the policy's metrics, a tensor [3]."""
        metrics, _ = self.update.tensors([batch])
        self._update_target_net(self.config.tau)
        self._update_target_critics(self.config.tau)
        return tf.concat([metrics, [1.0]], 0)

    def _update_on(self, batch: Minibatch) -> Any:
        """Take a gradient step for each network that is due; return ``METRICS`` as a tensor."""
        critic_metrics, _ = self.update_critics.tensors([batch])
        return tf.concat([critic_metrics, self.update_policy(batch)], 0)

    def _learn(self, batches: Minibatch) -> dict[str, float]:
        """Update on all minibatches; runs in the background."""
        start = time.perf_counter()
        metrics = dict(zip(METRICS, self.learn(batches).numpy().tolist(), strict=True))
        metrics = per_policy_update(metrics, ("loss/policy", "grad_norm/policy"))
        self.last_batch = last_minibatch(batches)
        return {**metrics, "time/learn": time.perf_counter() - start}

    def histograms(self) -> dict[str, Array]:
        policy = dict(super().histograms())
        return policy | network_histograms(self.critics, self.update_critics, self.last_batch)

    # Saving

    def restore_policy(self, state: State) -> None:
        super().restore_policy(state)
        copies.copy_weights(self.net, self.target_net)

    def components(self) -> dict[str, Any]:
        return {
            "net": self.net,
            "critics": self.critics,
            "target_net": self.target_net,
            "target_critics": self.target_critics,
            "critic_optimizer": self.critic_optimizer,
            "policy_optimizer": self.policy_optimizer,
            "noise": self.noise,
            **self.experience.components(),
        }

    def torsos(self) -> list[Any]:
        nets = (self.net, self.target_net, self.critics, self.target_critics)
        return [net.torso for net in nets if net.torso.weights]

    def inference_model(self) -> Any:
        """Return a Keras model from observations to greedy ``actions``."""
        return actor_model(
            self.net,
            self.encoding,
            lambda outputs, _: self.bounds.to_env_tensor(tf.tanh(outputs)),
        )
