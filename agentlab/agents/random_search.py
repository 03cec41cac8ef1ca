"""Random search over linear policies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.agents.agent import Agent
from agentlab.agents.encoders import ENCODED_SPACES
from agentlab.agents.encoding import Encoding
from agentlab.agents.policies import masked
from agentlab.components import State
from agentlab.config import Options, option
from agentlab.envs.vector import Array, Step


@dataclass(frozen=True)
class RandomSearchConfig(Options):
    """Hyperparameters of ``random_search``."""

    candidates: int = option(10, "number of policies", ge=1)
    episodes_per_candidate: int = option(10, "episodes per policy", ge=1)
    score: Literal["return", "length"] = option(
        "return", "select the policy with the highest mean return or episode length"
    )


class RandomSearch(Agent):
    """Samples random policies, runs some episodes with each, and selects the best mean score.

    A policy is one dense layer on the flattened observation and selects the action with the
    largest output (the sigmoid of Gulli and Kapoor 2017, recipe 9.2, would not change which one
    that is). Weights are normal with variance 1 / inputs.
    """

    name = "random_search"
    learned = ("weights",)
    Config: ClassVar[type] = RandomSearchConfig
    config: RandomSearchConfig

    observation_spaces = ENCODED_SPACES
    action_spaces = (gymnasium.spaces.Discrete,)

    def build(self) -> None:
        action_space = self.action_space
        assert isinstance(action_space, gymnasium.spaces.Discrete)
        self.encoding = Encoding(self.observation_space)
        inputs, outputs = math.prod(self.encoding.shape), int(action_space.n)
        self._start = int(action_space.start)
        shape = (self.config.candidates, inputs, outputs)
        self.weights = self.rng.standard_normal(shape, np.float32) / np.float32(np.sqrt(inputs))
        self.scores: list[list[float]] = [[] for _ in range(self.config.candidates)]
        self._running = np.zeros(self.num_envs)
        self._playing = np.full(self.num_envs, -1)
        for i in range(self.num_envs):
            self._playing[i] = self._next_candidate()

    @property
    def best(self) -> int:
        """The index of the candidate with the highest mean score so far."""
        return int(np.argmax([float(np.mean(s)) if s else -np.inf for s in self.scores]))

    def act(self, observations: Array, explore: bool = True) -> Array:
        mask = self.encoding.mask(observations)
        inputs = self.encoding(observations).astype(np.float32)
        inputs = inputs.reshape(len(inputs), math.prod(self.encoding.shape))
        playing = self._playing if explore else np.full(len(inputs), self.best)
        actions = np.empty(len(inputs), np.int64)
        for candidate in np.unique(playing):
            mine = playing == candidate
            outputs = inputs[mine] @ self.weights[candidate]
            actions[mine] = masked(outputs, mask if mask is None else mask[mine]).argmax(1)
        return actions + self._start

    def observe(self, step: Step) -> dict[str, float] | None:
        self._running += step.raw_rewards if self.config.score == "return" else 1
        over = np.flatnonzero(step.episode_over)
        for i in over:
            scores = self.scores[self._playing[i]]
            if len(scores) < self.config.episodes_per_candidate:
                scores.append(float(self._running[i]))
            self._running[i] = 0
            self._playing[i] = self._next_candidate()
        if not len(over):
            return None
        played = sum(map(len, self.scores))
        self.finished = played == self.config.episodes_per_candidate * self.config.candidates
        return {"candidates/best": self.best, "candidates/best_score": self._best_score()}

    def on_episodes_cut(self, envs: npt.NDArray[np.bool_]) -> None:
        self._running[envs] = 0

    def _next_candidate(self) -> int:
        """Return the candidate with the fewest episodes, including those in progress."""
        under_way = np.bincount(self._playing[self._playing >= 0], minlength=len(self.scores))
        return int(np.argmin([len(s) for s in self.scores] + under_way))

    def _best_score(self) -> float:
        return float(np.mean(self.scores[self.best] or [0.0]))

    def histograms(self) -> dict[str, npt.NDArray[Any]]:
        return {"weights/best": self.weights[self.best]}

    def state(self) -> State:
        return {
            "weights": self.weights,
            "scores": self.scores,
            "finished": self.finished,
            "running": self._running,
            "playing": self._playing,
        }

    def restore(self, state: State) -> None:
        self.weights = state["weights"]
        self.scores = [list(map(float, scores)) for scores in state["scores"]]
        self.finished = state["finished"]
        if len(state["running"]) == self.num_envs:  # else it was trained in a different number
            self._running, self._playing = state["running"].copy(), state["playing"].copy()
