"""Settings of an agent's run that do not depend on the algorithm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentlab.agents.evaluation import EVAL_STEPS
from agentlab.config import Options, option
from agentlab.envs.vector import MAX_ENVS
from agentlab.errors import InvalidArgument

FILES = ("pretrained", "init_from")  # settings that are paths, some of them of algorithms

# Settings that may be changed when a run is resumed. Those of algorithms are here if no saved array
# (a network, a buffer, a rollout) depends on them.
CHANGEABLE = (
    "steps",
    "workers",
    "ray",
    "log_every",
    "checkpoint_every",
    "eval_every",
    "eval_episodes",
    "eval_steps",
    "stop_at_return",
    "video",
    "learning_rate",
    "decay_steps",
    "max_grad_norm",
    "epsilon_start",
    "epsilon_end",
    "epsilon_steps",
    "epsilon_schedule",
    "eval_epsilon",
    "target_update_interval",
    "tau",
    "train_freq",
    "gradient_steps",
    "learning_starts",
    "clip_range",
    "ent_coef",
    "vf_coef",
    "gae_lambda",
    "n_epochs",
)


@dataclass(frozen=True)
class Training(Options):
    """Settings of training that do not depend on the algorithm."""

    steps: int = option(1_000_000, "steps to train for, summed over the environments", ge=1)
    n_envs: int = option(8, "number of environments, stepped in parallel", ge=1, le=MAX_ENVS)
    workers: int | None = option(
        None, "processes that step the environments; 0 for no workers, none for automatic", ge=0
    )
    ray: str | None = option(
        None,
        "step the environments in --workers actors of a Ray cluster: its address, such as "
        "10.0.0.1:6379, or local; none to disable",
    )
    seed: int = option(0, "random seed; runs with equal seeds have equal results", ge=0)
    log_every: int = option(10_000, "steps between rows of metrics", ge=1)
    checkpoint_every: int = option(500_000, "steps between checkpoints", ge=1)
    eval_every: int = option(0, "steps between evaluations during training; 0 for none", ge=0)
    eval_episodes: int = option(
        100, "episodes per evaluation, during and after training; 0 for no evaluation", ge=0
    )
    eval_steps: int = option(
        EVAL_STEPS, "cut an episode after N steps, in evaluations and videos", ge=1
    )
    stop_at_return: float | None = option(
        None, "stop once an evaluation during training reaches this mean return"
    )
    init_from: str | None = option(
        None, "initialize the agent from the one in this run or saved folder"
    )
    video: bool = option(True, "record a video at the end: one episode, or several short ones")

    def check(self) -> None:
        super().check()
        if self.ray is not None and self.workers == 0:
            raise InvalidArgument(
                f"workers=0 must be 1 or more, or none for one per CPU, with ray={self.ray!r}"
            )
        if self.eval_every and not self.eval_episodes:
            raise InvalidArgument(
                f"eval_every={self.eval_every} needs eval_episodes to be 1 or more, not 0"
            )
        if self.stop_at_return is not None and not self.eval_every:
            raise InvalidArgument(
                f"stop_at_return={self.stop_at_return:g} needs eval_every to be 1 or more, not 0"
            )


@dataclass(frozen=True)
class Environment(Options):
    """Arguments of the environment, and wrappers around it."""

    env_kwargs: dict[str, Any] | None = option(
        None, "arguments of its constructor, such as map_name=8x8 is_slippery=false"
    )
    wrapper: tuple[str, ...] = option(
        (), "wrappers applied to it as module:Class, the first innermost"
    )

    def check(self) -> None:
        super().check()
        for name in self.wrapper:
            if ":" not in name:
                raise InvalidArgument(
                    f"wrapper={name!r} must be module:Class, such as "
                    "gymnasium.wrappers:FlattenObservation"
                )

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """The arguments of the environment's constructor."""
        return self.env_kwargs or {}
