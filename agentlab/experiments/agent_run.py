"""Runs of agents: their plan, and the steps before and after training."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

from agentlab import config as configs
from agentlab.agents import ALGORITHMS, agent_class, make_agent
from agentlab.agents.agent import Agent
from agentlab.agents.eval_callback import EvalCallback
from agentlab.agents.evaluation import EVALUATION, Evaluation, evaluate
from agentlab.agents.loop import train
from agentlab.agents.presets import Preset, preset
from agentlab.agents.recording import record
from agentlab.envs import Preprocessing, VectorEnv, make_envs, newest_version
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.experiments import plan as plans
from agentlab.experiments.agent_evaluation import write_evaluation
from agentlab.experiments.agent_settings import Environment, Training
from agentlab.experiments.foreign import trusted, trusted_wrappers
from agentlab.experiments.plan import Plan, Report, Result, check_names, fill
from agentlab.lazy import without_banners
from agentlab.runs import Run, derive_seed, seed_everything
from agentlab.training.callbacks import Callback


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

    changeable: ClassVar[tuple[str, ...]] = (
        "steps",
        "eval_every",
        "eval_episodes",
        "eval_steps",
        "stop_at_return",
        "video",
    )

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
        return cls.of_preset(env, algo, preset(algo, env, preset_name), settings)

    @classmethod
    def of_preset(cls, env: str, algo: str, chosen: Preset, given: Mapping[str, Any]) -> Self:
        """Create a plan; settings that are not given come from ``chosen`` or the defaults."""
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
        return dataclasses.replace(self, training=dataclasses.replace(self.training, **settings))

    @property
    def default_name(self) -> str:
        return re.sub(r"[^\w.-]+", "-", f"{self.env}-{self.algo}")

    def make_envs(self, n: int | None = None, *, render: bool = False) -> VectorEnv:
        """Create ``n`` environments; ``None`` for the number used in training."""
        return make_envs(
            self.env,
            self.training.n_envs if n is None else n,
            preprocessing=self.preprocessing,
            workers=self.training.workers if n is None else 0,
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
            yield _AgentTraining(self, envs, self.make_agent(envs))


@dataclass(frozen=True)
class AgentResult(Result):
    """The result of an agent's run.

    Attributes:
        steps: total number of environment steps.
        evaluation: the final evaluation, or ``None``.
        best: the folder of the best agent in evaluations during training, or ``None``.
    """

    steps: int = 0
    evaluation: Evaluation | None = None
    best: Path | None = None


@dataclass(frozen=True)
class _AgentTraining:
    plan: AgentPlan
    envs: VectorEnv
    agent: Agent

    def __call__(self, run: Run, report: Report, callbacks: Sequence[Callback]) -> AgentResult:
        """Train, save, plot, evaluate and record a video."""
        from agentlab.plots.curves import plot_returns

        training, path = self.plan.training, run.path
        with ExitStack() as stack:
            if training.eval_every:
                callbacks = [self._evaluating(stack, report), *callbacks]
            result = train(
                self.agent,
                self.envs,
                training.steps,
                run=run,
                seed=training.seed,
                log_every=training.log_every,
                checkpoint_every=training.checkpoint_every,
                callbacks=callbacks,
            )
        best = path / "best" if (path / "best").is_dir() else None
        if result.interrupted:
            return AgentResult(path, True, None, result.steps, None, best)
        saved = run.save_learner("learner", self.agent.write)
        report("agent", saved)
        if best is not None:
            report("best agent", best)
        played, seed = None, derive_seed(training.seed, EVALUATION)
        if training.eval_episodes:
            episodes, limit = training.eval_episodes, training.eval_steps
            played = evaluate(
                self.agent, self.envs, episodes, seed=seed, max_steps=limit, quiet=False
            )
            report("evaluation", write_evaluation(played, path / "evaluation.json"))
        try:
            report("plot", plot_returns(path))
        except AgentlabError as error:  # no episode was completed
            report("plot", f"none: {error}")
        if summary := self.agent.summary():
            report("summary", summary)
        if training.video:
            report("video", self._record_video(saved, run, result.steps, seed))
        return AgentResult(path, False, saved, result.steps, played, best)

    def _evaluating(self, stack: ExitStack, report: Report) -> EvalCallback:
        """Create the callback that evaluates during training, in separate environments."""
        training = self.plan.training
        envs = self.plan.make_envs(min(training.n_envs, training.eval_episodes))
        return EvalCallback(
            stack.enter_context(envs),
            training.eval_every,
            training.eval_episodes,
            seed=training.seed,
            stop_at_return=training.stop_at_return,
            max_steps=training.eval_steps,
            report=report,
            quiet=False,
        )

    def _record_video(self, saved: Path, run: Run, step: int, seed: int) -> Path | str:
        """Record a video; on failure return the reason, since training has succeeded."""
        path, limit = run.path / "videos" / "episode.mp4", self.plan.training.eval_steps
        try:
            with self.plan.make_envs(1, render=True) as screen:
                agent = agent_class(self.plan.algo).load(saved, num_envs=1)
                last = record(agent, screen, path, seed=seed, max_steps=limit)
            run.image("episode/end", step, last)
            return path
        except Exception as error:  # rendering without a display can raise anything
            return f"none: {' '.join(str(error).split())}"
