"""Evaluation: complete episodes without learning."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from agentlab.agents.agent import Agent
from agentlab.bounds import check_counts
from agentlab.envs.vector import Step, VectorEnv, check_vector
from agentlab.runs import Progress, derive_seed

EVALUATION = 1  # combined with a run's seed, gives the seeds of its evaluations


EVAL_STEPS = 10_000  # longer than the time limits of Gymnasium's environments
HOPELESS = 10  # if the first this many are all truncated, the others are not played


class VideoWriter(Protocol):
    """An object to which frames can be appended."""

    def append(self, frame: npt.NDArray[np.uint8], /) -> None:
        """Add a frame, uint8 ``[height, width, 3]``."""


@dataclass(frozen=True)
class Evaluation:
    """Unclipped returns and lengths of episodes, float64 and int64 ``[episodes]``.

    Attributes:
        returns: the return of each episode.
        lengths: the length of each episode in steps.
        cut: number of episodes that were truncated because they did not end.
    """

    returns: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.int64]
    cut: int = 0

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

    def cut_note(self) -> str:
        """Return ``"; 3 of 10 episodes did not end and ..."``, or an empty string."""
        if not self.cut:
            return ""
        n, limit = len(self.lengths), int(self.lengths.max())
        return f"; {self.cut} of {n} episodes did not end and were truncated after {limit:,} steps"


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
    max_steps: int = EVAL_STEPS,
    quiet: bool = True,
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
            the first environment at every step, and the final frame of each episode.
        max_steps: truncate an episode that has not ended after this number of steps. If this
            happens to all of the first ten, the others are not played.
        quiet: show no progress bar.

    Returns:
        Unclipped returns and lengths, in the order of the environments.
    """
    check_counts(episodes=episodes, max_steps=max_steps)
    check_vector(envs)
    n = envs.num_envs
    share = np.full(n, episodes // n) + (np.arange(n) < episodes % n)
    tally = _Tally(share)
    progress = Progress(episodes, quiet=quiet, unit="episodes", transient=True)
    with threadpool_limits(1, "blas"), _own_randomness(agent, seed), closing(progress):
        observations = envs.reset(seed)
        agent.reset(np.ones(n, np.bool_))
        while not tally.complete:
            if video is not None and not getattr(video, "full", False):
                video.append(envs.render())
            step = envs.step(choose_actions(agent, observations, explore)[0])
            observations = step.next_observations
            if len(step.ended):
                agent.reset(step.terminated | step.truncated)
            cut = tally.add(step, max_steps)
            if video is not None and (cut[0] or step.episode_over[0]):
                _append_last(video, envs, bool(cut[0]))
            if cut.any():
                observations = envs.cut(cut)
                agent.reset(cut)
            progress.update(tally.count, tally.note)
    return tally.evaluation()


def _append_last(video: VideoWriter, envs: VectorEnv, cut: bool) -> None:
    """Append the final frame of an episode of environment 0."""
    frame = envs.render() if cut else envs.render_final()
    if frame is not None and not getattr(video, "full", False):
        video.append(frame)


class _Tally:
    """The returns and lengths of the episodes that count, ``due[i]`` of environment ``i``."""

    def __init__(self, due: npt.NDArray[np.int64]) -> None:
        self.due, self.count, self.cut = due, 0, 0
        self._ended: list[list[tuple[float, int]]] = [[] for _ in due]
        self._returns, self._lengths = np.zeros(len(due)), np.zeros(len(due), np.int64)

    @property
    def complete(self) -> bool:
        """Whether all episodes have ended, or none of the first ten did."""
        return self.count == self.due.sum() or self.cut == self.count >= HOPELESS

    def add(self, step: Step, max_steps: int) -> npt.NDArray[np.bool_]:
        """Add a step of all environments; return where an episode is to be cut, bool ``[n]``."""
        self._returns += step.raw_rewards
        self._lengths += 1
        if step.lost is not None:
            self._returns[step.lost], self._lengths[step.lost] = 0, 0
        cut = ~step.episode_over & (self._lengths >= max_steps)
        for i in np.flatnonzero(step.episode_over | cut):
            if len(self._ended[i]) < self.due[i]:
                self._ended[i].append((float(self._returns[i]), int(self._lengths[i])))
                self.count += 1
                self.cut += int(cut[i])
            self._returns[i], self._lengths[i] = 0, 0
        return cut

    def note(self) -> str:
        """Return the text of the progress bar."""
        totals = [total for done in self._ended for total, _ in done]
        mean = f"return {np.mean(totals):.4g}, " if totals else ""
        return f"{mean}step {int(self._lengths.max()):,}"

    def evaluation(self) -> Evaluation:
        """Return the result, in the order of the environments."""
        pairs = [pair for done in self._ended for pair in done]
        totals, lengths = zip(*pairs, strict=True)
        return Evaluation(np.array(totals), np.array(lengths), self.cut)


@contextmanager
def _own_randomness(agent: Agent, seed: int) -> Iterator[None]:
    """Let the agent draw from another generator, so that an evaluation leaves its own unchanged."""
    before, agent.rng = agent.rng, np.random.default_rng(derive_seed(seed, EVALUATION))
    try:
        yield
    finally:
        agent.rng = before
