"""Q-learning with a linear function of radial basis features, trained on replayed steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.agents.agent import Agent, State
from agentlab.agents.exploration import Schedule, check_exploration, epsilon
from agentlab.config import option
from agentlab.envs.vector import Array, Step
from agentlab.errors import AgentlabError

Floats = npt.NDArray[np.float32]
MAX_NUMBERS = 1 << 26  # in the features' frequencies, and in the weights
REPORT = 1000  # steps between figures


@dataclass(frozen=True)
class QLinearConfig:
    """Hyperparameters of ``q_linear``."""

    kernels: tuple[float, ...] = option(
        (0.02, 1.0, 0.5, 0.1), "gamma of each RBF kernel exp(-gamma |x - y|^2)"
    )
    features: int = option(100, "random features of each kernel")
    warmup: int = option(500, "steps of random actions that observations are standardised on")
    memory: int = option(50_000, "steps that are kept for learning")
    batch: int = option(32, "steps that an update learns from")
    updates: int = option(4, "updates a step of all environments")
    target_rate: float = option(0.001, "share of the way a target's weights follow an update")
    learning_rate: float = option(1.0, "share of an error that an update takes away")
    learning_rate_halved: int = option(
        0, "steps after the warm-up in which it comes down to a half; 0 keeps it"
    )
    gamma: float = option(0.97, "discount of rewards a step")
    epsilon_start: float = option(1.0, "share of random actions after the warm-up")
    epsilon_end: float = option(0.0, "share of random actions in the end")
    epsilon_steps: int = option(2000, "steps from the one to the other")
    epsilon_schedule: Schedule = option("linear", "how it goes from the one to the other")

    def __post_init__(self) -> None:
        for name in ("features", "memory", "batch", "updates", "learning_rate"):
            if getattr(self, name) <= 0:
                raise AgentlabError(f"{name}={getattr(self, name)} must be more than 0")
        if not self.kernels or min(self.kernels) <= 0:
            raise AgentlabError(f"kernels={self.kernels} must be one or more positive numbers")
        if not 2 <= self.warmup <= self.memory:
            raise AgentlabError(f"warmup={self.warmup} must be between 2 and memory={self.memory}")
        if self.learning_rate_halved < 0:
            raise AgentlabError(
                f"learning_rate_halved={self.learning_rate_halved} must be 0 or more"
            )
        if not 0 <= self.gamma <= 1:
            raise AgentlabError(f"gamma={self.gamma} must be between 0 and 1")
        if not 0 < self.target_rate <= 1:
            raise AgentlabError(f"target_rate={self.target_rate} must be more than 0 and at most 1")
        check_exploration(self.epsilon_start, self.epsilon_end, self.epsilon_steps)


class FourierFeatures:
    """Random Fourier features of a mean of RBF kernels (Rahimi & Recht 2007, algorithm 1).

    z(x) = sqrt(2 / D) cos(x W + b), whose inner products z(x) z(y) come close to the mean of
    exp(-gamma |x - y|^2) over the kernels; so |z(x)|^2 is about 1.

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
        """Draw ``features`` features of ``inputs`` inputs for each gamma in ``kernels``."""
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
    """Learns Q(s, a) = w_a z(s) with random features z, by Q-learning on replayed steps.

    An update draws steps from memory (Lin 1992) and descends the squared error of
    r + gamma max_a w'_a z(s') (nothing is added to r where the task terminated; a cut episode
    goes on in its true last observation). w' follows w slowly (Lillicrap et al. 2016, section 3),
    so that a target does not run after itself. Rewards are the environment's own.

    Observations are standardised with the mean and the deviation of those that the agent met in
    its warm-up of random actions: samples of an unbounded space would say nothing about where it
    really goes. From then on features never change, and |z|^2 is about 1, so that the same
    ``learning_rate`` suits any number of features. Below 2 it cannot overshoot a batch; more is
    stable where a batch spreads over states and actions.

    Attributes:
        weights: w, float32 ``[features, actions]``.
        target: w', float32 ``[features, actions]``.
    """

    name = "q_linear"
    Config: ClassVar[type] = QLinearConfig
    config: QLinearConfig

    def __init__(
        self,
        observation_space: gymnasium.Space[Any],
        action_space: gymnasium.Space[Any],
        num_envs: int,
        config: QLinearConfig | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(observation_space, action_space, num_envs, config, seed)
        if not isinstance(action_space, gymnasium.spaces.Discrete):
            raise AgentlabError(f"q_linear needs Discrete actions, not {action_space}")
        if not isinstance(observation_space, gymnasium.spaces.Box):
            raise AgentlabError(f"q_linear needs Box observations, not {observation_space}")
        self._first_action, self._actions = int(action_space.start), int(action_space.n)
        inputs, size = math.prod(observation_space.shape), self.config.memory
        kernels, features = self.config.kernels, self.config.features
        if max(inputs, self._actions) * len(kernels) * features > MAX_NUMBERS:
            raise AgentlabError(
                f"features={features} would need more than {MAX_NUMBERS:,} numbers for "
                f"{observation_space} and {self._actions} actions"
            )
        self._features = FourierFeatures.draw(inputs, kernels, features, self.rng)
        self._mean, self._deviation = np.zeros(inputs, np.float32), np.ones(inputs, np.float32)
        self.weights = np.zeros((features * len(kernels), self._actions), np.float32)
        self.target = self.weights.copy()
        self._memory: dict[str, Array] = {  # a ring, the oldest step is overwritten
            "observations": np.zeros((size, inputs), np.float32),
            "actions": np.zeros(size, np.int64),
            "rewards": np.zeros(size, np.float32),
            "successors": np.zeros((size, inputs), np.float32),
            "discounts": np.zeros(size, np.float32),  # 0 where nothing follows
        }
        self._steps = 0
        self._errors: list[float] = []  # since the last figures

    @property
    def ready(self) -> bool:
        """Whether the warm-up is over."""
        return self._steps >= self.config.warmup

    @property
    def epsilon(self) -> float:
        """The share of random actions now."""
        if not self.ready:
            return 1.0
        c, step = self.config, self._steps - self.config.warmup
        return epsilon(step, c.epsilon_start, c.epsilon_end, c.epsilon_steps, c.epsilon_schedule)

    def act(self, observations: Array, explore: bool = True) -> Array:
        n = len(observations)
        actions = (self._encode(observations.reshape(n, -1)) @ self.weights).argmax(1)
        if explore:
            anything = self.rng.random(n) < self.epsilon
            actions = np.where(anything, self.rng.integers(self._actions, size=n), actions)
        return np.asarray(actions + self._first_action)

    def _encode(self, observations: Array) -> Floats:
        """Return z, float32 ``[n, features]``, of flat observations ``[n, inputs]``."""
        return self._features(((observations - self._mean) / self._deviation).astype(np.float32))

    def observe(self, step: Step) -> dict[str, float] | None:
        warm = self.ready
        self._remember(step)
        self._steps += self.num_envs
        if not self.ready:
            return None
        if not warm:
            self._standardise()
        for _ in range(self.config.updates):
            self._update()
        return self._figures() if self._steps % REPORT < self.num_envs else None

    def _remember(self, step: Step) -> None:
        n, memory = self.num_envs, self._memory
        where = (self._steps + np.arange(n)) % self.config.memory
        memory["observations"][where] = step.observations.reshape(n, -1)
        memory["actions"][where] = step.actions - self._first_action
        memory["rewards"][where] = step.rewards
        memory["successors"][where] = step.successors.reshape(n, -1)
        memory["discounts"][where] = np.where(step.terminated, 0, self.config.gamma)

    def _standardise(self) -> None:
        met = self._memory["observations"][: self._steps]
        self._mean, deviation = met.mean(0), met.std(0)
        self._deviation = np.where(deviation > 0, deviation, np.float32(1))  # some never change

    def _update(self) -> None:
        size = self.config.batch
        drawn = self.rng.integers(min(self._steps, self.config.memory), size=size)
        observations, actions, rewards, successors, discounts = (
            field[drawn] for field in self._memory.values()
        )
        z, next_z = np.split(self._encode(np.concatenate([observations, successors])), 2)
        rows = np.arange(size)
        targets = rewards + discounts * (next_z @ self.target).max(1)
        errors = np.zeros((size, self._actions), np.float32)
        errors[rows, actions] = targets - (z @ self.weights)[rows, actions]
        self.weights += np.float32(self._learning_rate / size) * (z.T @ errors)
        self.target += np.float32(self.config.target_rate) * (self.weights - self.target)
        self._errors.append(float(np.abs(errors).sum()) / size)

    @property
    def _learning_rate(self) -> float:
        """Falls as 1 / t in the end, as stochastic approximation asks (Robbins & Monro 1951)."""
        c = self.config
        if not c.learning_rate_halved:
            return c.learning_rate
        return c.learning_rate / (1 + (self._steps - c.warmup) / c.learning_rate_halved)

    def _figures(self) -> dict[str, float] | None:
        errors, self._errors = self._errors, []
        return {"td_error": float(np.mean(errors)), "epsilon": self.epsilon} if errors else None

    def pause(self) -> dict[str, float] | None:
        return self._figures()  # no step waits for another

    def histograms(self) -> dict[str, npt.NDArray[Any]]:
        return {"weights": self.weights}

    def state(self) -> State:
        held = min(self._steps, self.config.memory)
        return {
            "frequencies": self._features.frequencies,
            "phases": self._features.phases,
            "mean": self._mean,
            "deviation": self._deviation,
            "weights": self.weights,
            "target": self.target,
            "steps": self._steps,
            **{f"memory/{name}": field[:held] for name, field in self._memory.items()},
        }

    def restore(self, state: State) -> None:
        self._features = FourierFeatures(state["frequencies"], state["phases"])
        self._mean, self._deviation = state["mean"], state["deviation"]
        self.weights, self.target = state["weights"].copy(), state["target"].copy()
        self._steps, self._errors = int(state["steps"]), []
        for name, field in self._memory.items():
            field[: min(self._steps, len(field))] = state[f"memory/{name}"]
