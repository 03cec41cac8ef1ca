"""Deep Q-networks: DQN and the improvements that Rainbow combines, each a flag of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.agents.deep import DeepAgent, DeepConfig
from agentlab.agents.exploration import Schedule, check_exploration, epsilon
from agentlab.config import option
from agentlab.envs import Frames
from agentlab.envs.vector import Array, Step
from agentlab.errors import AgentlabError
from agentlab.lazy import tf
from agentlab.replay import Batch, ReplayBuffer
from agentlab.training.losses import huber
from agentlab.training.optimizers import compiled_apply, make_optimizer

METRICS = ("loss", "q_values", "grad_norm")


@dataclass(frozen=True)
class DQNConfig(DeepConfig):
    """Hyperparameters of ``dqn``; the defaults suit small control tasks."""

    hidden: tuple[int, ...] = option((256, 256), "units of the mlp's layers")
    activation: str = option("relu", "activation of the mlp's layers, by its Keras name")
    gamma: float = option(0.99, "discount of rewards a step")
    double: bool = option(False, "choose the next action by the online net (double DQN)")
    dueling: bool = option(False, "streams of their own for value and advantages (dueling DQN)")
    n_step: int = option(1, "rewards summed before bootstrapping")
    prioritized: bool = option(False, "replay what surprised more often")
    alpha: float = option(0.6, "how much more often: 0 is not at all")
    beta: float = option(0.4, "how far weights make up for it at the start: 1 is fully")
    beta_steps: int = option(1_000_000, "steps until beta is 1")
    noisy: bool = option(False, "explore by noise on weights instead of epsilon (noisy nets)")
    distribution: Literal["expected", "c51", "quantile"] = option(
        "expected", "learn returns as a distribution: on fixed atoms (C51) or by quantiles (QR-DQN)"
    )
    n_atoms: int = option(51, "outputs per action of such a distribution")
    v_min: float = option(-10.0, "least return that C51 can tell")
    v_max: float = option(10.0, "greatest return that C51 can tell")
    buffer_size: int = option(100_000, "transitions kept")
    compress: bool = option(False, "keep observations compressed")
    buffer_folder: str | None = option(
        None, "keep observations in a file in this folder, not in memory"
    )
    learning_starts: int = option(1_000, "random steps before learning")
    batch_size: int = option(32, "transitions an update")
    train_freq: int = option(4, "steps between updates")
    gradient_steps: int = option(1, "updates at a time")
    target_update_interval: int = option(1_000, "steps between updates of the target net")
    tau: float = option(1.0, "fraction of the online weights that it then takes over")
    epsilon_start: float = option(1.0, "fraction of random actions at first")
    epsilon_end: float = option(0.05, "fraction of random actions at last")
    epsilon_steps: int = option(10_000, "steps on the way from first to last")
    epsilon_schedule: Schedule = option("linear", "linear, or exponential decay")
    eval_epsilon: float = option(0.0, "fraction of random actions in evaluations")
    optimizer: str = option("adam", "a Keras optimizer by name")
    optimizer_epsilon: float | None = option(None, "its epsilon; none for Keras' default")
    learning_rate: float = option(1e-3, "step size of the optimizer")
    decay_steps: int = option(0, "steps in which the learning rate falls to 0; 0 for no fall")
    max_grad_norm: float | None = option(10.0, "bound on the gradient's norm; none for no bound")
    precision: Literal["float32", "bfloat16"] = option(
        "float32", "what convolutions compute in; bfloat16 is quick where the processor has it"
    )
    overlap: bool = option(True, "learn while stepping goes on, acting by the weights before")

    def __post_init__(self) -> None:
        super().__post_init__()
        positive = (
            "n_step",
            "buffer_size",
            "batch_size",
            "train_freq",
            "gradient_steps",
            "target_update_interval",
        )
        for name in (*positive, "learning_rate"):
            if getattr(self, name) <= 0:
                raise AgentlabError(f"{name}={getattr(self, name)} must be more than 0")
        for name in ("gamma", "alpha", "beta", "tau", "eval_epsilon"):
            if not 0 <= getattr(self, name) <= 1:
                raise AgentlabError(f"{name}={getattr(self, name)} must be between 0 and 1")
        check_exploration(self.epsilon_start, self.epsilon_end, self.epsilon_steps)
        if self.max_grad_norm is not None and self.max_grad_norm <= 0:
            raise AgentlabError(f"max_grad_norm={self.max_grad_norm} must be more than 0, or none")
        for name in ("beta_steps", "decay_steps"):
            if getattr(self, name) < 0:
                raise AgentlabError(f"{name}={getattr(self, name)} must be 0 or more")
        if self.n_step >= self.buffer_size:
            raise AgentlabError(
                f"n_step={self.n_step} must be less than buffer_size={self.buffer_size}"
            )
        if self.learning_starts < self.batch_size:
            raise AgentlabError(
                f"learning_starts={self.learning_starts} must be at least "
                f"batch_size={self.batch_size}"
            )
        if self.learning_starts > self.buffer_size:
            raise AgentlabError(
                f"learning_starts={self.learning_starts} must not exceed "
                f"buffer_size={self.buffer_size}"
            )
        if self.distribution != "expected" and self.n_atoms < 2:
            raise AgentlabError(f"n_atoms={self.n_atoms} must be 2 or more")
        if self.v_min >= self.v_max:
            raise AgentlabError(f"v_min={self.v_min} must be less than v_max={self.v_max}")
        if self.net == "mlp" and self.precision != "float32":
            raise AgentlabError(
                f"precision={self.precision!r} is for convolutions, and net='mlp' has none; "
                "leave it out"
            )


@dataclass(frozen=True)
class RainbowConfig(DQNConfig):
    """Hyperparameters of ``rainbow``: all six improvements at once."""

    double: bool = option(True, "choose the next action by the online net (double DQN)")
    dueling: bool = option(True, "streams of their own for value and advantages (dueling DQN)")
    n_step: int = option(3, "rewards summed before bootstrapping")
    prioritized: bool = option(True, "replay what surprised more often")
    alpha: float = option(0.5, "how much more often: 0 is not at all")
    noisy: bool = option(True, "explore by noise on weights instead of epsilon (noisy nets)")
    distribution: Literal["expected", "c51", "quantile"] = option(
        "c51", "learn returns as a distribution: on fixed atoms (C51) or by quantiles (QR-DQN)"
    )


class DQN(DeepAgent):
    """Q-learning with a network, a replay buffer and a target network (Mnih et al. 2015).

    After every ``train_freq`` steps come ``gradient_steps`` gradient steps; those that are due at
    once run as one compiled call, in the learner's thread, while stepping goes on.
    """

    name = "dqn"
    Config: ClassVar[type] = DQNConfig
    config: DQNConfig

    def __init__(
        self,
        observation_space: gymnasium.Space[Any],
        action_space: gymnasium.Space[Any],
        num_envs: int,
        config: DQNConfig | None = None,
        seed: int = 0,
    ) -> None:
        if not isinstance(action_space, gymnasium.spaces.Discrete):
            raise AgentlabError(
                f"algo={self.name!r} needs discrete actions, but the environment has "
                f"{action_space}; use algo='pg'"
            )
        from agentlab.agents.acting.copies import clone  # loads TensorFlow
        from agentlab.agents.acting.q_actors import make_q_actor

        super().__init__(observation_space, action_space, num_envs, config, seed)
        config = self.config
        self._first_action, self._actions = int(action_space.start), int(action_space.n)
        self._stack = observation_space.frame_stack if isinstance(observation_space, Frames) else 1
        self._net = self._build_net(seed)
        self._target = clone(self._net)
        given = config.optimizer_epsilon
        arguments = {} if given is None else {"epsilon": given}
        self._optimizer = make_optimizer(config.optimizer, config.learning_rate, **arguments)
        self._optimizer.build(self._net.trainable_variables)
        self._actor = make_q_actor(self._net, self._encoding.spec(None, sparse=False))
        self._steps = self._synced = 0  # steps made, and those at the target net's last update
        self._sampled: Batch | None = None
        self._errors: Array = np.zeros(0)
        self._saved_replay: Path | None = None
        if config.buffer_size // num_envs <= config.n_step + self._stack:
            raise AgentlabError(
                f"buffer_size={config.buffer_size} is too small for {num_envs} environments with "
                f"n_step={config.n_step} and frame_stack={self._stack}"
            )

    # Acting

    def act(self, observations: Array, explore: bool = True) -> Array:
        n, config = len(observations), self.config
        share = self.epsilon if explore else config.eval_epsilon
        random = self.rng.random(n) < share
        actions = self.rng.integers(self._actions, size=n) if share > 0 else np.zeros(n, np.int64)
        if not random.all():
            outputs = self._actor(self._encoding(observations), self.rng if explore else None)
            actions = np.where(random, actions, self.expected_values(outputs).argmax(axis=1))
        return actions + self._first_action

    @property
    def epsilon(self) -> float:
        """The fraction of random actions now."""
        config = self.config
        if self._steps < config.learning_starts:
            return 1.0
        if config.noisy:
            return 0.0
        return epsilon(
            self._steps,
            config.epsilon_start,
            config.epsilon_end,
            config.epsilon_steps,
            config.epsilon_schedule,
        )

    def expected_values(self, outputs: Array) -> npt.NDArray[np.float32]:
        """Return the expected returns ``[b, actions]`` of ``outputs [b, actions, atoms]``."""
        if self.config.distribution == "c51":
            powers = np.exp(outputs - outputs.max(axis=2, keepdims=True))
            outputs = powers * self._support / powers.sum(axis=2, keepdims=True)
            return np.asarray(outputs.sum(axis=2), np.float32)
        return np.asarray(outputs.mean(axis=2), np.float32)

    # Learning

    def observe(self, step: Step) -> dict[str, float] | None:
        config, before = self.config, self._steps
        self._replay.add(step)
        self._steps += self.num_envs
        due = self._steps // config.train_freq - before // config.train_freq
        if not due or self._steps < config.learning_starts or not len(self._replay):
            return None
        updates = due * config.gradient_steps
        progress = min(1.0, self._steps / config.beta_steps) if config.beta_steps else 1.0
        beta = config.beta + (1 - config.beta) * progress
        syncs = (
            self._steps // config.target_update_interval
            - self._synced // config.target_update_interval
        )
        # Drawn while the learning before may still be under way, whose priorities come too late.
        # Meanwhile the target net is evaluated, unless it is about to change.
        sampled = self._replay.sample(updates * config.batch_size, self.rng, beta)
        batches = self._minibatches(sampled, updates)
        if not syncs:
            batches = self._precompute_targets(batches)
        metrics = self._finish()
        if syncs:
            self._update_target(np.float32(1 - (1 - config.tau) ** syncs))
            batches = self._precompute_targets(batches)
        if config.decay_steps:
            left = max(0.0, 1 - self._steps / config.decay_steps)
            self._optimizer.learning_rate.assign(config.learning_rate * left)
        self._synced = self._steps
        self._sampled = sampled
        seed = self.rng.integers(2**31, size=2, dtype=np.int32)
        self._start(self._learn, batches, seed)
        metrics = metrics if config.overlap else self._finish()
        return {**metrics, "epsilon": self.epsilon} if metrics else None

    def _minibatches(self, drawn: Batch, updates: int) -> list[Any]:
        """Return what was drawn as ``updates`` minibatches, fields ``[updates, b, ...]``."""
        return [
            field.reshape(updates, self.config.batch_size, *field.shape[1:])
            for field in (
                self._inputs(drawn.observations),
                drawn.actions.astype(np.int32) - self._first_action,
                drawn.returns,
                self._inputs(drawn.next_observations),
                drawn.discounts,
                drawn.weights,
            )
        ]

    def _precompute_targets(self, batches: list[Any]) -> list[Any]:
        """Add the target net's outputs for next observations: quicker than in each update.

        Noise is new with each update, so a noisy net is evaluated only then.
        """
        if self.config.noisy:
            return batches
        return [*batches, self._target_outputs(batches[3])]

    def _learn(self, batches: list[Any], seed: Array) -> dict[str, float]:
        """Make an update of each minibatch; runs in the learner's thread."""
        start = time.perf_counter()
        means, errors = self._update(batches, seed)
        self._errors = errors.numpy().ravel()
        self._last_batch = ([field[-1] for field in batches], seed)
        metrics = dict(zip(METRICS, means.numpy().tolist(), strict=True))
        return {**metrics, "time/learn": time.perf_counter() - start}

    def _inputs(self, observations: Array) -> Array:
        """Return inputs of the net; stacked frames as they lie in memory, ``[b, stack, h, w]``."""
        if self._frames_first:
            return np.moveaxis(observations, -1, 1)
        return self._encoding(observations)

    @property
    def _frames_first(self) -> bool:
        return self._stack > 1 and self._encoding.shape[-1] == self._stack

    def _finish(self) -> dict[str, float] | None:
        metrics = super()._finish()
        if self.config.prioritized and self._sampled is not None:
            priorities = np.maximum(self._errors, 0) + 1e-6
            if np.isfinite(priorities).all():  # else the loop stops at the loss
                self._replay.update_priorities(self._sampled.indices, priorities)
        self._sampled = None
        return metrics

    def _outputs(self, net: Any, observations: Any, seed: Any) -> Any:
        """Return the outputs of ``net`` for observations as the buffer holds them."""
        if self._frames_first:
            from agentlab.nets.cnn import frames_last

            observations = frames_last(observations)
        return net.call(observations, seed if self.config.noisy else None)

    def _loss(self, batch: Any, seed: Any) -> tuple[Any, Any, Any]:
        """Return a minibatch's loss, its errors ``[b]`` (what priorities follow) and mean Q."""
        observations, actions, returns, next_observations, discounts, weights, *precomputed = batch
        config, net = self.config, self._net
        chosen = tf.gather(self._outputs(net, observations, seed), actions, batch_dims=1)
        if precomputed:
            (next_outputs,) = precomputed
        else:
            next_outputs = self._outputs(self._target, next_observations, seed + [1, 0])
        selecting = next_outputs
        if config.double:
            selecting = self._outputs(net, next_observations, seed + [2, 0])
        best = tf.argmax(self._expected_values(selecting), axis=1)
        bootstrap = tf.stop_gradient(tf.gather(next_outputs, best, batch_dims=1))
        if config.distribution == "c51":
            support = tf.constant(self._support)
            target = categorical_target(tf.nn.softmax(bootstrap), returns, discounts, support)
            losses = tf.nn.softmax_cross_entropy_with_logits(target, chosen)
            # Priorities follow the divergence (Hessel et al. 2018), which is 0 where all is known.
            errors = losses + tf.reduce_sum(tf.math.xlogy(target, target), axis=1)
        elif config.distribution == "quantile":
            target = returns[:, None] + discounts[:, None] * bootstrap
            losses = quantile_huber(chosen, target)
            errors = losses
        else:
            target = returns + discounts * bootstrap[:, 0]
            losses = huber(chosen[:, 0] - target)
            errors = tf.abs(chosen[:, 0] - target)
        loss = tf.reduce_mean(weights * losses)
        return loss, errors, tf.reduce_mean(self._expected_values(chosen[:, None])[:, 0])

    def _expected_values(self, outputs: Any) -> Any:
        """``expected_values`` for tensors."""
        if self.config.distribution == "c51":
            return tf.reduce_sum(tf.nn.softmax(outputs) * self._support, axis=2)
        return tf.reduce_mean(outputs, axis=2)

    def _gradients_of(self, batch: Any, seed: Any) -> tuple[list[Any], tuple[Any, Any, Any]]:
        with tf.GradientTape() as tape:
            loss, errors, value = self._loss(batch, seed)
        return tape.gradient(loss, self._net.trainable_variables), (loss, errors, value)

    @cached_property
    def _gradients(self) -> Any:
        """The gradients and metrics of one minibatch, compiled."""
        return tf.function(self._gradients_of, input_signature=self._specs(self.config.batch_size))

    @cached_property
    def _update(self) -> Any:
        """All updates that are due at a time, compiled into one call."""
        config, variables = self.config, self._net.trainable_variables
        apply = compiled_apply(self._optimizer, variables, config.max_grad_norm, self._xla)

        def update(batches: Any, seed: Any) -> tuple[Any, Any]:
            count = tf.shape(batches[1])[0]
            total = tf.zeros(len(METRICS))
            errors = tf.zeros(tf.shape(batches[1]))
            for i in tf.range(count):
                gradients, (loss, error, value) = self._gradients_of(
                    [field[i] for field in batches], seed + [0, 1000 * i]
                )
                total += tf.stack([loss, value, apply(gradients)])
                errors = tf.tensor_scatter_nd_update(errors, [[i]], error[None])
            return total / tf.cast(count, tf.float32), errors

        signature = self._specs(None, config.batch_size)
        return tf.function(update, input_signature=signature, jit_compile=self._xla)

    @cached_property
    def _target_outputs(self) -> Any:
        """The target net's outputs for minibatches ``[n, b, ...]``, compiled."""

        def evaluate_target(observations: Any) -> Any:
            _, batch, *shape = observations.shape
            outputs = self._outputs(self._target, tf.reshape(observations, (-1, *shape)), None)
            return tf.reshape(outputs, (-1, batch, *outputs.shape[1:]))

        (_, _, _, observations, *_), _ = self._specs(None, self.config.batch_size)
        return tf.function(evaluate_target, input_signature=[observations], jit_compile=self._xla)

    @cached_property
    def _update_target(self) -> Any:
        """Move the target net's weights towards the online net's, compiled."""
        pairs = list(zip(self._target.variables, self._net.variables, strict=True))

        @tf.function(input_signature=[tf.TensorSpec((), tf.float32)])
        def update(tau: Any) -> None:
            for old, new in pairs:
                old.assign(tf.where(tau == 1.0, new, old + tau * (new - old)))

        return update

    def _specs(self, *leading: int | None) -> list[Any]:
        """TensorFlow types of batches ``[*leading, ...]`` and of a seed."""
        shape, dtype = self._encoding.shape, self._encoding.dtype
        if self._frames_first:
            shape = (shape[-1], *shape[:-1])
        inputs = tf.TensorSpec((*leading, *shape), dtype)
        scalars = tf.TensorSpec(leading, tf.float32)
        actions = tf.TensorSpec(leading, tf.int32)
        batches = [inputs, actions, scalars, inputs, scalars, scalars]
        if not self.config.noisy:
            batches.append(tf.TensorSpec((*leading, self._actions, self._net.n_atoms), tf.float32))
        return [batches, tf.TensorSpec((2,), tf.int32)]

    @cached_property
    def _support(self) -> npt.NDArray[np.float32]:
        """The returns that C51's atoms stand for."""
        config = self.config
        return np.linspace(config.v_min, config.v_max, config.n_atoms, dtype=np.float32)

    def _build_net(self, seed: int) -> Any:
        from agentlab.nets.q_network import QNetwork

        config = self.config
        streams = config.dueling or config.noisy
        arguments: dict[str, Any] = {}
        hidden = 0
        if config.precision == "bfloat16":
            arguments["dtype"] = "mixed_bfloat16"
        if streams and config.net == "mlp":
            # The last hidden layer is part of the streams, as the convolutional net's is.
            *rest, hidden = config.hidden
            arguments["hidden"] = tuple(rest)
        elif streams:
            arguments["units"], hidden = None, 512
        return QNetwork(
            self._make_torso("torso", seed, **arguments),
            self._actions,
            1 if config.distribution == "expected" else config.n_atoms,
            hidden,
            config.activation,
            config.dueling,
            config.noisy,
            seed=seed + 200,
            name="net",
        )

    def _torsos(self) -> list[Any]:
        return [self._net.torso, self._target.torso]

    # Resting and keeping

    @cached_property
    def _replay(self) -> ReplayBuffer:
        """The buffer, made (or read) when the first step is seen: playing needs none."""
        config = self.config
        replay = ReplayBuffer(
            self.observation_space,
            self.action_space,
            config.buffer_size,
            self.num_envs,
            frame_stack=self._stack,
            n_step=config.n_step,
            gamma=config.gamma,
            alpha=config.alpha if config.prioritized else None,
            compress=config.compress,
            path=config.buffer_folder,
        )
        if self._saved_replay is not None:
            replay.load(self._saved_replay)
        return replay

    def pause(self) -> dict[str, float] | None:
        metrics = self._finish()
        if self._steps:
            self._replay.cut()
        return metrics

    def save(self, directory: Path | str) -> None:
        super().save(directory)
        if self._steps:
            self._replay.save(Path(directory) / "replay")

    def read(self, directory: Path | str) -> None:
        super().read(directory)
        self.__dict__.pop("_replay", None)
        self._saved_replay = Path(directory) / "replay"

    def _variables(self) -> dict[str, Any]:
        targets = {f"target/{i:03d}": v for i, v in enumerate(self._target.variables)}
        return {**super()._variables(), **targets}

    def state(self) -> dict[str, Any]:
        return {**super().state(), "steps": self._steps, "synced": self._synced}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._steps, self._synced = int(state["steps"]), int(state["synced"])


