"""Evaluation: complete episodes without learning, during or after training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from agentlab.agents.agent import Agent
from agentlab.envs.vector import VectorEnv, check_vector
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.learner import Learner
from agentlab.runs import Run, derive_seed
from agentlab.training.callbacks import Callback

EVALUATION = 1  # combined with a run's seed, gives the seeds of its evaluations


class VideoWriter(Protocol):
    """An object to which frames can be appended."""

    def append(self, frame: npt.NDArray[np.uint8], /) -> None:
        """Add a frame, uint8 ``[height, width, 3]``."""


@dataclass(frozen=True)
class Evaluation:
    """Unclipped returns and lengths of complete episodes, float64 and int64 ``[episodes]``."""

    returns: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.int64]

    @property
    def mean(self) -> float:
        """Mean return."""
        return float(self.returns.mean())

    @property
    def std(self) -> float:
        """Standard deviation of the returns."""
        return float(self.returns.std())

    def metrics(self) -> dict[str, float]:
        """Return the statistics of the episodes, as in a row of ``evaluations.csv``."""
        return {
            "mean_return": self.mean,
            "std_return": self.std,
            "min_return": float(self.returns.min()),
            "max_return": float(self.returns.max()),
            "mean_length": float(self.lengths.mean()),
        }


def choose_actions(
    agent: Agent, observations: Any, explore: bool = True
) -> tuple[Any, dict[str, Any]]:
    """Return the agent's actions and extras; an empty dict if it returned no extras."""
    chosen = agent.act(observations, explore)
    return chosen if isinstance(chosen, tuple) else (chosen, {})


