"""Soft actor-critic for continuous or discrete actions; options make it TQC, DroQ or CrossQ."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.agents.acting.headed_actors import make_headed_actor
from agentlab.agents.agent import Agent
from agentlab.agents.bounded_actions import squashed_gaussian
from agentlab.agents.combined_torso import uses_xla
from agentlab.agents.critic_values import CriticOptions
from agentlab.agents.encoders import ENCODED_SPACES
from agentlab.agents.encoding import Encoding
from agentlab.agents.inference import actor_model
from agentlab.agents.network import make_actor_network, make_critics
from agentlab.agents.network_options import set_up_tensorflow
from agentlab.agents.off_policy import (
    Experience,
    Minibatch,
    OffPolicyOptions,
    make_learn,
    per_policy_update,
)
from agentlab.agents.soft_policies import make_soft_policy
from agentlab.agents.state_dependent_noise import SDEOptions
from agentlab.config import option, override
from agentlab.envs.vector import Array, Step
from agentlab.lazy import LazyModule, keras, tf
from agentlab.training.background import BackgroundLearner
from agentlab.training.histograms import network_histograms
from agentlab.training.update import Loss, last_minibatch, make_update

copies: Any = LazyModule("agentlab.agents.acting.copies")
POLICY_METRICS = ("loss/policy", "entropy", "grad_norm/policy")
METRICS = (
    *("loss/critic", "q_values", "grad_norm/critic"),
    *POLICY_METRICS,
    "policy_updates",
    "ent_coef",
)


@dataclass(frozen=True)
class SACConfig(OffPolicyOptions, CriticOptions, SDEOptions):
    """Hyperparameters of ``sac``; the defaults are those of the paper."""

    learning_rate: float = override(OffPolicyOptions, "learning_rate", 3e-4)
    ent_coef: float | Literal["auto"] = option(
        "auto", "coefficient of the entropy (the temperature alpha); auto to learn it", ge=0
    )
    ent_coef_start: float = option(1.0, "initial coefficient of the entropy if it is learned", gt=0)
    target_entropy: float | Literal["auto"] = option(
        "auto",
        "entropy to reach by learning ent_coef, with actions in [-1, 1]; auto for minus the "
        "number of action components, or 0.98 log(n) for n discrete actions",
    )
    policy_delay: int = option(1, "updates of the critics per update of the policy", gt=0)

    def make_optimizer(self, learning_rate: Any = None, **arguments: Any) -> Any:
        """Create the optimizer; CrossQ uses Adam with ``beta_1`` 0.5."""
        if self.crossq and self.optimizer == "adam":
            arguments.setdefault("beta_1", 0.5)
        return super().make_optimizer(learning_rate, **arguments)


class SAC(Agent):
    """Maximizes return plus entropy, with two critics (Haarnoja et al. 2018, algorithm 1).

    The policy is a Gaussian squashed by tanh, or a softmax over discrete actions. All minibatches
    due after a step run in one compiled call, in the background.
    """

    name = "sac"
    Config: ClassVar[type] = SACConfig
    config: SACConfig
    observation_spaces = ENCODED_SPACES
    action_spaces = (gymnasium.spaces.Box, gymnasium.spaces.Discrete)
    learned = ("critics", "target_critics", "log_ent_coef")

    def build(self) -> None:
        config = self.config
        set_up_tensorflow(config)
        self.encoding = Encoding(self.observation_space, config.normalize_observations)
        xla = uses_xla(config, self.encoding)
        self.policy = make_soft_policy(self.action_space, self.name, config)
        self.net = make_actor_network(
            config,
            self.encoding,
            self.policy.outputs,
            self.seed,
            config.log_std_init if config.use_sde else None,
        )
        self.value = config.make_value()
        size = self.policy.actions.size
        self.critics = make_critics(
            config,
            self.encoding,
            size,
            config.n_critics,
            self.seed,
            outputs=self.value.outputs if size else self.policy.outputs,
            **config.critic_arguments,
        )
        if not config.crossq:
            self.target_critics = copies.clone(self.critics)
            self.update_targets = copies.make_target_update(self.target_critics, self.critics)
        self.log_ent_coef = keras.Variable(
            np.log(np.float32(config.ent_coef_start)), name="log_ent_coef"
        )
        automatic = config.target_entropy == "auto"
        self.target_entropy = self.policy.target_entropy if automatic else config.target_entropy
        self.experience = Experience(
            self, self.encoding, self.policy.actions, self.policy.noises, config.dropout > 0
        )
        self.background = BackgroundLearner(self.name)
        self.actor = make_headed_actor(self.net, self.encoding)

        spec = self.experience.spec()
        self.critic_optimizer, self.policy_optimizer, self.ent_coef_optimizer = (
            config.make_optimizer() for _ in range(3)
        )
        options: dict[str, Any] = {"spec": [spec], "xla": xla}
        options["max_grad_norm"] = config.max_grad_norm
        self.update_critics = make_update(
            self.critic_loss,
            ("loss", "q_values"),
            self.critics.trainable_variables,
            self.critic_optimizer,
            moving=self.critics.statistics,
            **options,
        )
        self.update = make_update(
            self.policy_loss,
            ("loss", "entropy"),
            self.net.trainable_variables,
            self.policy_optimizer,
            **options,
        )
        self.update_ent_coef = make_update(
            self.ent_coef_loss,
            (),
            [self.log_ent_coef],
            self.ent_coef_optimizer,
            spec=[spec.returns],
            xla=xla,
        )
        self.learn = make_learn(self._update_on, len(METRICS), spec, xla)

    # Acting

    def act(self, observations: Array, explore: bool = True) -> Array:
        inputs, mask = self.encoding(observations), self.encoding.mask(observations)
        if not explore:
            return self.policy.best(self.actor(inputs), mask)
        return self.policy.explore(self.actor, inputs, mask, self.experience.learning, self.rng)

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:
        self.policy.reset(episode_starts)

    def on_episodes_cut(self, envs: npt.NDArray[np.bool_]) -> None:
        self.reset(envs)
        self.experience.cut(envs)

    # Learning

    def observe(self, step: Step) -> dict[str, float] | None:
        optimizers = (self.critic_optimizer, self.policy_optimizer, self.ent_coef_optimizer)
        return self.experience.observe(step, self._learn, optimizers)

    def critic_loss(self, batch: Minibatch) -> Loss:
        """Return the loss of the critics (equations 5 and 6)."""
        observations = self.encoding.from_stored(batch.observations)
        next_observations = self.encoding.from_stored(batch.next_observations)
        seeds, outputs = self._seeds(batch), self.net.call(next_observations)
        if self.config.crossq:
            next_actions, next_log_probs = squashed_gaussian(outputs, batch.noise[0])
            q, next_q = self.critics.joint(
                (observations, batch.actions), (next_observations, next_actions), seeds[1]
            )
        else:
            next_q, next_log_probs = self.policy.evaluate(
                lambda actions: self.target_critics.call(next_observations, actions, seed=seeds[0]),
                outputs,
                batch.noise[0] if batch.noise else None,
                batch.next_mask if self.encoding.masks else None,
            )
            q = self.policy.taken(  # [n, b] or [n, b, k]
                lambda actions: self.critics.call(observations, actions, seed=seeds[1]),
                batch.actions,
            )
        bonus = -self.ent_coef * next_log_probs
        loss = self.value.loss(q, next_q, batch.returns, batch.discounts, bonus)
        return Loss(loss, {"loss": loss, "q_values": tf.reduce_mean(q)})

    def policy_loss(self, batch: Minibatch) -> Loss:
        """Return the mean of ``alpha log pi(a|s) - Q(s, a)`` under the policy (equation 7)."""
        observations, seed = self.encoding.from_stored(batch.observations), self._seeds(batch)[2]
        q, log_probs = self.policy.evaluate(
            lambda actions: self.critics.call(observations, actions, seed=seed),
            self.net.call(observations),
            batch.noise[1] if batch.noise else None,
            batch.mask if self.encoding.masks else None,
        )
        loss = tf.reduce_mean(tf.stop_gradient(self.ent_coef) * log_probs - self.value.value(q))
        return Loss(loss, {"loss": loss, "entropy": -tf.reduce_mean(log_probs)}, log_probs)

    def _seeds(self, batch: Minibatch) -> list[Any]:
        """Return dropout seeds for the three forward passes of the critics in an update."""
        return [batch.seed + [0, i] if self.config.dropout else None for i in range(3)]

    def ent_coef_loss(self, log_probs: Any) -> Loss:
        """Return ``-log alpha * mean(log pi + target entropy)``.

        The gradient of equation 18 with respect to log alpha, instead of alpha, as in the authors'
        code.
        """
        excess = tf.reduce_mean(log_probs) + self.target_entropy
        return Loss(-self.log_ent_coef * tf.stop_gradient(excess), {})

    @property
    def ent_coef(self) -> Any:
        """The coefficient of the entropy, a scalar tensor."""
        given = self.config.ent_coef
        return tf.exp(self.log_ent_coef) if given == "auto" else tf.constant(given, tf.float32)

    def _update_on(self, batch: Minibatch) -> Any:
        """Take one gradient step for each network; return ``METRICS`` as a tensor."""
        ent_coef = self.ent_coef
        critic_metrics, _ = self.update_critics.tensors([batch])
        policy_metrics = self._update_policy(batch)
        if not self.config.crossq:
            self.update_targets(self.config.tau)
        return tf.concat([critic_metrics, policy_metrics, [ent_coef]], 0)

    def _update_policy(self, batch: Minibatch) -> Any:
        """Update the policy and the temperature if they are due; return metrics, a tensor [4]."""
        delay = self.config.policy_delay

        def update() -> Any:
            metrics, (log_probs,) = self.update.tensors([batch])
            if self.config.ent_coef == "auto":
                self.update_ent_coef.tensors([log_probs])
            return tf.concat([metrics, [1.0]], 0)

        if delay == 1:
            return update()
        due = self.critic_optimizer.iterations.value % delay == 0
        return tf.cond(due, update, lambda: tf.zeros(4))

    def _learn(self, batches: Minibatch) -> dict[str, float]:
        """Update on all minibatches; runs in the background."""
        start = time.perf_counter()
        metrics = dict(zip(METRICS, self.learn(batches).numpy().tolist(), strict=True))
        metrics = per_policy_update(metrics, POLICY_METRICS)
        self.last_batch = last_minibatch(batches)
        return {**metrics, "time/learn": time.perf_counter() - start}

    def histograms(self) -> dict[str, Array]:
        found = dict(super().histograms())
        statistics = self.critics.statistics  # updated by evaluating the loss
        before = [variable.numpy() for variable in statistics]
        found |= network_histograms(self.critics, self.update_critics, self.last_batch)
        for variable, value in zip(statistics, before, strict=True):
            variable.assign(value)
        return found

    # Saving

    def components(self) -> dict[str, Any]:
        targets = {} if self.config.crossq else {"target_critics": self.target_critics}
        return {
            "net": self.net,
            "critics": self.critics,
            **targets,
            "log_ent_coef": self.log_ent_coef,
            "critic_optimizer": self.critic_optimizer,
            "policy_optimizer": self.policy_optimizer,
            "ent_coef_optimizer": self.ent_coef_optimizer,
            **self.policy.components,
            **self.experience.components(),
        }

    def torsos(self) -> list[Any]:
        nets = [self.net, self.critics]
        nets += [] if self.config.crossq else [self.target_critics]
        return [net.torso for net in nets if net.torso.weights]

    def inference_model(self) -> Any:
        """Return a Keras model from observations to greedy ``actions``."""
        return actor_model(self.net, self.encoding, self.policy.best_tensor)
