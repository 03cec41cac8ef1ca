"""Tabular Q-learning, SARSA and expected SARSA."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.agents.agent import Agent
from agentlab.agents.encoders import ENCODED_SPACES
from agentlab.agents.encoding import action_mask
from agentlab.agents.exploration import EpsilonGreedy
from agentlab.agents.state_numbers import MAX_ENTRIES, StateNumbers
from agentlab.components import State
from agentlab.config import option, override
from agentlab.envs.vector import Array, Step
from agentlab.errors import InvalidArgument

REPORT = 1000  # steps between metrics


@dataclass(frozen=True)
class QTableConfig(EpsilonGreedy):
    """Hyperparameters of ``q_table``."""

    method: Literal["q_learning", "sarsa", "expected_sarsa"] = option(
        "q_learning", "bootstrap from the next state's greedy, actual or expected action"
    )
    learning_rate: float = option(0.1, "step size of an update", gt=0, le=1)
    learning_rate_decay: float = option(
        0.0, "power of the visits that learning_rate is divided by; 0 for constant", ge=0, le=1
    )
    gamma: float = option(0.99, "discount factor", ge=0, le=1)
    epsilon_steps: int = override(EpsilonGreedy, "epsilon_steps", 50_000)
    initial_value: float = option(0.0, "initial Q-values; optimistic ones encourage exploration")
    bins: int = option(10, "bins per dimension of a Box", ge=1)
    low: tuple[float, ...] = option((), "lower ends of the bins; empty for the space's bounds")
    high: tuple[float, ...] = option((), "upper ends of the bins; empty for the space's bounds")
    grid: tuple[int, ...] = option((), "rows and columns of the map that shows the policy", ge=1)
    arrows: str = option("", "one symbol per action on the map; empty for action numbers")

    def check(self) -> None:
        """Check that the options are consistent."""
        super().check()
        if not math.isfinite(self.initial_value):
            raise InvalidArgument(f"initial_value={self.initial_value} must be finite")
        if self.grid and len(self.grid) != 2:
            raise InvalidArgument(
                f"grid={self.grid} must be two positive integers: rows and columns"
            )


class QTable(Agent):
    """Moves Q(s, a) toward r + gamma V(s') (Sutton & Barto 2018, chapter 6).

    ``method`` defines V(s'):

    - ``q_learning``: max_a Q(s', a) (Watkins 1989; equation 6.8);
    - ``sarsa``: Q(s', a') of the next action a' (equation 6.7), so that each update is made one
      step later;
    - ``expected_sarsa``: the mean of Q(s', a) under the epsilon-greedy policy (equation 6.9).

    V(s') is 0 if s' is terminal. If an episode was truncated, s' is its final observation (and
    SARSA samples a' from the policy). The targets of a step are computed before the table changes;
    updates of the same entry are applied one after another, since their sum could overshoot.

    The step size is learning_rate / visits(s, a) ** learning_rate_decay; powers from 1/2 to 1
    converge even if transitions are random (Even-Dar & Mansour 2003).

    Attributes:
        table: Q, float64 ``[states, actions]``.
        visits: number of updates of each entry, int64 ``[states, actions]``.
    """

    name = "q_table"
    learned = ("table", "visits")
    Config: ClassVar[type] = QTableConfig
    config: QTableConfig
    observation_spaces = ENCODED_SPACES
    action_spaces = (gymnasium.spaces.Discrete,)

    def build(self) -> None:
        observation_space, action_space = self.observation_space, self.action_space
        assert isinstance(action_space, gymnasium.spaces.Discrete)
        self._states = StateNumbers(
            observation_space, self.config.bins, self.config.low, self.config.high
        )
        self._first_action, actions = int(action_space.start), int(action_space.n)
        if self._states.count * actions > MAX_ENTRIES:
            raise InvalidArgument(
                f"q_table would need more than {MAX_ENTRIES:,} entries for {observation_space} "
                f"with bins={self.config.bins} and {actions} actions; try fewer bins, or a "
                "network: algo='dqn' or 'pg'"
            )
        self._check_map(actions)
        self.table = np.full((self._states.count, actions), self.config.initial_value)
        self.visits = np.zeros(self.table.shape, np.int64)
        self._steps = 0
        self._errors: list[float] = []  # since the last metrics
        self._last: tuple[Array, Array, Array]  # states, actions and rewards of SARSA's last step
        self._waiting = np.zeros(self.num_envs, np.bool_)
        nothing = np.zeros(self.num_envs, np.int64)
        self._last = (nothing, nothing, np.zeros(self.num_envs))

    def _check_map(self, actions: int) -> None:
        grid, arrows = self.config.grid, self.config.arrows
        if grid and math.prod(grid) != self._states.count:
            raise InvalidArgument(
                f"grid={grid} must have one cell for each of the {self._states.count} states"
            )
        if arrows and len(arrows) != actions:
            raise InvalidArgument(
                f"arrows={arrows!r} must be one symbol for each of the {actions} actions"
            )

    @property
    def epsilon(self) -> float:
        """The current probability of a random action."""
        return self.config.epsilon_at(self._steps)

    def act(self, observations: Array, explore: bool = True) -> Array:
        states = self._states(observations)
        mask = action_mask(self.observation_space, observations)
        chosen = self._draw(states, mask) if explore else self._q_values(states, mask).argmax(1)
        return np.asarray(chosen + self._first_action)

    def _q_values(self, states: Array, mask: Array | None) -> Array:
        """Return Q, float64 ``[n, actions]``; -inf for forbidden actions."""
        values: Array = self.table[states]
        return values if mask is None else np.where(mask, values, -np.inf)

    def _draw(self, states: Array, mask: Array | None) -> Array:
        """Sample actions from the epsilon-greedy policy; ties are broken at random."""
        values = self._q_values(states, mask)
        order = self.rng.random(values.shape)
        if mask is not None:
            order = np.where(mask, order, -1)
        best = np.where(values == values.max(1, keepdims=True), order, -1).argmax(1)
        anything = self.rng.random(len(states)) < self.epsilon
        return np.asarray(np.where(anything, order.argmax(1), best))

    def observe(self, step: Step) -> dict[str, float] | None:
        states, next_states = (
            self._states(step.observations),
            self._states(step.true_next_observations),
        )
        actions, rewards = step.actions - self._first_action, step.rewards.astype(np.float64)
        due = np.arange(self.num_envs)
        if self.config.method == "sarsa":
            self._learn_waiting(states, actions)
            due = step.ended  # the others wait for their next action
            self._waiting[:] = True
            self._waiting[due] = False
            self._last = (states, actions, rewards)
        mask = action_mask(self.observation_space, step.true_next_observations, acting=False)
        following = self._values(next_states[due], mask if mask is None else mask[due])
        values = np.where(step.terminated[due], 0, following)
        self._learn(states[due], actions[due], rewards[due] + self.config.gamma * values)
        self._steps += self.num_envs
        return self._metrics() if self._steps % REPORT < self.num_envs else None

    def _learn_waiting(self, next_states: Array, next_actions: Array) -> None:
        """Apply the SARSA updates that were waiting for this step's actions."""
        states, actions, rewards = self._last
        following = self.table[next_states, next_actions]
        targets = rewards + self.config.gamma * following
        self._learn(states[self._waiting], actions[self._waiting], targets[self._waiting])

    def _values(self, states: Array, mask: Array | None) -> npt.NDArray[np.float64]:
        """Return V(s) as defined by ``method``, float64 ``[n]``; SARSA samples the action."""
        rows = self._q_values(states, mask)
        best: npt.NDArray[np.float64] = rows.max(1)
        if self.config.method == "q_learning":
            return best
        if self.config.method == "expected_sarsa":
            mean = rows.mean(1) if mask is None else rows.mean(1, where=mask)
            return np.asarray((1 - self.epsilon) * best + self.epsilon * mean)
        return np.asarray(rows[np.arange(len(states)), self._draw(states, mask)])

    def _learn(self, states: Array, actions: Array, targets: Array) -> None:
        rate, power = self.config.learning_rate, self.config.learning_rate_decay
        for entry in zip(states.tolist(), actions.tolist(), targets.tolist(), strict=True):
            where, target = entry[:2], entry[2]
            self.visits[where] += 1
            error = target - self.table[where]
            self.table[where] += rate / self.visits[where] ** power * error
            self._errors.append(abs(error))

    def _metrics(self) -> dict[str, float] | None:
        errors, self._errors = self._errors, []
        return {"td_error": float(np.mean(errors)), "epsilon": self.epsilon} if errors else None

    def on_episodes_cut(self, envs: npt.NDArray[np.bool_]) -> None:
        self._waiting[envs] = False

    def summary(self) -> str | None:
        """Return the greedy policy as a map of shape ``grid``, or ``None`` without ``grid``."""
        if not self.config.grid:
            return None
        return f"The greedy policy (. = never visited):\n{policy_text(self, self.config.grid)}"

    def histograms(self) -> dict[str, npt.NDArray[Any]]:
        return {"q": self.table}

    def state(self) -> State:
        states, actions, rewards = self._last
        return {
            "table": self.table,
            "visits": self.visits,
            "steps": self._steps,
            "errors": self._errors,
            "waiting": self._waiting,
            "last_states": states,
            "last_actions": actions,
            "last_rewards": rewards,
        }

    def restore(self, state: State) -> None:
        for own, saved in ((self.table, state["table"]), (self.visits, state["visits"])):
            own[:] = saved
        self._steps, self._errors = int(state["steps"]), list(state["errors"])
        if len(state["waiting"]) == self.num_envs:  # else it was trained in a different number
            self._waiting = state["waiting"].copy()
            self._last = (state["last_states"], state["last_actions"], state["last_rewards"])


def policy_text(agent: QTable, shape: tuple[int, ...]) -> str:
    """Return the greedy policy of ``agent`` as a map, one line per row.

    Args:
        agent: an agent whose states are the cells of the map, row by row. Its option ``arrows``
            has a symbol for each action; if it is empty, action numbers are printed.
        shape: rows and columns of the map.
    """
    numbers = range(agent._first_action, agent._first_action + agent.table.shape[1])
    signs = list(agent.config.arrows) or [str(number) for number in numbers]
    width = max(map(len, signs))
    best, known = agent.table.argmax(1).tolist(), agent.visits.sum(1).tolist()
    cells = [signs[b] if k else "." for b, k in zip(best, known, strict=True)]
    rows = np.array([cell.rjust(width) for cell in cells]).reshape(shape)
    return "\n".join(" ".join(row) for row in rows)
