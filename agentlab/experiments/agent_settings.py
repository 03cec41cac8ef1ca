"""The settings of an agent's run, whatever the algorithm."""

from __future__ import annotations

from dataclasses import dataclass

from agentlab.config import Options, option
from agentlab.envs.vector import MAX_ENVS
from agentlab.errors import InvalidArgument


@dataclass(frozen=True)
class Training(Options):
    """How a run trains, whatever the algorithm."""

    steps: int = option(1_000_000, "steps to train for, summed over the environments", ge=1)
    n_envs: int = option(8, "environments that are stepped together", ge=1, le=MAX_ENVS)
    workers: int | None = option(
        None, "processes that step them: 0 is this one only, none chooses", ge=0
    )
    seed: int = option(0, "seeds everything random; equal seeds give equal runs", ge=0)
    log_every: int = option(10_000, "steps between rows of metrics", ge=1)
    checkpoint_every: int = option(500_000, "steps between checkpoints", ge=1)
    eval_every: int = option(0, "steps between evaluations while training; 0 is off", ge=0)
    eval_episodes: int = option(
        100, "episodes of each evaluation, also of the one at the end; 0 is none", ge=0
    )
    stop_at_return: float | None = option(
        None, "stop once an evaluation while training has this mean return; none never stops"
    )
    video: bool = option(True, "record a video of one episode at the end")

    def check(self) -> None:
        super().check()
        if self.eval_every and not self.eval_episodes:
            raise InvalidArgument(
                f"eval_every={self.eval_every} needs eval_episodes=1 or more, not 0"
            )
        if self.stop_at_return is not None and not self.eval_every:
            raise InvalidArgument(
                f"stop_at_return={self.stop_at_return:g} needs evaluations while training: set "
                "eval_every to 1 or more"
            )
