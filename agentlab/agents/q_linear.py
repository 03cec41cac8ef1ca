"""Q-learning with a linear function of random RBF features and experience replay."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.agents.agent import Agent, Space
from agentlab.agents.encoders import ENCODED_SPACES
from agentlab.agents.encoding import Encoding
from agentlab.agents.exploration import EpsilonGreedy, random_actions
from agentlab.agents.policies import masked
from agentlab.components import State
from agentlab.config import option, override
from agentlab.envs.vector import Array, Step
from agentlab.errors import InvalidArgument
from agentlab.replay import ReplayBuffer, buffer_bytes
from agentlab.replay.available import check_memory

Floats = npt.NDArray[np.float32]
MAX_NUMBERS = 1 << 26  # elements of the features' frequencies, and of the weights
REPORT = 1000  # steps between metrics


@dataclass(frozen=True)
class QLinearConfig(EpsilonGreedy):
    """Hyperparameters of ``q_linear``."""

    kernels: tuple[float, ...] = option(
        (0.02, 1.0, 0.5, 0.1), "gamma of each RBF kernel exp(-gamma |x - y|^2)", gt=0
    )
    features: int = option(100, "random features per kernel", gt=0)
    learning_starts: int = option(
        500, "random steps before learning, also used to standardize observations", ge=2
    )
    buffer_size: int = option(50_000, "transitions in the replay buffer", gt=0)
    batch_size: int = option(32, "transitions in a minibatch", gt=0)
    gradient_steps: int = option(4, "minibatches per step of all environments", gt=0)
    tau: float = option(0.001, "soft update coefficient of the target weights", gt=0, le=1)
    learning_rate: float = option(1.0, "step size of a minibatch", gt=0)
    learning_rate_half_life: int = option(
        0, "steps of learning after which the learning rate is halved; 0 for constant", ge=0
    )
    gamma: float = option(0.97, "discount factor", ge=0, le=1)
    epsilon_end: float = override(EpsilonGreedy, "epsilon_end", 0.0)
    epsilon_steps: int = override(EpsilonGreedy, "epsilon_steps", 2_000)

    def check(self) -> None:
        """Check that the options are consistent."""
        super().check()
        if not self.kernels:
            raise InvalidArgument(f"kernels={self.kernels} must be one or more positive numbers")
        if self.learning_starts > self.buffer_size:
            raise InvalidArgument(
                f"learning_starts={self.learning_starts} must not exceed "
                f"buffer_size={self.buffer_size}"
            )

    def check_buffer_memory(self, observation_space: Space, action_space: Space) -> None:
        """Check that the replay buffer fits into memory.

        Raises:
            AgentlabError: if it does not fit.
        """
        check_memory(
            sum(buffer_bytes(observation_space, action_space, self.buffer_size)),
            f"buffer_size={self.buffer_size} of observations {observation_space}",
            "choose a smaller buffer_size",
        )


class FourierFeatures:
    """Random Fourier features of a mean of RBF kernels (Rahimi & Recht 2007, algorithm 1).

    z(x) = sqrt(2 / D) cos(x W + b). The inner product z(x) z(y) approximates the mean of
    exp(-gamma |x - y|^2) over the kernels, so |z(x)|^2 is about 1.

    Attributes:
        frequencies: W, float32 ``[inputs, D]``, normal with variance 2 gamma.
        phases: b, float32 ``[D]``, uniform between 0 and 2 pi.
    """

    def __init__(self, frequencies: Floats, phases: Floats) -> None:
        self.frequencies, self.phases = frequencies, phases
        self._scale = np.float32(math.sqrt(2 / len(phases)))

    @classmethod
    def draw(
        cls, inputs: int, kernels: tuple[float, ...], features: int, rng: np.random.Generator
    ) -> FourierFeatures:
        """Draw ``features`` random features of ``inputs`` inputs for each gamma in ``kernels``."""
        deviations = np.repeat(np.sqrt(2 * np.array(kernels, np.float32)), features)
        normal = rng.standard_normal((inputs, len(deviations)), np.float32)
        phases = rng.random(len(deviations), np.float32) * np.float32(2 * np.pi)
        return cls(normal * deviations, phases)

    def __call__(self, x: Floats) -> Floats:
        """Return features, float32 ``[n, D]``, of ``x`` ``[n, inputs]``."""
        waves = x @ self.frequencies
        waves += self.phases
        np.cos(waves, out=waves)
        waves *= self._scale
        return waves


class QLinear(Agent):
    """Learns Q(s, a) = w_a z(s) with random features z, by Q-learning with experience replay.

    Each minibatch (Lin 1992) is a gradient step on the squared TD error with the target
    r + gamma max_a w'_a z(s'), or r alone if s' is terminal; a truncated episode bootstraps from
    its final observation. The target weights w' slowly track w (Lillicrap et al. 2016, section 3),
    which stabilizes learning. Rewards are neither clipped nor scaled.

    Observations are standardized with the mean and standard deviation of those seen in the initial
    random steps, since samples of an unbounded space do not show which states actually occur. After
    that the features are fixed and ``|z|^2`` is about 1, so the same ``learning_rate`` works for
    any number of features. A ``learning_rate`` below 2 cannot overshoot on a minibatch; larger
    values are stable if minibatches are spread over many states and actions.

    Attributes:
        weights: w, float32 ``[features, actions]``.
        target: w', float32 ``[features, actions]``.
    """

    name = "q_linear"
    Config: ClassVar[type] = QLinearConfig
    config: QLinearConfig
    observation_spaces = ENCODED_SPACES
    normalizes_itself = ("normalize_observations",)  # by the mean and deviation of the first ones
    action_spaces = (gymnasium.spaces.Discrete,)

    def build(self) -> None:
        config, observation_space, action_space = (
            self.config,
            self.observation_space,
            self.action_space,
        )
        assert isinstance(action_space, gymnasium.spaces.Discrete)
        self._first_action, self._actions = int(action_space.start), int(action_space.n)
        self.encoding = Encoding(observation_space)
        inputs, features = math.prod(self.encoding.shape), config.features
        if max(inputs, self._actions) * len(config.kernels) * features > MAX_NUMBERS:
            raise InvalidArgument(
                f"features={features} is too large for {observation_space} and {self._actions} "
                f"actions: frequencies and weights must each hold at most {MAX_NUMBERS:,} numbers"
            )
        self.features = FourierFeatures.draw(inputs, config.kernels, features, self.rng)
        self.mean, self.deviation = np.zeros(inputs), np.ones(inputs)
        self.weights = np.zeros((features * len(config.kernels), self._actions), np.float32)
        self.target = self.weights.copy()
        self._first_observations: list[Array] = []  # until learning starts
        self._steps = 0
        self._errors: list[float] = []  # since the last metrics

    @cached_property
    def replay(self) -> ReplayBuffer:
        """The replay buffer, allocated at the first step, since acting does not need it."""
        self.config.check_buffer_memory(self.observation_space, self.action_space)
        buffer = ReplayBuffer(
            self.observation_space,
            self.action_space,
            self.config.buffer_size,
            self.num_envs,
            gamma=self.config.gamma,
        )
        return self.read_left("replay", buffer)

    @property
    def learning(self) -> bool:
        """Whether the initial random steps are over."""
        return self._steps >= self.config.learning_starts

    @property
    def epsilon(self) -> float:
        """The current probability of a random action."""
        if not self.learning:
            return 1.0
        return self.config.epsilon_at(self._steps - self.config.learning_starts)

    def act(self, observations: Array, explore: bool = True) -> Array:
        n, mask = len(observations), self.encoding.mask(observations)
        actions = masked(self.encode(observations) @ self.weights, mask).argmax(1)
        if explore:
            random = self.rng.random(n) < self.epsilon
            actions = np.where(random, random_actions(n, self._actions, mask, self.rng), actions)
        return np.asarray(actions + self._first_action)

    def encode(self, observations: Array) -> Floats:
        """Return z, float32 ``[n, features]``, of observations ``[n, ...]``."""
        return self.features(
            ((self._flat(observations) - self.mean) / self.deviation).astype(np.float32)
        )

    def _flat(self, observations: Any) -> Array:
        """Return observations as ``[n, inputs]``, Discrete ones as one-hot vectors."""
        inputs = self.encoding(observations)
        return np.asarray(inputs.reshape(len(inputs), len(self.mean)))

    def observe(self, step: Step) -> dict[str, float] | None:
        if not self.learning:
            self._first_observations.append(self._flat(step.observations).astype(np.float64))
        self.replay.add(step)
        self._steps += self.num_envs
        if not self.learning or not len(self.replay):
            return None
        if self._first_observations:
            self._standardize(np.concatenate(self._first_observations))
            self._first_observations = []
        self._learn()
        return self._metrics() if self._steps % REPORT < self.num_envs else None

    def _standardize(self, observations: npt.NDArray[np.float64]) -> None:
        self.mean, deviation = observations.mean(0), observations.std(0)
        # The deviation of constants is 0, or a rounding error.
        varies = (observations != observations[0]).any(0)
        self.deviation = np.where(varies, deviation, 1)

    def _learn(self) -> None:
        """Run the updates due after a step."""
        count, size = self.config.gradient_steps, self.config.batch_size
        sampled = self.replay.sample(count * size, self.rng)
        z = self.encode(sampled.observations).reshape(count, size, -1)
        next_z = self.encode(sampled.next_observations).reshape(count, size, -1)
        actions = (sampled.actions - self._first_action).reshape(count, size)
        returns, discounts = (x.reshape(count, size) for x in (sampled.returns, sampled.discounts))
        mask = self.encoding.mask(sampled.next_observations, acting=False)
        masks = [None] * count if mask is None else list(mask.reshape(count, size, -1))
        rows, rate = np.arange(size), np.float32(self.learning_rate / size)
        for i in range(count):
            next_q_values = masked(next_z[i] @ self.target, masks[i])
            target_q_values = returns[i] + discounts[i] * next_q_values.max(1)
            errors = np.zeros((size, self._actions), np.float32)
            current = (z[i] @ self.weights)[rows, actions[i]]
            errors[rows, actions[i]] = target_q_values - current
            self.weights += rate * (z[i].T @ errors)
            self.target += np.float32(self.config.tau) * (self.weights - self.target)
            self._errors.append(float(np.abs(errors).sum()) / size)

    @property
    def learning_rate(self) -> float:
        """The current learning rate, which eventually decays as 1 / t (Robbins & Monro 1951)."""
        config = self.config
        if not config.learning_rate_half_life:
            return config.learning_rate
        steps = self._steps - config.learning_starts
        return config.learning_rate / (1 + steps / config.learning_rate_half_life)

    def _metrics(self) -> dict[str, float] | None:
        errors, self._errors = self._errors, []
        return {"td_error": float(np.mean(errors)), "epsilon": self.epsilon} if errors else None

    def on_episodes_cut(self, envs: npt.NDArray[np.bool_]) -> None:
        if self._steps:
            self.replay.cut(envs)

    def histograms(self) -> dict[str, npt.NDArray[Any]]:
        return {"weights": self.weights}

    def components(self) -> dict[str, Any]:
        return {"replay": self.replay} if self._steps else {}

    def state(self) -> State:
        return {
            "frequencies": self.features.frequencies,
            "phases": self.features.phases,
            "mean": self.mean,
            "deviation": self.deviation,
            "weights": self.weights,
            "target": self.target,
            "steps": self._steps,
            "errors": self._errors,
            "first_observations": np.array(self._first_observations, np.float64),
        }

    def restore(self, state: State) -> None:
        self.features = FourierFeatures(state["frequencies"], state["phases"])
        self.mean, self.deviation = state["mean"], state["deviation"]
        self.weights, self.target = state["weights"].copy(), state["target"].copy()
        self._steps, self._errors = int(state["steps"]), list(state["errors"])
        self._first_observations = list(state["first_observations"])
