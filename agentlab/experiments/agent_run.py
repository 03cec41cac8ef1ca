"""Runs of agents: their plan, and the steps before and after training."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar, Self

from agentlab import config as configs
from agentlab.agents import ALGORITHMS, agent_class, make_agent
from agentlab.agents.agent import Agent
from agentlab.agents.presets import Preset, preset
from agentlab.envs import Preprocessing, VectorEnv, make_envs, newest_version
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.experiments import plan as plans
from agentlab.experiments.agent_result import AgentResult, read_evaluation
from agentlab.experiments.agent_settings import CHANGEABLE, FILES, Environment, Training
from agentlab.experiments.agent_training import AgentTraining
from agentlab.experiments.foreign import trusted, trusted_wrappers
from agentlab.experiments.paths import absolute
from agentlab.experiments.plan import Plan, check_names, fill
from agentlab.lazy import without_banners
from agentlab.runs import Run, seed_everything
from agentlab.scale.ray_vector import RayVector
from agentlab.training.optimizers import OptimizerOptions


@dataclass(frozen=True)
class AgentPlan(Plan):
    """The settings that determine the results of an agent's run.

    ::

        plan = AgentPlan.make("CartPole-v1", "pg", steps=20_000, gamma=0.98)
        print(start(plan).evaluation.mean)

    Attributes:
        env: the environment's id.
        algo: the algorithm's name, or ``module:Class``.
        preset: the name of the preset that supplied the defaults.
        config: the algorithm's configuration.
        preprocessing: the preprocessing of observations and rewards.
        environment: arguments of the environment, and wrappers around it.
        training: settings that do not depend on the algorithm.
    """

    changeable: ClassVar[tuple[str, ...]] = CHANGEABLE

    env: str
    algo: str
    preset: str
    config: Any
    preprocessing: Preprocessing
    environment: Environment
    training: Training

    @classmethod
    def make(cls, env: str, algo: str, preset_name: str | None = None, **settings: Any) -> Self:
        """Create a plan; settings that are not given come from a preset or the defaults.

        Args:
            env: the environment's id; without a version, its newest one.
            algo: the algorithm's name, or ``module:Class``.
            preset_name: name of a preset; ``"none"`` for no preset; ``None`` for the environment's
                default preset, if any.
            settings: fields of the algorithm's configuration, ``Preprocessing``, ``Environment``
                and ``Training``.

        Raises:
            InvalidArgument: for an unknown algorithm, preset or setting, or a value out of range.
        """
        env, algo = newest_version(env), ALGORITHMS.canonical(algo)
        check_names(settings, agent_class(algo).Config, Preprocessing, Environment, Training)
        chosen = preset(algo, env, preset_name).for_arguments(settings.get("env_kwargs"))
        return cls.of_preset(env, algo, chosen, settings)

    @classmethod
    def of_preset(cls, env: str, algo: str, chosen: Preset, given: Mapping[str, Any]) -> Self:
        """Create a plan; settings that are not given come from ``chosen`` or the defaults."""
        files = {name: absolute(given[name]) for name in FILES if given.get(name)}
        given = {**given, **files}
        return cls(
            env,
            algo,
            chosen.name,
            fill(agent_class(algo).Config, chosen.config, given),
            fill(Preprocessing, chosen.preprocessing, given),
            fill(Environment, {}, given),
            fill(Training, chosen.training, given),
        )

    @classmethod
    def from_json(
        cls,
        described: Mapping[str, Any],
        env: str | None = None,
        algo: str | None = None,
        wrapper: Sequence[str] = (),
    ) -> Self:
        """Create a plan from a dictionary returned by ``to_json``.

        Code from outside agentlab is imported only if the user names it.

        Args:
            described: the contents of a ``config.json``.
            env: the environment given by the user; ``None`` uses the file's.
            algo: the algorithm given by the user; ``None`` uses the file's.
            wrapper: the wrappers given by the user; none uses the file's.

        Raises:
            AgentlabError: if the file is damaged, or if it names code from outside agentlab that
                the user did not name.
        """
        try:
            env, algo = env and newest_version(env), algo and ALGORITHMS.canonical(algo)
            environment = configs.from_dict(Environment, described.get("environment", {}))
            for what, given, stored in (
                ("env", env, described["env"]),
                ("algo", algo, described["algo"]),
                ("wrapper", tuple(wrapper) or None, environment.wrapper),
            ):
                if given not in (None, stored):
                    raise InvalidArgument(f"{what}={given!r} differs from the run's {stored!r}")
            algo = algo or trusted("algo", described["algo"])
            if not wrapper:
                trusted_wrappers(environment.wrapper)
            return cls(
                env or trusted("env", described["env"]),
                algo,
                str(described["preset"]),
                configs.from_dict(agent_class(algo).Config, described["config"]),
                configs.from_dict(Preprocessing, described["preprocessing"]),
                environment,
                configs.from_dict(Training, described["training"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise AgentlabError(
                f"the run's config.json is damaged: {type(error).__name__}: {error}"
            ) from None

    @property
    def kind(self) -> str:
        return "agent"

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "env": self.env,
            "algo": self.algo,
            "preset": self.preset,
            "config": configs.to_dict(self.config),
            "preprocessing": configs.to_dict(self.preprocessing),
            "environment": configs.to_dict(self.environment),
            "training": configs.to_dict(self.training),
        }

    def values(self) -> dict[str, Any]:
        parts = (self.training, self.config, self.preprocessing, self.environment)
        return {
            "env": self.env,
            "algo": self.algo,
            "preset": self.preset,
            **{field.name: getattr(part, field.name) for part in parts for field in fields(part)},
        }

    def changed(self, **settings: Any) -> Self:
        def part(group: Any) -> Any:
            own = {n: v for n, v in settings.items() if hasattr(group, n)}
            return dataclasses.replace(group, **own)

        training, config = part(self.training), part(self.config)
        if "decay_steps" not in settings and isinstance(config, OptimizerOptions):
            config = config.stretched(self.training.steps, training.steps)
        return dataclasses.replace(self, training=training, config=config)

    def warnings(self) -> list[str]:
        if not isinstance(self.config, OptimizerOptions):
            return []
        warning = self.config.decay_warning(self.training.steps)
        return [] if warning is None else [warning]

    def finished(self, run: Run) -> AgentResult | None:
        done = run.config.get("finished")
        if not isinstance(done, dict) or not isinstance(done.get("steps"), int):
            return None
        changes = self.changes(run.config)
        if changes and not (set(changes) == {"steps"} and self.training.steps <= done["steps"]):
            return None
        best = run.path / "best"
        return AgentResult(
            run.path,
            False,
            run.path / "learner",
            done["steps"],
            read_evaluation(run.path / "evaluation.json"),
            best if best.is_dir() else None,
        )

    @property
    def default_name(self) -> str:
        return re.sub(r"[^\w.-]+", "-", f"{self.env}-{self.algo}")

    def make_envs(self, n: int | None = None, *, render: bool = False) -> VectorEnv:
        """Create ``n`` environments; ``None`` for those used in training."""
        training = self.training
        remote = None
        if n is None and training.ray is not None:
            remote = partial(RayVector, address=training.ray, actors=training.workers)
        return make_envs(
            self.env,
            training.n_envs if n is None else n,
            preprocessing=self.preprocessing,
            workers=training.workers if n is None else 0,
            vector=remote,
            render=render,
            wrappers=self.environment.wrapper,
            **self.environment.kwargs,
        )

    def make_agent(self, envs: VectorEnv) -> Agent:
        """Create a new agent for ``envs``, and seed all global random number generators."""
        seed, config = self.training.seed, configs.to_dict(self.config)
        seed_everything(seed)
        with without_banners():
            agent = make_agent(self.algo, envs, seed=seed, **config)
        seed_everything(seed)  # again, since creating the agent may have loaded TensorFlow
        return agent

    @contextmanager
    def prepare(self) -> Iterator[plans.Training]:
        with self.make_envs() as envs:
            yield AgentTraining(self, envs, self.make_agent(envs))
