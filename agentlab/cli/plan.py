"""What a run is made of, as the command line says it and as ``config.json`` keeps it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from agentlab import config as configs
from agentlab.agents import agent_class, make_agent
from agentlab.agents.agent import Agent
from agentlab.cli import program
from agentlab.cli.quiet import without_banners
from agentlab.config import option
from agentlab.envs import Preprocessing, VectorEnv, make_envs
from agentlab.envs.vector import check_num_envs
from agentlab.errors import AgentlabError


@dataclass(frozen=True)
class Training:
    """How a run trains, whatever the algorithm."""

    steps: int = option(1_000_000, "train for so many steps, summed over the environments")
    n_envs: int = option(8, "environments played at a time")
    workers: int | None = option(None, "processes that step them: 0 is this one only, none chooses")
    seed: int = option(0, "of everything random; equal seeds give equal runs")
    log_every: int = option(10_000, "log every N steps")
    checkpoint_every: int = option(500_000, "save a checkpoint every N steps")
    eval_episodes: int = option(100, "games of the evaluation at the end; 0 is none")
    video: bool = option(True, "film one game at the end")

    def __post_init__(self) -> None:
        check_num_envs(self.n_envs)
        lowest = {"steps": 1, "log_every": 1, "checkpoint_every": 1}
        for name in ("steps", "workers", "seed", "log_every", "checkpoint_every"):
            value = getattr(self, name)
            if value is not None and value < lowest.get(name, 0):
                raise AgentlabError(f"{name}={value} must be {lowest.get(name, 0)} or more")
        if self.eval_episodes < 0:
            raise AgentlabError(f"eval_episodes={self.eval_episodes} must be 0 or more")


@dataclass(frozen=True)
class Plan:
    """Everything that decides the numbers of a run.

    Attributes:
        env: the environment's id.
        algo: the algorithm's name, or ``module:Class``.
        preset: the name of the preset that filled the defaults.
        config: the algorithm's own configuration.
        preprocessing: what is done to observations and rewards.
        training: the rest.
    """

    env: str
    algo: str
    preset: str
    config: Any
    preprocessing: Preprocessing
    training: Training

    @classmethod
    def from_json(cls, described: Mapping[str, Any], env: str | None, algo: str | None) -> Self:
        """Read back what ``to_json`` gave. Imports nothing that only the file names.

        Args:
            described: the content of a ``config.json``.
            env: the environment that the user asks for; ``None`` takes the file's.
            algo: the algorithm that the user asks for; ``None`` takes the file's.

        Raises:
            AgentlabError: for a file that is damaged or names code of its own that the user
                did not name.
        """
        if "trainer" in described:
            raise AgentlabError(
                f"the run trains a net on examples; go on with it by `{program('fit')} --resume`"
            )
        try:
            for what, said in (("env", env), ("algo", algo)):
                if said not in (None, described[what]):
                    raise AgentlabError(f"{what}={said!r} is not the run's: {described[what]!r}")
            algo = algo or trusted("algo", described["algo"])
            return cls(
                env or trusted("env", described["env"]),
                algo,
                str(described["preset"]),
                configs.from_dict(agent_class(algo).Config, described["config"]),
                configs.from_dict(Preprocessing, described["preprocessing"]),
                configs.from_dict(Training, described["training"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise AgentlabError(
                f"the run's config.json is damaged: {type(error).__name__}: {error}"
            ) from None

    def to_json(self) -> dict[str, Any]:
        """Return the plan as ``config.json`` keeps it."""
        return {
            "env": self.env,
            "algo": self.algo,
            "preset": self.preset,
            "config": configs.to_dict(self.config),
            "preprocessing": configs.to_dict(self.preprocessing),
            "training": configs.to_dict(self.training),
        }

    def values(self) -> dict[str, Any]:
        """Return everything by the name of its flag's field."""
        parts = (self.training, self.config, self.preprocessing)
        return {
            "env": self.env,
            "algo": self.algo,
            "preset": self.preset,
            **{field.name: getattr(part, field.name) for part in parts for field in fields(part)},
        }

    @property
    def default_name(self) -> str:
        """The name of the run's folder where the user gives none."""
        return re.sub(r"[^\w.-]+", "-", f"{self.env}-{self.algo}")

    def make_envs(self, n: int | None = None, *, render: bool = False) -> VectorEnv:
        """Make ``n`` environments (``None``: as many as are trained in)."""
        return make_envs(
            self.env,
            self.training.n_envs if n is None else n,
            preprocessing=self.preprocessing,
            workers=self.training.workers if n is None else 0,
            render=render,
        )

    def make_agent(self, envs: VectorEnv) -> Agent:
        """Make a fresh agent for ``envs``, and seed everything that is random beside it."""
        from agentlab.runs import seed_everything

        seed, config = self.training.seed, configs.to_dict(self.config)
        seed_everything(seed)
        with without_banners():
            agent = make_agent(self.algo, envs, seed=seed, **config)
        seed_everything(seed)  # once more, for TensorFlow: making the agent may have loaded it
        return agent


def is_foreign(name: str) -> bool:
    """Whether making what ``name`` names imports a module from outside agentlab."""
    return ":" in name.removeprefix("gym:")


def trusted(what: str, stored: Any) -> str:
    """Return a name that a file holds, where nothing foreign is imported for it.

    Raises:
        AgentlabError: where the user must say the name, because it stands for other code, or
            because the file holds none.
    """
    if not isinstance(stored, str):
        raise AgentlabError(f"--{what} is missing: the saved files do not say which")
    if is_foreign(stored):
        raise AgentlabError(
            f"the saved {what}={stored!r} is code from outside agentlab: if you trust it, "
            f"add --{what} {stored}"
        )
    return stored