def evaluate(
    agent: Agent,
    envs: VectorEnv,
    episodes: int = 100,
    *,
    seed: int = 0,
    explore: bool = False,
    video: VideoWriter | None = None,
) -> Evaluation:
    """Run complete episodes without learning.

    The episodes are divided evenly among the environments (the first ``episodes % num_envs`` of
    them run one more), since counting whichever episodes end first would favor short ones.

    Args:
        agent: the agent to evaluate.
        envs: the environments; their number may differ from ``agent.num_envs``.
        episodes: number of episodes.
        seed: seeds the environments.
        explore: act as in training instead of greedily.
        video: a ``Video``, a list or any other object with ``append``, which receives a frame of
            the first environment at every step.

    Returns:
        Unclipped returns and lengths, in the order of the environments.
    """
    if episodes < 1:
        raise InvalidArgument(f"episodes={episodes} must be 1 or more")
    check_vector(envs)
    n = envs.num_envs
    share = np.full(n, episodes // n) + (np.arange(n) < episodes % n)
    ended: list[list[tuple[float, int]]] = [[] for _ in range(n)]
    returns, lengths = np.zeros(n), np.zeros(n, np.int64)
    with threadpool_limits(1, "blas"), _own_randomness(agent, seed):
        observations = envs.reset(seed)
        agent.reset(np.ones(n, np.bool_))
        while any(len(done) < due for done, due in zip(ended, share, strict=True)):
            if video is not None:
                video.append(envs.render())
            step = envs.step(choose_actions(agent, observations, explore)[0])
            observations = step.next_observations
            if len(step.ended):
                agent.reset(step.terminated | step.truncated)
            returns += step.raw_rewards
            lengths += 1
            for i in np.flatnonzero(step.episode_over):
                if len(ended[i]) < share[i]:
                    ended[i].append((float(returns[i]), int(lengths[i])))
                returns[i], lengths[i] = 0, 0
    pairs = [pair for done in ended for pair in done]
    return Evaluation(
        np.array([total for total, _ in pairs]), np.array([length for _, length in pairs])
    )


@contextmanager
def _own_randomness(agent: Agent, seed: int) -> Iterator[None]:
    """Let the agent draw from another generator, so that an evaluation leaves its own unchanged."""
    before, agent.rng = agent.rng, np.random.default_rng(derive_seed(seed, EVALUATION))
    try:
        yield
    finally:
        agent.rng = before


class EvalCallback(Callback):
    """Evaluates an agent during training, saves the best one, and can stop training early.

    A copy of the agent acts in separate environments, so training results are the same with and
    without the callback. The seed of an evaluation depends only on ``seed`` and on the number of
    the evaluation.

    ::

        callback = agentlab.EvalCallback(agentlab.make_envs("CartPole-v1", 4), every=10_000)
        agentlab.train(agent, envs, 100_000, callbacks=[callback])
        print(callback.evaluations[-1]["mean_return"])

    With a run, the results are written to its ``evaluations.csv`` and to TensorBoard, and the best
    agent is saved in its folder ``best/``.

    Attributes:
        evaluations: one row per evaluation: ``step``, ``mean_return``, ``std_return``,
            ``min_return``, ``max_return`` and ``mean_length``.

    Args:
        envs: the evaluation environments; any number, separate from the training environments.
        every: steps between evaluations.
        episodes: number of episodes per evaluation.
        seed: seeds the evaluations.
        stop_at_return: stop training once the mean return reaches this value.
        report: called with ``"evaluation"`` and a line about each evaluation.

    Raises:
        InvalidArgument: for ``every`` or ``episodes`` less than 1.
    """

    def __init__(
        self,
        envs: VectorEnv,
        every: int = 10_000,
        episodes: int = 100,
        *,
        seed: int = 0,
        stop_at_return: float | None = None,
        report: Callable[[str, object], None] = lambda name, value: None,
    ) -> None:
        for name, value in (("every", every), ("episodes", episodes)):
            if value < 1:
                raise InvalidArgument(f"{name}={value} must be 1 or more")
        self.envs, self.every, self.episodes, self.seed = envs, every, episodes, seed
        self.stop_at_return, self.report = stop_at_return, report
        self.evaluations: list[dict[str, float]] = []

    @property
    def best(self) -> float:
        """The highest mean return so far; ``-inf`` before the first evaluation."""
        return max((row["mean_return"] for row in self.evaluations), default=-np.inf)

    def on_start(self, learner: Learner, run: Run | None) -> None:
        """Copy the agent, and read the earlier evaluations of a resumed run."""
        if not isinstance(learner, Agent):
            raise AgentlabError(f"EvalCallback needs an agent, not a {learner.kind}")
        self._agent, self._run = learner, run
        self._copy = learner.evaluation_copy(self.envs.num_envs, self.seed)
        self.evaluations = [] if run is None else run.evaluations()
        if run is not None and any("mean_return" not in row for row in self.evaluations):
            raise AgentlabError(
                f"{run.path / 'evaluations.csv'} is damaged: a row lacks mean_return"
            )
        self._stop_where_reached()

    def on_step(self, step: int) -> None:
        """Evaluate if the step reached or passed a multiple of ``every``."""
        if step % self.every < self._agent.num_envs:
            self.evaluate(step)

    def evaluate(self, step: int) -> Evaluation:
        """Evaluate the agent in its current state, and record the result under ``step``."""
        seed = derive_seed(self.seed, EVALUATION, step // self.every)
        self._copy.restore_policy(self._agent.policy_state())
        self._copy.rng.bit_generator.state = np.random.default_rng(seed).bit_generator.state
        played = evaluate(self._copy, self.envs, self.episodes, seed=seed)
        results = played.metrics()
        better = results["mean_return"] > self.best
        self.evaluations.append({"step": step, **results})
        if self._run is not None:
            if better:
                self._run.save_learner("best", self._copy.write)
            self._run.log_evaluation(step, results)
        mean, std = results["mean_return"], results["std_return"]
        best = ", the best so far" if better else ""
        self.report("evaluation", f"step {step:,}: mean return {mean:.4g} (std {std:.4g}){best}")
        self._stop_where_reached()
        return played

    def _stop_where_reached(self) -> None:
        if self.evaluations and self.stop_at_return is not None:
            self.stop_training = self.evaluations[-1]["mean_return"] >= self.stop_at_return
