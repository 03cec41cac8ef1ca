"""An agent's run: what it is made of, as ``config.json`` keeps it; starting and resuming it."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from agentlab import config as configs
from agentlab.agents import agent_class, make_agent
from agentlab.agents.agent import Agent
from agentlab.config import option
from agentlab.envs import Preprocessing, VectorEnv, make_envs
from agentlab.envs.vector import check_num_envs
from agentlab.errors import AgentlabError
from agentlab.lazy import without_banners
from agentlab.runs.files import replacing_folder, reporting, write_json

if TYPE_CHECKING:
    from agentlab.agents.loop import Evaluation
    from agentlab.runs import Run

EVALUATION = 1  # beside a run's seed it gives that of the evaluation
CHANGEABLE = ("steps", "eval_episodes", "video")  # by a resumed run: they alter no number of it

Report = Callable[[str, object], None]  # is given the name of each thing made, and the thing


@dataclass(frozen=True)
class Training:
    """How a run trains, whatever the algorithm."""

    steps: int = option(1_000_000, "train for so many steps, summed over the environments")
    n_envs: int = option(8, "environments played at a time")
    workers: int | None = option(None, "processes that step them: 0 is this one only, none chooses")
    seed: int = option(0, "of everything random; equal seeds give equal runs")
    log_every: int = option(10_000, "log every N steps")
    checkpoint_every: int = option(500_000, "save a checkpoint every N steps")
    eval_episodes: int = option(100, "episodes of the evaluation at the end; 0 is none")
    video: bool = option(True, "record a video of one episode at the end")

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
            raise AgentlabError("the run trains a net on examples, not an agent")
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

    def changed(self, **training: Any) -> Self:
        """Return the plan with some fields of ``training`` changed."""
        return dataclasses.replace(self, training=dataclasses.replace(self.training, **training))

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


@dataclass(frozen=True)
class AgentRun:
    """What came of a run.

    Attributes:
        path: its folder.
        steps: environment steps made in all.
        interrupted: whether it was stopped before its end; then nothing below is there.
        saved: the folder that the trained agent was saved to.
        evaluation: the episodes at the end, where there were any.
    """

    path: Path
    steps: int
    interrupted: bool
    saved: Path | None = None
    evaluation: Evaluation | None = None


def start(
    plan: Plan,
    runs_dir: Path | str = "runs",
    name: str | None = None,
    on_start: Callable[[Run], None] = lambda record: None,
    report: Report = lambda name, value: None,
) -> AgentRun:
    """Train from the beginning, in a new run.

    Args:
        plan: everything that decides the numbers of the run.
        runs_dir: where run folders lie.
        name: the run's folder; ``None`` makes it of the plan.
        on_start: called with the run before the first step.
        report: called with the name and the value of each thing made after the training:
            ``agent``, ``plot``, ``evaluation``, ``summary``, ``video``.

    Raises:
        AgentlabError: where the environments or the agent cannot be made, or the folder exists.
    """
    from agentlab.runs import Run

    with plan.make_envs() as envs:
        agent = plan.make_agent(envs)
        agent.on_train_start()  # before there is a run, so that none is left where it fails
        with Run.create(runs_dir, name or plan.default_name, plan.to_json()) as record:
            on_start(record)
            return _train(plan, envs, agent, record, report)


def resume(
    plan: Plan,
    record: Run,
    on_start: Callable[[Run], None] = lambda record: None,
    report: Report = lambda name, value: None,
) -> AgentRun:
    """Resume a run exactly as it was set up.

    Args:
        plan: the one that ``record`` keeps; only fields in ``CHANGEABLE`` may differ.
        record: the run, opened.
        on_start: as for ``start``.
        report: as for ``start``.
    """
    with plan.make_envs() as envs:
        agent = plan.make_agent(envs)
        on_start(record)
        return _train(plan, envs, agent, record, report)


def _train(plan: Plan, envs: VectorEnv, agent: Agent, record: Run, report: Report) -> AgentRun:
    """Train, save, plot, evaluate and record a video."""
    from agentlab.agents.loop import evaluate, train
    from agentlab.plots.curves import plot_returns
    from agentlab.runs import derive_seed

    path, training = record.path, plan.training
    result = train(
        agent,
        envs,
        training.steps,
        run=record,
        seed=training.seed,
        log_every=training.log_every,
        checkpoint_every=training.checkpoint_every,
    )
    if result.interrupted:
        return AgentRun(path, result.steps, True)
    saved = _save(agent, path)
    report("agent", saved)
    try:
        report("plot", plot_returns(path))
    except AgentlabError as error:  # too short a training for a whole episode
        report("plot", f"none: {error}")
    seed = derive_seed(training.seed, EVALUATION)
    played = None
    if training.eval_episodes:
        played = evaluate(agent, envs, training.eval_episodes, seed=seed)
        report("evaluation", _keep(played, path / "evaluation.json"))
    if summary := agent.summary():
        report("summary", summary)
    if training.video:
        report("video", _record_video(plan, saved, record, result.steps, seed))
    return AgentRun(path, result.steps, False, saved, played)


def _keep(played: Evaluation, path: Path) -> str:
    """Write an evaluation to ``path`` and return it in a line."""
    metrics = {
        "mean": played.mean,
        "std": played.std,
        "min": float(played.returns.min()),
        "max": float(played.returns.max()),
    }
    episodes = {"returns": played.returns.tolist(), "lengths": played.lengths.tolist()}
    with reporting(f"{path} cannot be written"):
        write_json(path, {"episodes": len(played.returns), **metrics, **episodes})
    line = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
    return f"{len(played.returns)} episodes: return {line}"


def _record_video(plan: Plan, saved: Path, record: Run, step: int, seed: int) -> Path | str:
    """Record one episode, or say why that is impossible: no reason to fail after training."""
    from agentlab.agents.loop import evaluate
    from agentlab.runs import open_video

    path = record.path / "videos" / "episode.mp4"
    try:
        with plan.make_envs(1, render=True) as screen, open_video(path) as video:
            agent = agent_class(plan.algo).load(saved, num_envs=1)
            evaluate(agent, screen, 1, seed=seed, video=video)
        if video.last is not None:
            record.image("episode/end", step, video.last)
        return path
    except Exception as error:  # whatever drawing packages raise without a display
        return f"none: {' '.join(str(error).split())}"


def _save(agent: Agent, path: Path) -> Path:
    """Save the agent to ``agent/`` in the run, with what is needed to play without the run."""
    saved = path / "learner"
    with reporting(f"{saved} cannot be written"), replacing_folder(saved) as temporary:
        agent.write(temporary)
        shutil.copyfile(path / "config.json", temporary / "config.json")
    return saved


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
