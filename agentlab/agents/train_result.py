"""The result of ``train``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainResult:
    """The result of ``train``.

    Attributes:
        steps: total environment steps, including those before a resume.
        episodes: number of completed episodes.
        interrupted: whether Ctrl-C or SIGTERM stopped training early; the checkpoint is saved.
        mean_return: mean return of the last 100 episodes; NaN if none has ended.
    """

    steps: int
    episodes: int
    interrupted: bool
    mean_return: float
