"""Statistics of a training loop: episodes, means of metrics, and timings."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.envs.vector import Step
from agentlab.runs.episode_log import EpisodeLog

WINDOW = 100  # episodes in the moving averages, as on Gym's leaderboards


class Episodes:
    """Returns and lengths of the latest episodes, and of those in progress.

    Attributes:
        count: number of completed episodes, including those before a resume.
        log: the file that each completed episode is written to, or ``None``.

    Args:
        num_envs: number of environments.
        run_path: the run's folder; ``None`` writes no file.
    """

    def __init__(self, num_envs: int, run_path: Path | None = None) -> None:
        self.count = 0
        self.log = None if run_path is None else EpisodeLog(run_path)
        self._returns: deque[float] = deque(maxlen=WINDOW)
        self._lengths: deque[int] = deque(maxlen=WINDOW)
        self._running_returns = np.zeros(num_envs)
        self._running_lengths = np.zeros(num_envs, np.int64)

    @property
    def mean_return(self) -> float:
        """Mean return of the last 100 episodes; NaN if none has ended."""
        return float(np.mean(self._returns)) if self._returns else math.nan

    @property
    def mean_length(self) -> float:
        """Mean length of the last 100 episodes in steps; NaN if none has ended."""
        return float(np.mean(self._lengths)) if self._lengths else math.nan

    def begin(self, envs: npt.NDArray[np.bool_]) -> None:
        """Start new episodes in some environments."""
        self._running_returns[envs], self._running_lengths[envs] = 0, 0

    def add(self, step: Step, steps: int) -> None:
        """Add a step of all environments; ``steps`` is the total number of steps after it."""
        self._running_returns += step.raw_rewards
        self._running_lengths += 1
        if np.count_nonzero(step.episode_over):  # several times faster than any()
            ended = np.flatnonzero(step.episode_over)
            self.count += len(ended)
            returns = self._running_returns[ended].tolist()
            lengths = self._running_lengths[ended].tolist()
            self._returns.extend(returns)
            self._lengths.extend(lengths)
            if self.log is not None:
                self.log.add(steps, returns, lengths)
            self._running_returns[ended], self._running_lengths[ended] = 0, 0
        if step.lost is not None:
            self.begin(step.lost)

    def metrics(self) -> dict[str, float]:
        """Return the number of episodes and the statistics of the latest ones."""
        if not self._returns:
            return {"episodes": self.count}
        return {
            "episodes": self.count,
            "return/mean": self.mean_return,
            "return/min": min(self._returns),
            "return/max": max(self._returns),
            "length/mean": float(np.mean(self._lengths)),
        }

    def describe(self) -> str:
        """Return the text of the progress bar."""
        if not self._returns:
            return "no episode has ended"
        mean = self.mean_return
        mean_text = f"{mean:.2f}" if abs(mean) < 1e5 else f"{mean:.4g}"
        return f"mean return {mean_text}, {self.count:,} episodes"

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint, after writing the buffered episodes to the log."""
        return {
            "episode_log": 0 if self.log is None else self.log.flush(),
            "episodes": self.count,
            "returns": list(self._returns),
            "lengths": list(self._lengths),
            "running_returns": self._running_returns.tolist(),
            "running_lengths": self._running_lengths.tolist(),
        }

    def rewind(self, size: int) -> None:
        """Discard the episodes in the log after its first ``size`` bytes."""
        if self.log is not None:
            self.log.rewind(size)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``.

        Raises:
            KeyError, TypeError, ValueError: if ``state`` is malformed.
        """
        self.count = int(state["episodes"])
        self.rewind(int(state.get("episode_log", 0)))
        self._returns.extend(map(float, state["returns"]))
        self._lengths.extend(map(int, state["lengths"]))
        self._running_returns[:] = state["running_returns"]
        self._running_lengths[:] = state["running_lengths"]


class Means:
    """Means of the metrics that an agent returns, between two rows of the log."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = defaultdict(list)

    def __bool__(self) -> bool:
        return bool(self._values)

    def add(self, metrics: Mapping[str, float]) -> None:
        """Add metrics.

        Raises:
            ValueError: if a metric is NaN or infinite.
        """
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise ValueError(f"{name} is {value}")
            self._values[name].append(value)

    def state(self) -> dict[str, list[float]]:
        """Return the values since the last row, for a checkpoint."""
        return {name: list(values) for name, values in self._values.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""
        for name, values in state.items():
            self._values[name] = list(map(float, values))

    def take(self) -> dict[str, float]:
        """Return the means by name, and reset them."""
        means = {name: float(np.mean(values)) for name, values in self._values.items()}
        self._values.clear()
        return means


class Timer:
    """The duration of training, and the fraction of it spent in each part.

    Attributes:
        seconds: training time up to the last ``take``, including time before a resume.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._parts: dict[str, float] = defaultdict(float)
        self._since = time.perf_counter()
        self._steps = 0

    def start(self, steps: int) -> None:
        """Start measuring, after ``steps`` steps."""
        self._since, self._steps = time.perf_counter(), steps
        self._parts.clear()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Exclude the time spent in this context."""
        before = time.perf_counter()
        try:
            yield
        finally:
            self._since += time.perf_counter() - before

    def add(self, seconds: Mapping[str, float]) -> None:
        """Add the seconds spent in each part."""
        for part, spent in seconds.items():
            self._parts[part] += spent

    @property
    def total(self) -> float:
        """Seconds of training so far, including those before a resume."""
        return self.seconds + time.perf_counter() - self._since

    def take(self, steps: int) -> dict[str, float]:
        """Return the speed and fractions since the last call, and restart the measurement."""
        spent = max(time.perf_counter() - self._since, 1e-9)
        self.seconds += spent
        timings = {
            "seconds": self.seconds,
            "steps_per_second": (steps - self._steps) / spent,
            **{f"time/{part}": seconds / spent for part, seconds in self._parts.items()},
        }
        self.start(steps)
        return timings
