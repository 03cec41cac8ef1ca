"""Exploration noise for continuous actions, independent or correlated in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from agentlab.config import Options, option

Floats = npt.NDArray[np.float32]
NoiseType = Literal["normal", "ornstein-uhlenbeck", "pink"]

# The mean reversion per step of each process that is summed.
# Ornstein-Uhlenbeck: theta = 0.15 (Lillicrap et al. 2016, section 7).
# Pink: processes with time constants of 1, 2, 4, ..., 512 steps add up to a power spectrum that
# falls as one over the frequency (van der Ziel 1950), which explores well in many environments
# (Eberhard et al. 2023, "Pink Noise Is All You Need").
RATES: dict[str, tuple[float, ...]] = {
    "normal": (),
    "ornstein-uhlenbeck": (0.15,),
    "pink": tuple(0.5**i for i in range(10)),
}


@dataclass(frozen=True)
class NoiseOptions(Options):
    """Exploration noise."""

    noise_type: NoiseType = option(
        "normal",
        f"exploration noise: {', '.join(get_args(NoiseType))}; the last two are correlated in time",
    )


class ActionNoise:
    """Standard normal noise for each environment, correlated in time within an episode.

    Each process follows ``x' = c x + sqrt(1 - c^2) normal`` with ``c = exp(-rate)``, so that its
    variance is always 1; the noise is their sum, divided by the square root of their number.

    Args:
        noise_type: the kind of noise.
        size: number of components of an action.

    >>> noise = ActionNoise("pink", 2)
    >>> noise(3, np.random.default_rng(0)).shape
    (3, 2)
    """

    def __init__(self, noise_type: NoiseType, size: int) -> None:
        self.size = size
        decays = np.exp(-np.array(RATES[noise_type], np.float32))
        self._decays = decays[:, None]  # [processes, 1]
        self._scales = np.sqrt(1 - self._decays**2)
        self._processes = np.zeros((0, len(decays), size), np.float32)  # [n, processes, size]
        self._starts = np.zeros(0, np.bool_)  # where a new episode begins, [n]

    def __call__(self, n: int, rng: np.random.Generator) -> Floats:
        """Return the noise of the next step of ``n`` environments, ``[n, size]``."""
        count = len(self._decays)
        if not count:
            return rng.standard_normal((n, self.size), np.float32)
        if n != len(self._starts):
            self._processes = np.zeros((n, count, self.size), np.float32)
            self._starts = np.ones(n, np.bool_)
        normal = rng.standard_normal(self._processes.shape, np.float32)
        moved = self._decays * self._processes + self._scales * normal
        self._processes = np.where(self._starts[:, None, None], normal, moved)
        self._starts = np.zeros(n, np.bool_)
        return np.asarray(self._processes.sum(1) / np.float32(np.sqrt(count)), np.float32)

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:
        """Start uncorrelated noise where an episode begins."""
        if len(episode_starts) == len(self._starts):
            self._starts = self._starts | episode_starts

    def state(self) -> dict[str, Any]:
        """Return the current noise, for a checkpoint."""
        return {"processes": self._processes, "starts": self._starts}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore a state returned by ``state``."""
        self._processes, self._starts = state["processes"], state["starts"]
