"""Policy gradients: REINFORCE with a baseline, up to clipped epochs over a rollout (PPO)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.agents.deep import DeepAgent, DeepConfig
from agentlab.agents.policies import Gaussian, make_policy
from agentlab.agents.rollout import Rollout, advantages
from agentlab.config import option
from agentlab.envs.vector import Array, Step
from agentlab.errors import AgentlabError
from agentlab.lazy import tf
from agentlab.nets.sparse import sparse_rows
from agentlab.training.optimizers import compiled_apply, make_optimizer

if TYPE_CHECKING:
    from agentlab.nets.policy_value import PolicyValue

METRICS = ("loss/policy", "loss/value", "entropy", "kl", "clipped", "grad_norm")


@dataclass(frozen=True)
class PolicyGradientConfig(DeepConfig):
    """Hyperparameters of ``pg``; the defaults suit small control tasks such as CartPole."""

    net: str = option(
        "mlp", "torso by name, such as mlp, nature_cnn, or the recurrent lstm and gru"
    )
    shared_torso: bool = option(False, "let policy and value share the torso")
    rollout_length: int = option(32, "steps in each environment between updates")
    gamma: float = option(0.99, "discount of rewards a step")
    gae_lambda: float = option(0.95, "1 for whole returns, less to lean on the value (GAE)")
    baseline: Literal["value", "none"] = option("value", "what returns are compared with")
    normalize_advantage: bool = option(True, "scale a batch's advantages to mean 0 and deviation 1")
    cut_at_reward: bool = option(False, "end returns where a point is scored, as in Pong")
    n_epochs: int = option(4, "passes over a rollout")
    n_minibatches: int = option(4, "updates a pass")
    clip_range: float | None = option(
        0.2, "PPO's bound on the policy's change; none for plain gradients"
    )
    ent_coef: float = option(0.01, "weight of the entropy bonus")
    vf_coef: float = option(0.5, "weight of the value's squared error")
    optimizer: str = option("adam", "a Keras optimizer by name")
    learning_rate: float = option(1e-3, "step size of the optimizer")
    max_grad_norm: float | None = option(0.5, "bound on the gradient's norm; none for no bound")
    overlap: bool = option(True, "learn while stepping goes on, with a policy one rollout old")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("rollout_length", "n_epochs", "n_minibatches", "learning_rate"):
            if getattr(self, name) <= 0:
                raise AgentlabError(f"{name}={getattr(self, name)} must be more than 0")
        for name in ("gamma", "gae_lambda"):
            if not 0 <= getattr(self, name) <= 1:
                raise AgentlabError(f"{name}={getattr(self, name)} must be between 0 and 1")
        for name in ("clip_range", "max_grad_norm"):
            if getattr(self, name) is not None and getattr(self, name) <= 0:
                raise AgentlabError(f"{name}={getattr(self, name)} must be more than 0, or none")


class PolicyGradient(DeepAgent):
    """Ascends the expected return along grad log pi(a|s) A(s, a) (Sutton et al. 2000).

    Discrete actions are drawn from a softmax, continuous ones from a Gaussian. One rollout is
    learned from while the next one is collected. A recurrent net learns from the whole sequence
    that a rollout holds of an environment, from the recurrent state at the rollout's start.
    """

    name = "pg"
    supports_recurrent = True
    Config: ClassVar[type] = PolicyGradientConfig
    config: PolicyGradientConfig

    def __init__(
        self,
        observation_space: gymnasium.Space[Any],
        action_space: gymnasium.Space[Any],
        num_envs: int,
        config: PolicyGradientConfig | None = None,
        seed: int = 0,
    ) -> None:
        from agentlab.agents.acting.policy_actors import make_actor  # loads TensorFlow

        super().__init__(observation_space, action_space, num_envs, config, seed)
        self._sparse = self._encoding.sparse and self.config.net == "mlp"
        self._policy = make_policy(action_space)
        self._net = self._build_net(seed)
        self._optimizer = make_optimizer(self.config.optimizer, self.config.learning_rate)
        self._optimizer.build(self._net.trainable_variables)
        self._actor = make_actor(self._net, self._encoding.spec(None, sparse=False))
        self._rollout = Rollout(self.config.rollout_length)

    # Acting

    def act(self, observations: Array, explore: bool = True) -> Array:
        inputs = self._encoding(observations)
        parameters, values = self._actor(inputs)
        if not explore:
            return self._policy.to_env(self._policy.best(parameters))
        actions, log_probs = self._policy.sample(parameters, self._actor.log_std, self.rng)
        self._acted = {
            "inputs": inputs,
            "actions": actions,
            "log_probs": log_probs,
            "values": values,
            **self._actor.recurrent_inputs,
        }
        return self._policy.to_env(actions)

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:
        self._actor.reset(episode_starts)

    # Learning

    def observe(self, step: Step) -> dict[str, float] | None:
        cut = step.terminated | step.truncated
        final_values = np.zeros(self.num_envs, np.float32)
        if not step.terminated[step.ended].all():
            # A time limit cuts an episode short of returns that still have a value.
            ended_values = self._actor.values(self._encoding(step.final_observations), step.ended)
            final_values[step.ended] = np.where(step.terminated[step.ended], 0, ended_values)
        if self.config.cut_at_reward:
            scored = step.rewards != 0
            cut, final_values = cut | scored, np.where(scored, 0, final_values)
        rollout = self._rollout
        rollout.add(**self._acted, rewards=step.rewards, final_values=final_values, cut=cut)
        if not rollout.full:
            return None
        last_values = self._actor.values(self._encoding(step.next_observations))
        metrics = self._finish()
        self._start(self._learn, rollout, last_values, self._order())
        self._rollout = Rollout(self.config.rollout_length)
        return metrics if self.config.overlap else self._finish()

    def _order(self) -> npt.NDArray[np.int64]:
        """Draw which of a rollout's steps make which minibatch, ``[minibatches, steps]``."""
        count, length = self.config.n_minibatches, self.config.rollout_length
        if not self._recurrent:
            return self.rng.permutation(self._batch * count).reshape(count, -1)
        envs = self.rng.permutation(self.num_envs)[: self._batch // length * count]
        steps = envs[:, None] + self.num_envs * np.arange(length)
        return steps.reshape(count, -1)

    def _learn(self, rollout: Rollout, last_values: Array, order: Array) -> dict[str, float]:
        """Update on a rollout, in the minibatches of ``order``; runs in the learner's thread."""
        start, config = time.perf_counter(), self.config
        values, next_values = rollout.stacked("values"), rollout.next_values(last_values)
        if config.baseline == "none":
            values, next_values = np.zeros_like(values), np.zeros_like(values)
        rewards, cut = rollout.stacked("rewards"), rollout.stacked("cut")
        advantage = advantages(rewards, values, next_values, cut, config.gamma, config.gae_lambda)
        returns, errors = (advantage + values).ravel(), advantage.ravel()
        if config.normalize_advantage:
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        actions, log_probs = rollout.flat("actions"), rollout.flat("log_probs")
        fields = [actions, log_probs, advantage.ravel(), returns]
        batches: list[Any]
        if self._sparse:
            inputs = rollout.flat("inputs")
            batches = [[sparse_rows(inputs[i]), *(field[i] for field in fields)] for i in order]
        elif self._recurrent:
            rows = order.reshape(len(order), -1, rollout.length)
            batches = [rollout.sequences(rows), *(field[order] for field in fields)]
        else:
            batches = [field[order] for field in (rollout.flat("inputs"), *fields)]
        metrics = dict(zip(METRICS, self._update(batches).numpy().tolist(), strict=True))
        if config.baseline == "value" and returns.var() > 0:
            metrics["explained_variance"] = float(1 - errors.var() / returns.var())
        last = batches[-1] if self._sparse else _minibatch(batches, -1)
        self._last_batch = (last, last[2])
        return {**metrics, "time/learn": time.perf_counter() - start}

    def _loss(self, batch: Any, start_log_probs: Any) -> tuple[Any, Any]:
        """The loss of a minibatch and its metrics (Schulman et al. 2017, equations 7 and 9).

        With ``overlap`` actions were drawn by a policy older than the one that the update starts
        from. The bound then holds around that start, and weights correct for the age: the
        decoupled objective (Hilton et al. 2022, equation 2).
        """
        config = self.config
        inputs, actions, drawn_log_probs, advantage, returns = batch
        log_probs, entropy, values = self._evaluate(inputs, actions)
        ratio = tf.exp(log_probs - start_log_probs)
        weighted = tf.exp(start_log_probs - drawn_log_probs) * advantage
        gain, clipped = ratio * weighted, tf.zeros_like(ratio)
        if config.clip_range is not None:
            bounded = tf.clip_by_value(ratio, 1 - config.clip_range, 1 + config.clip_range)
            gain = tf.minimum(gain, bounded * weighted)
            clipped = tf.cast(ratio != bounded, tf.float32)
        policy_loss = -tf.reduce_mean(gain)
        value_loss = tf.reduce_mean(tf.square(values - returns))
        entropy = tf.reduce_mean(entropy)
        vf_coef = config.vf_coef if config.baseline == "value" else 0.0
        loss = policy_loss + vf_coef * value_loss - config.ent_coef * entropy
        kl = tf.reduce_mean(ratio - 1 - (log_probs - start_log_probs))
        return loss, tf.stack([policy_loss, value_loss, entropy, kl, tf.reduce_mean(clipped)])

    def _evaluate(self, inputs: Any, actions: Any) -> tuple[Any, Any, Any]:
        """Return log pi(a|s), the policy's entropy and V(s), tensors ``[batch]`` each."""
        net = self._net
        parameters, values = net.run(*inputs) if self._recurrent else net.call(inputs)
        log_std = self._net.log_std
        return *self._policy.log_prob_and_entropy(parameters, log_std, actions), values

    def _gradients_of(self, batch: Any, start_log_probs: Any) -> tuple[list[Any], Any]:
        with tf.GradientTape() as tape:
            loss, metrics = self._loss(batch, start_log_probs)
        return tape.gradient(loss, self._net.trainable_variables), metrics

    @cached_property
    def _gradients(self) -> Any:
        """The gradients and metrics of one minibatch, compiled."""
        batch = self._batch_spec
        return tf.function(self._gradients_of, [batch, batch[2]])

    @cached_property
    def _update(self) -> Any:
        """All epochs and minibatches of an update, compiled into one call."""
        config, variables = self.config, self._net.trainable_variables

        apply = compiled_apply(self._optimizer, variables, config.max_grad_norm)

        def step(batch: Any, start_log_probs: Any) -> Any:
            gradients, metrics = self._gradients_of(batch, start_log_probs)
            return tf.concat([metrics, [apply(gradients)]], 0)

        def log_probs(batch: Any) -> Any:
            return self._evaluate(*batch[:2])[0]

        count = config.n_minibatches

        def update(batches: Any) -> Any:
            total = tf.zeros(len(METRICS))
            if self._sparse:  # minibatches of unlike sizes, one after the other
                starts = [log_probs(batch) for batch in batches]
            else:  # minibatches as the first axis of every field
                starts = tf.map_fn(log_probs, batches, fn_output_signature=tf.float32)
            for _ in tf.range(config.n_epochs):
                if self._sparse:
                    for batch, start in zip(batches, starts, strict=True):
                        total += step(batch, start)
                else:
                    for i in tf.range(count):
                        total += step(_minibatch(batches, i), starts[i])
            return total / (config.n_epochs * count)

        batch = self._batch_spec
        if self._sparse:
            return tf.function(update, [[batch] * count])
        batches = tf.nest.map_structure(
            lambda spec: tf.TensorSpec((count, *spec.shape), spec.dtype), batch
        )
        return tf.function(update, [batches], jit_compile=self._xla)

    @property
    def _batch(self) -> int:
        """Steps in a minibatch; of a recurrent net all those of some environments."""
        n, count, length = self.num_envs, self.config.n_minibatches, self.config.rollout_length
        if self._recurrent:
            if n < count:
                raise AgentlabError(
                    f"n_minibatches={count} must not exceed the {n} environments, as a recurrent "
                    "net learns from all steps of one together"
                )
            return n // count * length
        if n * length < count:
            raise AgentlabError(
                f"n_minibatches={count} must not exceed the {n * length} steps of a "
                f"rollout in {n} environments"
            )
        return n * length // count

    @property
    def _batch_spec(self) -> list[Any]:
        """TensorFlow types of inputs, actions, log-probabilities, advantages and returns."""
        scalars = tf.TensorSpec((self._batch,), tf.float32)
        actions = tf.TensorSpec((self._batch, *self._policy.shape), self._policy.dtype)
        inputs = self._encoding.spec(self._batch, self._sparse)
        if self._recurrent:
            envs, length = self._batch // self.config.rollout_length, self.config.rollout_length
            recurrent_state = [tf.TensorSpec(part.shape) for part in self._net.initial_state(envs)]
            sequences = tf.TensorSpec((envs, length, *self._encoding.shape), inputs.dtype)
            inputs = (sequences, recurrent_state, tf.TensorSpec((envs, length), tf.bool))
        return [inputs, actions, scalars, scalars, scalars]

    def _build_net(self, seed: int) -> PolicyValue:
        from agentlab.nets.policy_value import PolicyValue

        return PolicyValue(
            self._make_torso("torso", seed),
            self._policy.outputs,
            isinstance(self._policy, Gaussian),
            None if self.config.shared_torso else self._make_torso("value_torso", seed + 100),
            seed=seed + 200,
            name="net",
        )

    def _torsos(self) -> list[Any]:
        return list(self._net.torsos)

    def pause(self) -> dict[str, float] | None:
        self._rollout = Rollout(self.config.rollout_length)
        return self._finish()


def _minibatch(batches: list[Any], i: Any) -> Any:
    """Return the ``i``-th minibatch of fields whose first axis counts minibatches."""
    return tf.nest.map_structure(lambda field: field[i], batches)
