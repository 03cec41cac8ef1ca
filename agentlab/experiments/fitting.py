"""Settings of a trainer's run that do not depend on the trainer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agentlab.config import Options, option


@dataclass(frozen=True)
class Fitting(Options):
    """Settings of training that do not depend on the trainer."""

    seed: int = option(0, "random seed; runs with equal seeds have equal results", ge=0)
    stop_at: float | None = option(
        None, "stop once the validation metric that selects the best epoch reaches this"
    )
    strategy: Literal["mirrored", "multiworker", "ps"] | None = option(
        None,
        "split minibatches across GPUs (mirrored), processes (multiworker) or workers with "
        "parameter servers (ps); see `agentlab launch`",
    )
