"""The environments, the configuration and the trained agents that checks of an agent share."""

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
SMALL = {  # options with which the built-in algorithms learn early and fast
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
    """An agent class, environments and options to check it with; checks share trained agents.

    Args:
        agent: a subclass of ``Agent``, or the name of an algorithm.
        make_envs: makes the given number of environments; ``None`` uses the first of
            ``agentlab.testing.envs.ENVS`` whose spaces the agent supports.
        config: an instance of ``agent.Config``, or a mapping of options, to which options for
            short trainings are added.
        steps: environment steps of the shorter trainings; the longest takes twice as many.

    Raises:
        AgentlabError: if the agent supports none of the suite's environments.
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
        """Return the suite's environments whose spaces the agent supports."""
        found = [
            env
            for env in tiny.ENVS.values()
            if isinstance(env().observation_space, self.cls.observation_spaces)
            and isinstance(env().action_space, self.cls.action_spaces)
        ]
        if not found:
            raise AgentlabError(
                f"make_envs=None, but {self} supports the spaces of none of the suite's "
                "environments; pass a function that makes a given number of environments"
            )
        return found

    def make_all_envs(self) -> list[VectorEnv]:
        """Make a vector of three of each environment that the agent is checked in."""
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
        """Make an agent and train it, from the newest checkpoint of ``run`` if there is one."""
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
        """A temporary folder that is deleted with the case."""
        self._temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        return Path(self._temporary.name)

    @cached_property
    def whole(self) -> tuple[Any, Run]:
        """An agent trained for ``2 * steps`` uninterrupted steps, with a read-only callback."""
        with Run.create(self.folder, "whole", {}) as run:
            return self.train(run, 2 * self.steps, [Looking()]), run

    @cached_property
    def first_half(self) -> tuple[Any, Run, list[dict[str, str]]]:
        """An agent trained for ``steps`` steps, its run, and the rows logged until then."""
        with Run.create(self.folder, "halves", {}) as run:
            return self.train(run, self.steps), run, logged_rows(run)

    @cached_property
    def resumed(self) -> tuple[Any, Run]:
        """Another agent, resumed from the checkpoint of ``first_half``."""
        with Run.open(self.first_half[1].path) as run:
            return self.train(run, 2 * self.steps), run

    @cached_property
    def observations(self) -> Array:
        """Seven observations, a read-only array ``[7, ...]``."""
        with self.make_envs(7) as envs:
            observations = np.array(envs.reset(seed=5))
        observations.flags.writeable = False
        return observations