class Rainbow(DQN):
    """``dqn`` with all six improvements (Hessel et al. 2018)."""

    name = "rainbow"
    Config: ClassVar[type] = RainbowConfig


def categorical_target(probabilities: Any, returns: Any, discounts: Any, support: Any) -> Any:
    """Project the distribution of ``R + discount * Z`` onto the atoms (Bellemare et al. 2017).

    Each atom's moved probability goes to its two neighbors on ``support`` in proportion to how
    near they are (algorithm 1).

    Args:
        probabilities: of the atoms in the next state, float32 ``[b, atoms]``.
        returns: rewards of the window, discounted and summed, ``[b]``.
        discounts: of what follows the window; 0 where the task terminated, ``[b]``.
        support: the returns that the atoms stand for, evenly spaced, ``[atoms]``.

    Returns:
        Probabilities, float32 ``[b, atoms]``.
    """
    moved = returns[:, None] + discounts[:, None] * support
    moved = tf.clip_by_value(moved, support[0], support[-1])
    distance = tf.abs(moved[:, None, :] - support[None, :, None]) / (support[1] - support[0])
    return tf.reduce_sum(tf.maximum(1 - distance, 0) * probabilities[:, None, :], axis=2)


def quantile_huber(quantiles: Any, targets: Any) -> Any:
    """Return the loss of quantile regression ``[b]`` (Dabney et al. 2018, equation 10).

    Args:
        quantiles: estimates at the midpoints of equal shares, float32 ``[b, n]``.
        targets: samples of what they estimate, ``[b, m]``.
    """
    count = quantiles.shape[1]
    midpoints = (np.arange(count, dtype=np.float32) + 0.5) / count
    errors = targets[:, None, :] - quantiles[:, :, None]
    weight = tf.abs(midpoints[None, :, None] - tf.cast(errors < 0, tf.float32))
    return tf.reduce_sum(tf.reduce_mean(weight * huber(errors), axis=2), axis=1)
