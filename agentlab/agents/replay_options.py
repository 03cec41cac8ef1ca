"""Options of the replay buffer, shared by all agents that use one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium

from agentlab.config import Options, option
from agentlab.errors import InvalidArgument
from agentlab.replay import ReplayBuffer, buffer_bytes
from agentlab.replay.available import check_disk, check_memory


@dataclass(frozen=True)
class ReplayOptions(Options):
    """The size of the replay buffer, and of the minibatches that are sampled from it."""

    n_step: int = option(1, "rewards summed before bootstrapping (n-step returns)", ge=1)
    buffer_size: int = option(100_000, "transitions in the replay buffer", gt=0)
    compress: bool = option(False, "compress the observations in the replay buffer")
    buffer_folder: str | None = option(
        None, "store the buffer's observations in a file in this folder instead of in memory"
    )
    learning_starts: int = option(1_000, "random steps before learning", ge=0)
    batch_size: int = option(32, "transitions in a minibatch", gt=0)

    def check(self) -> None:
        """Check that the options are consistent."""
        super().check()
        size = self.buffer_size
        if self.n_step >= size:
            raise InvalidArgument(f"n_step={self.n_step} must be less than buffer_size={size}")
        if self.learning_starts < self.batch_size:
            raise InvalidArgument(
                f"learning_starts={self.learning_starts} must be at least "
                f"batch_size={self.batch_size}"
            )
        if self.learning_starts > size:
            raise InvalidArgument(
                f"learning_starts={self.learning_starts} must not exceed buffer_size={size}"
            )

    @property
    def priority_exponent(self) -> float | None:
        """The exponent of the priorities; ``None`` if minibatches are sampled uniformly."""
        return None

    def check_buffer_memory(
        self,
        observation_space: gymnasium.Space[Any],
        action_space: gymnasium.Space[Any],
    ) -> None:
        """Check that the buffer fits into memory, or its observations onto the disk.

        The size of compressed observations depends on their content, so they are not counted.

        Raises:
            AgentlabError: if it does not fit.
        """
        frame_stack = getattr(observation_space, "frame_stack", 1)
        needed = buffer_bytes(observation_space, action_space, self.buffer_size, frame_stack)
        what = f"buffer_size={self.buffer_size} of observations {observation_space}"
        in_memory = needed.rest
        if self.buffer_folder is not None and not self.compress:
            check_disk(needed.observations, what, self.buffer_folder)
        elif not self.compress:
            in_memory += needed.observations
        advice = "choose a smaller buffer_size, compress=True or a buffer_folder on a disk"
        check_memory(in_memory, what, advice)

    def make_buffer(
        self,
        observation_space: gymnasium.Space[Any],
        action_space: gymnasium.Space[Any],
        num_envs: int,
        gamma: float,
    ) -> ReplayBuffer:
        """Allocate a replay buffer for ``num_envs`` environments."""
        self.check_buffer_memory(observation_space, action_space)
        frame_stack = getattr(observation_space, "frame_stack", 1)
        least = (self.n_step + frame_stack + 1) * num_envs
        if self.buffer_size < least:
            raise InvalidArgument(
                f"buffer_size={self.buffer_size} must be {least} or more for {num_envs} "
                f"environments with n_step={self.n_step}"
            )
        return ReplayBuffer(
            observation_space,
            action_space,
            self.buffer_size,
            num_envs,
            frame_stack=frame_stack,
            n_step=self.n_step,
            gamma=gamma,
            alpha=self.priority_exponent,
            compress=self.compress,
            path=self.buffer_folder,
        )


@dataclass(frozen=True)
class PrioritizedReplayOptions(ReplayOptions):
    """A replay buffer that can sample by priority."""

    prioritized: bool = option(False, "sample transitions with large errors more often")
    alpha: float = option(0.6, "exponent of the priorities; 0 samples uniformly", ge=0, le=1)
    beta: float = option(0.4, "initial exponent of the importance weights", ge=0, le=1)
    beta_steps: int = option(1_000_000, "steps until beta reaches 1", ge=0)

    @property
    def priority_exponent(self) -> float | None:
        return self.alpha if self.prioritized else None

    def beta_at(self, step: int) -> float:
        """Return the exponent of the importance weights after ``step`` steps."""
        progress = min(1.0, step / self.beta_steps) if self.beta_steps else 1.0
        return self.beta + (1 - self.beta) * progress
