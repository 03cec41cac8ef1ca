"""Policy gradients: from REINFORCE with a baseline to PPO."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from agentlab.agents.acting.specifications import make_policy_actor
from agentlab.agents.agent import Agent, Extras
from agentlab.agents.combined_torso import uses_xla
from agentlab.agents.encoders import ENCODED_SPACES
from agentlab.agents.encoding import Encoding
from agentlab.agents.inference import policy_model
from agentlab.agents.network import make_policy_network
from agentlab.agents.network_options import NetworkOptions, set_up_tensorflow
from agentlab.agents.policies import masked, masked_tensor
from agentlab.agents.rollout import Rollout
from agentlab.agents.rollout_minibatches import RolloutMinibatch, RolloutMinibatches
from agentlab.agents.state_dependent_noise import SDEOptions, make_exploring_policy
from agentlab.components import State
from agentlab.config import option, override
from agentlab.envs.parts import ARRAYS
from agentlab.envs.vector import Array, Step
from agentlab.lazy import tf
from agentlab.training.background import BackgroundLearner
from agentlab.training.optimizers import OptimizerOptions
from agentlab.training.replicas import current_replicas
from agentlab.training.update import Loss, make_update

METRICS = ("loss/policy", "loss/value", "entropy", "kl", "clipped")


@dataclass(frozen=True)
class PolicyGradientConfig(NetworkOptions, SDEOptions, OptimizerOptions):
    """Hyperparameters of ``pg``; the defaults suit small control tasks such as CartPole."""

    shared_torso: bool = option(False, "share the torso between policy and value function")
    rollout_length: int = option(32, "steps per environment between updates", gt=0)
    gamma: float = option(0.99, "discount factor", ge=0, le=1)
    gae_lambda: float = option(
        0.95, "lambda of GAE: 1 for full returns, 0 for one-step TD errors", ge=0, le=1
    )
    baseline: Literal["value", "none"] = option("value", "baseline subtracted from the returns")
    normalize_advantage: bool = option(True, "normalize each rollout's advantages (mean 0, std 1)")
    cut_at_reward: bool = option(
        False, "end the return at each nonzero reward, such as a point in Pong"
    )
    n_epochs: int = option(4, "passes over each rollout", gt=0)
    n_minibatches: int = option(4, "minibatches per pass", gt=0)
    clip_range: float | None = option(
        0.2, "PPO's clipping range; none for plain policy gradients", gt=0
    )
    ent_coef: float = option(0.01, "coefficient of the entropy bonus")
    vf_coef: float = option(0.5, "coefficient of the value loss")
    max_grad_norm: float | None = override(OptimizerOptions, "max_grad_norm", 0.5)
    normalize_returns: bool | None = override(NetworkOptions, "normalize_returns", None)
    log_std_init: float = override(SDEOptions, "log_std_init", 0.0)
    overlap: bool = option(True, "learn in the background, acting with weights one rollout old")


class PolicyGradient(Agent):
    """Ascends the policy gradient, E[grad log pi(a|s) A(s, a)] (Sutton et al. 2000).

    Discrete actions are sampled from a softmax, MultiDiscrete ones from a softmax per component,
    MultiBinary ones from Bernoulli distributions and continuous ones from a Gaussian. The agent
    learns from one rollout while it collects the next. A recurrent network is trained on whole
    sequences: all steps of an environment in the rollout, starting from the stored recurrent state.
    """

    name = "pg"
    supports_recurrent = True
    Config: ClassVar[type] = PolicyGradientConfig
    config: PolicyGradientConfig
    observation_spaces = ENCODED_SPACES
    action_spaces = ARRAYS
    stop: Any = None  # ends the epochs early; see make_update

    def build(self) -> None:
        config = self.config
        set_up_tensorflow(config)
        encoding = self.encoding = Encoding(self.observation_space, config.normalize_observations)
        self.return_normalizer = config.make_return_normalizer(self, config.gamma)
        policy = self.policy = make_exploring_policy(self.action_space, config)
        whole = current_replicas() is None  # sparse rows cannot be split
        self.sparse = encoding.sparse and config.net == "mlp" and whole
        self.net = make_policy_network(config, encoding, policy, config.shared_torso, self.seed)
        if self.net.log_std is not None:
            self.net.log_std.assign(tf.fill(self.net.log_std.shape, config.log_std_init))
        self.optimizer = config.make_optimizer()
        self.optimizer.build(self.net.trainable_variables)
        self.actor = make_policy_actor(self.net, encoding)
        self.background = BackgroundLearner(self.name)
        self.rollout, self.steps = Rollout(config.rollout_length), 0
        count = config.n_minibatches
        if config.recurrent and count == type(config).n_minibatches:
            count = min(count, self.num_envs)  # minibatches hold whole sequences
        sizes = (self.num_envs, config.rollout_length, count)
        initial_state = self.net.initial_state if config.recurrent else None
        self.minibatches = RolloutMinibatches(encoding, policy, sizes, self.sparse, initial_state)
        self.clip_range: Any = config.clip_range  # a number, or a variable that decays

    # Acting

    def act(self, observations: Array, explore: bool = True) -> Array | tuple[Array, Extras]:
        inputs = self.encoding(observations)
        parameters, values = self.actor(inputs)
        mask = self.encoding.mask(observations)
        parameters = masked(parameters, mask)
        if not explore:
            return self.policy.to_env(self.policy.best(parameters))
        actions, log_probs = self.policy.sample(parameters, self.actor.log_std, self.rng)
        extras = {"inputs": inputs, "actions": actions, "log_probs": log_probs, "values": values}
        if mask is not None:
            extras["masks"] = mask
        return self.policy.to_env(actions), {**extras, **self.actor.recurrent_inputs}

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:
        self.actor.reset(episode_starts)
        self.policy.reset(episode_starts)

    def on_episodes_cut(self, envs: npt.NDArray[np.bool_]) -> None:
        self.reset(envs)
        self.rollout.cut(envs)

    # Learning

    def observe(self, step: Step) -> dict[str, float] | None:
        self.encoding.observe(step.observations, step.next_observations)
        cut = step.terminated | step.truncated
        self.return_normalizer.observe(step.rewards, cut)
        rewards = self.return_normalizer(step.rewards)
        final_values = np.zeros(self.num_envs, np.float32)
        if not step.terminated[step.ended].all():
            # Truncation is not termination: bootstrap from the final observation.
            ended_values = self.actor.values(self.encoding(step.final_observations), step.ended)
            final_values[step.ended] = np.where(step.terminated[step.ended], 0, ended_values)
        if self.config.cut_at_reward:
            scored = step.rewards != 0
            cut, final_values = cut | scored, np.where(scored, 0, final_values)
        rollout = self.rollout
        rollout.add(**step.extras, rewards=rewards, final_values=final_values, cut=cut)
        self.steps += self.num_envs
        if not rollout.full:
            return None
        last_values = self.actor.values(self.encoding(step.next_observations))
        metrics = self.finish_update()
        self.decay()
        order = self.minibatches.draw(self.rng)
        self.background.start(self._learn, rollout, last_values, order)
        self.rollout = Rollout(self.config.rollout_length)
        return metrics if self.config.overlap else self.finish_update()

    def decay(self) -> None:
        """Set the learning rate of the next update."""
        self.config.decay(self.optimizer, self.steps)

    def loss(self, batch: RolloutMinibatch, start_log_probs: Any = None) -> Loss:
        """Return the loss of a minibatch (Schulman et al. 2017, equations 7 and 9).

        With ``overlap``, the policy that sampled the actions is older than the one at the start of
        the update. The ratio is then clipped relative to the newer policy, and importance weights
        correct for the difference: the decoupled objective (Hilton et al. 2022, equation 2).

        Args:
            batch: the minibatch.
            start_log_probs: log-probabilities at the start of the update, ``[b]``; ``None`` for
                those of the current network.
        """
        config = self.config
        log_probs, entropy, values = self._evaluate(batch)  # [b] each
        if start_log_probs is None:
            start_log_probs = tf.stop_gradient(log_probs)
        ratio = tf.exp(log_probs - start_log_probs)  # [b]
        weighted = tf.exp(start_log_probs - batch.log_probs) * self.weights(batch.advantage)
        gain, clipped = ratio * weighted, tf.zeros_like(ratio)
        if config.clip_range is not None:
            bounded = tf.clip_by_value(ratio, 1 - self.clip_range, 1 + self.clip_range)
            gain = tf.minimum(gain, bounded * weighted)
            clipped = tf.cast(ratio != bounded, tf.float32)
        policy_loss = -tf.reduce_mean(gain)
        value_loss = tf.reduce_mean(self.value_losses(values, batch.returns, batch.advantage))
        entropy = tf.reduce_mean(entropy)
        vf_coef = config.vf_coef if config.baseline == "value" else 0.0
        loss = policy_loss + vf_coef * value_loss - config.ent_coef * entropy
        kl = tf.reduce_mean(ratio - 1 - (log_probs - start_log_probs))
        metrics = (policy_loss, value_loss, entropy, kl, tf.reduce_mean(clipped))
        return Loss(loss, dict(zip(METRICS, metrics, strict=True)))

    def weights(self, advantage: Any) -> Any:
        """Return the weights of the log-probabilities' gradients for a minibatch's advantages."""
        return advantage

    def value_losses(self, values: Any, returns: Any, advantage: Any) -> Any:
        """Return the value loss of each example, ``[b]``."""
        return tf.square(values - returns)

    def normalized(self, advantage: Array) -> Array:
        """Return the advantages of a rollout as the minibatches contain them."""
        if self.config.normalize_advantage:
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        return advantage

    def _evaluate(self, batch: RolloutMinibatch) -> tuple[Any, Any, Any]:
        """Return log pi(a|s), the policy's entropy and V(s), tensors ``[b]`` each."""
        net, inputs = self.net, batch.inputs
        parameters, values = net.run(*inputs) if self.config.recurrent else net.call(inputs)
        parameters = masked_tensor(parameters, batch.mask if self.encoding.masks else None)
        evaluated = self.policy.log_prob_and_entropy(parameters, net.log_std, batch.actions)
        return *evaluated, values

    def _learn(self, rollout: Rollout, last_values: Array, order: Array) -> dict[str, float]:
        """Update on the rollout with the minibatches ``order``; runs in the background."""
        start, config = time.perf_counter(), self.config
        baseline = config.baseline == "value"
        advantage, returns = rollout.targets(last_values, config.gamma, config.gae_lambda, baseline)
        batches = self.minibatches(rollout, order, self.normalized(advantage), returns)
        metrics, _ = self.update(batches)
        if baseline and returns.var() > 0:
            metrics["explained_variance"] = float(1 - advantage.var() / returns.var())
        self.last_batch = self.minibatches.last(batches)
        return {**metrics, "time/learn": time.perf_counter() - start}

    @cached_property
    def update(self) -> Any:
        """The compiled update: all epochs and minibatches in one call."""
        config = self.config
        single = config.n_epochs == 1 and self.minibatches.count == 1  # as in A2C
        return make_update(
            self.loss,
            METRICS,
            self.net.trainable_variables,
            self.optimizer,
            spec=self.minibatches.spec(),
            epochs=config.n_epochs,
            max_grad_norm=config.max_grad_norm,
            xla=uses_xla(config, self.encoding) and not self.sparse,
            xla_apply=True,
            prepare=None if single else lambda batch: self._evaluate(batch)[0],
            stop=self.stop,
        )

    # Saving

    def components(self) -> dict[str, Any]:
        parts = {"net": self.net, "optimizer": self.optimizer, "rollout": self.rollout}
        parts |= self.encoding.components() | self.return_normalizer.components()
        parts |= self.policy.components
        return {**parts, "recurrent_state": self.actor} if self.config.recurrent else parts

    def state(self) -> State:
        return {**super().state(), "steps": self.steps}

    def restore(self, state: State) -> None:
        super().restore(state)
        self.steps = state["steps"]
        if self.rollout.num_envs not in (0, self.num_envs):  # trained in a different number
            self.rollout = Rollout(self.config.rollout_length)

    def torsos(self) -> list[Any]:
        return list(self.net.torsos)

    def inference_model(self) -> Any:
        """Return a Keras model from observations to the most likely ``actions`` and ``values``."""
        return policy_model(self.net, self.encoding, self.policy)
