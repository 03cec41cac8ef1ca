"""What an agent is checked on: environments, a configuration, and trainings that checks share."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.agents.loop import train
from agentlab.envs import VectorEnv, make_envs
from agentlab.errors import AgentlabError
from agentlab.registry import registry_of
from agentlab.runs import Run, seed_everything
from agentlab.testing import envs as tiny
from agentlab.testing.conformance import Looking, logged_rows, small_config
from agentlab.training.callbacks import Callback

Array = npt.NDArray[Any]
SMALL = {  # options of the built-in algorithms, so that learning begins soon and is quick
    "hidden": (8,),
    "buffer_size": 400,
    "learning_starts": 32,
    "batch_size": 16,
    "target_update_interval": 40,
    "epsilon_steps": 200,
    "rollout_length": 16,
    "n_epochs": 2,
    "n_minibatches": 2,
    "features": 10,
    "candidates": 8,
    "episodes_per_candidate": 4,
}


class AgentCase:
    """An agent's class with what it is checked on; what has been trained is shared by all checks.

    Args:
        agent: a subclass of ``Agent``, or an algorithm's name.
        make_envs: makes the given number of environments; ``None`` takes the first of
            ``agentlab.testing.envs.ENVS`` whose spaces the agent takes.
        config: an instance of ``agent.Config``, or a mapping of options; options that are known
            to make a training short are set beside them.
        steps: of the shorter trainings; the longest is twice as long.

    Raises:
        AgentlabError: where none of the suite's environments suits the agent.
    """

    def __init__(
        self,
        agent: Any,
        make_envs: Callable[[int], VectorEnv] | None = None,
        config: Any = None,
        steps: int = 128,
    ) -> None:
        self.cls: Any = registry_of("agent").load(agent) if isinstance(agent, str) else agent
        self.config = small_config(self.cls, SMALL, config)
        self.steps = steps
        self.own_envs = make_envs is not None
        self._make_envs = make_envs or self._makers()[0]

    def __str__(self) -> str:
        return str(self.cls.name or self.cls.__name__)

    def _makers(self) -> list[Callable[[int], VectorEnv]]:
        return [partial(make_envs, env) for env in self.suitable()]

    def suitable(self) -> list[Callable[[], tiny.Env]]:
        """Return those of the suite's environments whose spaces the agent takes."""
        found = [
            env
            for env in tiny.ENVS.values()
            if isinstance(env().observation_space, self.cls.observation_spaces)
            and isinstance(env().action_space, self.cls.action_spaces)
        ]
        if not found:
            raise AgentlabError(
                f"make_envs=None: no environment of the suite has spaces that {self} takes; pass "
                "a function that makes some"
            )
        return found

    def make_all_envs(self) -> list[VectorEnv]:
        """Make three environments of each kind that the agent is checked in."""
        return [make(3) for make in ([self._make_envs] if self.own_envs else self._makers())]

    def make_envs(self, n: int = 2) -> VectorEnv:
        """Make the environments that the agent is trained in."""
        return self._make_envs(n)

    def make(self, envs: VectorEnv, seed: int = 0) -> Any:
        """Make an agent for ``envs``."""
        seed_everything(seed)
        spaces = envs.observation_space, envs.action_space
        return self.cls(*spaces, envs.num_envs, self.config, seed)

    def train(
        self,
        run: Run | None,
        steps: int,
        callbacks: Sequence[Callback] = (),
        make_envs: Callable[[int], VectorEnv] | None = None,
    ) -> Any:
        """Make an agent and train it, from the newest checkpoint of ``run`` where it has one."""
        with (make_envs or self.make_envs)(2) as envs:
            agent = self.make(envs)
            train(
                agent,
                envs,
                steps,
                run=run,
                log_every=max(self.steps // 4, 1),
                checkpoint_every=self.steps,
                callbacks=callbacks,
                quiet=True,
            )
        return agent

    @cached_property
    def folder(self) -> Path:
        """A folder that lasts as long as the case."""
        self._temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        return Path(self._temporary.name)

    @cached_property
    def whole(self) -> tuple[Any, Run]:
        """An agent trained for ``2 * steps`` steps in one go, with a callback that only looks."""
        with Run.create(self.folder, "whole", {}) as run:
            return self.train(run, 2 * self.steps, [Looking()]), run

    @cached_property
    def first_half(self) -> tuple[Any, Run, list[dict[str, str]]]:
        """An agent trained for ``steps`` steps, its run, and the rows logged until then."""
        with Run.create(self.folder, "halves", {}) as run:
            return self.train(run, self.steps), run, logged_rows(run)

    @cached_property
    def resumed(self) -> tuple[Any, Run]:
        """Another agent, which went on from the checkpoint of ``first_half``."""
        with Run.open(self.first_half[1].path) as run:
            return self.train(run, 2 * self.steps), run

    @cached_property
    def observations(self) -> Array:
        """Seven observations, ``[7, ...]``, that no check may change."""
        with self.make_envs(7) as envs:
            observations = np.array(envs.reset(seed=5))
        observations.flags.writeable = False
        return observations
