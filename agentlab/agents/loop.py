"""The one loop that trains every agent, and the one that evaluates it."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from agentlab.agents.agent import Agent
from agentlab.envs.vector import VectorEnv
from agentlab.errors import AgentlabError
from agentlab.runs import Progress, Run, derive_seed, stop_signals

WINDOW = 100  # episodes that running means are taken over, as Gym's leaderboards did


class VideoWriter(Protocol):
    """Takes frames one by one."""

    def append(self, frame: npt.NDArray[np.uint8], /) -> None:
        """Add a frame, uint8 ``[height, width, 3]``."""


@dataclass(frozen=True)
class TrainResult:
    """What a training came to.

    Attributes:
        steps: environment steps made, those before a resume included.
        episodes: episodes ended.
        interrupted: whether Ctrl-C (or SIGTERM) stopped it early; its checkpoint is saved.
        mean_return: over the last 100 episodes; NaN before one has ended.
    """

    steps: int
    episodes: int
    interrupted: bool
    mean_return: float


@dataclass(frozen=True)
class Evaluation:
    """Returns (unclipped) and lengths of whole episodes, float64 and int64 ``[episodes]``."""

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


def train(
    agent: Agent,
    envs: VectorEnv,
    steps: int,
    *,
    run: Run | None = None,
    seed: int = 0,
    log_every: int = 10_000,
    checkpoint_every: int = 500_000,
    quiet: bool = False,
) -> TrainResult:
    """Let ``agent`` act in ``envs`` and learn, for ``steps`` steps counted over all environments.

    Where ``run`` holds a checkpoint, training goes on from there: the agent takes back its state,
    and every later metric equals, bit for bit, that of a run that was never stopped. To make that
    so, a checkpoint is a barrier for both: the agent comes to rest and the environments are reset
    with a seed that follows from ``seed`` and the checkpoint's number.

    Args:
        agent: what is trained.
        envs: where; as many as the agent was made for.
        steps: in total, those before a resume included.
        run: where metrics and checkpoints go; ``None`` keeps nothing.
        seed: of the environments.
        log_every: steps between rows of ``metrics.csv``.
        checkpoint_every: steps between checkpoints.
        quiet: show no progress.

    Raises:
        AgentlabError: where a loss or a weight is no longer a finite number (the last checkpoint
            stays), or an environment fails.
    """
    counts = {"steps": steps, "log_every": log_every, "checkpoint_every": checkpoint_every}
    for name, value in counts.items():
        if value < 1:
            raise AgentlabError(f"{name}={value} must be 1 or more")
    if agent.num_envs != envs.num_envs:
        raise AgentlabError(
            f"the agent was made for {agent.num_envs} environments, but envs has {envs.num_envs}"
        )
    session = _Session(agent, envs, run, seed)
    session.resume()
    # BLAS threads that wait for each other cost more than they give on small products.
    with threadpool_limits(1, "blas"), stop_signals() as stop:
        progress = Progress(steps, session.steps, quiet)
        progress.update(session.steps, session.note)
        observations = session.reset_envs()
        try:
            while session.steps < steps and not agent.finished and not stop.is_set():
                observations = session.step(observations)
                ending = session.steps >= steps or agent.finished or stop.is_set()
                if session.passed(checkpoint_every) and not ending:
                    session.checkpoint()
                    observations = session.reset_envs()
                elif session.passed(log_every) and not ending:  # a checkpoint logs, too
                    session.log()
                progress.update(session.steps, session.note)
            if session.steps > session.saved:  # else it had ended before it was resumed
                session.checkpoint()
        finally:
            progress.close()
    interrupted = stop.is_set() and session.steps < steps
    return TrainResult(session.steps, session.episodes, interrupted, session.mean_return)


class _Session:
    """The counters of a training, and what is done with them."""

    def __init__(self, agent: Agent, envs: VectorEnv, run: Run | None, seed: int) -> None:
        self.agent, self.envs, self.run, self.seed = agent, envs, run, seed
        self.steps = self.episodes = self.number = self.saved = 0
        self.returns: deque[float] = deque(maxlen=WINDOW)
        self.lengths: deque[int] = deque(maxlen=WINDOW)
        self.seconds = 0.0  # of training, over all resumes
        self._returns = np.zeros(envs.num_envs)  # of the episodes under way
        self._lengths = np.zeros(envs.num_envs, np.int64)
        self._sums: dict[str, list[float]] = defaultdict(list)
        self._clear_timings()

    @property
    def mean_return(self) -> float:
        return float(np.mean(self.returns)) if self.returns else math.nan

    def resume(self) -> None:
        """Take back what the run's newest checkpoint holds, if it has one."""
        if self.run is None:
            self.agent.on_train_start()
            return
        checkpoint = self.run.latest_checkpoint()
        self.run.rewind(checkpoint)
        if checkpoint is None:
            self.agent.on_train_start()
            graph = self.agent.graph()
            if graph is not None:
                self.run.graph(graph)
            return
        self.agent.restore_from(checkpoint.path / "learner")
        state = checkpoint.state
        self.steps = self.saved = checkpoint.step
        self.number = checkpoint.number
        self.episodes, self.seconds = state["episodes"], state["seconds"]
        self.returns.extend(state["returns"])
        self.lengths.extend(state["lengths"])
        self._clear_timings()

    def reset_envs(self) -> Any:
        self._returns[:], self._lengths[:] = 0, 0
        self.agent.reset(np.ones(self.envs.num_envs, np.bool_))
        return self.envs.reset(derive_seed(self.seed, self.number))

    def step(self, observations: Any) -> Any:
        """Make one step in all environments and return what to act on next."""
        clock = time.perf_counter
        start = clock()
        acted_on = self.agent.act(observations)
        actions, extras = acted_on if isinstance(acted_on, tuple) else (acted_on, {})
        acted = clock()
        step = self.envs.step(actions)
        step.extras = extras
        stepped = clock()
        metrics = self.agent.observe(step)
        if len(step.ended):
            self.agent.reset(step.terminated | step.truncated)
        self._act_seconds += acted - start
        self._env_seconds += stepped - acted
        self._observe_seconds += clock() - stepped
        self.steps += self.envs.num_envs
        self._returns += step.raw_rewards
        self._lengths += 1
        if step.episode_over.any():
            self._end_episodes(np.flatnonzero(step.episode_over))
        if metrics:
            self._take(metrics)
        return step.next_observations

    def note(self) -> str:
        """Say for the progress line how it goes."""
        mean = "none yet" if math.isnan(self.mean_return) else f"{self.mean_return:.2f}"
        return f"{self.episodes:,} episodes, mean return {mean}"

    def passed(self, every: int) -> bool:
        """Whether the last step reached or went beyond a multiple of ``every``."""
        return self.steps % every < self.envs.num_envs

    def _end_episodes(self, ended: npt.NDArray[np.int64]) -> None:
        self.episodes += len(ended)
        self.returns.extend(self._returns[ended].tolist())
        self.lengths.extend(self._lengths[ended].tolist())
        self._returns[ended], self._lengths[ended] = 0, 0

    def _take(self, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise self._diverged(f"{name} is {value}")
            self._sums[name].append(value)

    def _diverged(self, what: str) -> AgentlabError:
        kept = self.run and self.run.latest_checkpoint()
        last = f"the last good checkpoint is {kept.path}" if kept else "no checkpoint was saved yet"
        return AgentlabError(
            f"training diverged at step {self.steps}: {what}; {last}; try a smaller learning_rate"
        )

    def log(self) -> None:
        """Write the metrics since the last log: means of what the agent gave, and episodes."""
        means = {name: float(np.mean(values)) for name, values in self._sums.items()}
        self._sums.clear()
        spent = time.perf_counter() - self._since
        self.seconds += spent
        timings = {name: means.pop(name) for name in list(means) if name.startswith("time/")}
        timings |= {
            "seconds": self.seconds,
            "steps_per_second": (self.steps - self._steps_before) / spent if spent > 0 else 0.0,
            "time/act": self._act_seconds / spent,
            "time/env": self._env_seconds / spent,
            "time/observe": self._observe_seconds / spent,
        }
        self._clear_timings()
        metrics: dict[str, float] = {"episodes": self.episodes}
        if self.returns:
            metrics |= {
                "return/mean": self.mean_return,
                "return/min": min(self.returns),
                "return/max": max(self.returns),
                "length/mean": float(np.mean(self.lengths)),
            }
        if self.run is not None:
            self.run.log(self.steps, {**metrics, **means}, timings)

    def _clear_timings(self) -> None:
        self._since, self._steps_before = time.perf_counter(), self.steps
        self._act_seconds = self._env_seconds = self._observe_seconds = 0.0

    def checkpoint(self) -> None:
        """Bring the agent to rest and keep everything that a resumed run needs."""
        metrics = self.agent.pause()
        if metrics:
            self._take(metrics)
        histograms = self.agent.histograms()
        for name, array in histograms.items():
            if not np.isfinite(array).all():
                raise self._diverged(f"{name} holds values that are no finite numbers")
        if self._sums or self._steps_before < self.steps:
            self.log()
        self.saved = self.steps
        if self.run is None:
            return
        self.number += 1
        self.run.histograms(self.steps, histograms)
        state = {
            "episodes": self.episodes,
            "seconds": self.seconds,
            "returns": list(self.returns),
            "lengths": list(self.lengths),
        }
        self.run.save_checkpoint(self.number, self.steps, self._write, state)

    def _write(self, folder: Path) -> None:
        (folder / "learner").mkdir()
        self.agent.write(folder / "learner")


def evaluate(
    agent: Agent,
    envs: VectorEnv,
    episodes: int = 100,
    *,
    seed: int = 0,
    explore: bool = False,
    video: VideoWriter | None = None,
) -> Evaluation:
    """Play whole episodes without learning.

    Every environment plays an equal share of them (the first ones one more where it does not come
    out even), since taking the first to end would favor short episodes.

    Args:
        agent: who plays.
        envs: where; any number.
        episodes: how many.
        seed: of the environments.
        explore: act as in training instead of as well as possible.
        video: a list, a ``Video`` or the like, to which a frame of the first environment is
            appended at every step.

    Returns:
        Returns (unclipped) and lengths in the order of the environments.
    """
    if episodes < 1:
        raise AgentlabError(f"episodes={episodes} must be 1 or more")
    n = envs.num_envs
    share = np.full(n, episodes // n) + (np.arange(n) < episodes % n)
    played: list[list[tuple[float, int]]] = [[] for _ in range(n)]
    returns, lengths = np.zeros(n), np.zeros(n, np.int64)
    with threadpool_limits(1, "blas"):
        observations = envs.reset(seed)
        agent.reset(np.ones(n, np.bool_))
        while any(len(done) < due for done, due in zip(played, share, strict=True)):
            if video is not None:
                video.append(envs.render())
            chosen = agent.act(observations, explore)
            step = envs.step(chosen[0] if isinstance(chosen, tuple) else chosen)
            observations = step.next_observations
            if len(step.ended):
                agent.reset(step.terminated | step.truncated)
            returns += step.raw_rewards
            lengths += 1
            for i in np.flatnonzero(step.episode_over):
                if len(played[i]) < share[i]:
                    played[i].append((float(returns[i]), int(lengths[i])))
                returns[i], lengths[i] = 0, 0
    pairs = [pair for done in played for pair in done]
    return Evaluation(
        np.array([total for total, _ in pairs]), np.array([length for _, length in pairs])
    )
