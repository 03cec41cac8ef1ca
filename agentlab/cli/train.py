"""``agentlab train``: train an agent, or go on with a run."""

from __future__ import annotations

import dataclasses
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentlab.agents import ALGORITHMS, agent_class
from agentlab.agents.agent import Agent
from agentlab.cli import program
from agentlab.cli.flags import Parser, fill, flag_of
from agentlab.cli.plan import Plan, Training, is_foreign
from agentlab.cli.report import print_settings, show
from agentlab.config import option
from agentlab.envs import Preprocessing, VectorEnv
from agentlab.errors import AgentlabError, printable
from agentlab.recipes.presets import Preset, preset, presets
from agentlab.runs.files import replacing_folder, reporting, write_json

if TYPE_CHECKING:
    from agentlab.agents.loop import Evaluation
    from agentlab.runs import Run

DESCRIPTION = "Train an agent, or go on with a run."
NO_PRESET = Preset("none")
EVALUATION = 1  # beside a run's seed it gives that of the evaluation
CHANGEABLE = ("steps", "eval_episodes", "video")  # by a resumed run: they alter no number of it


@dataclass(frozen=True)
class Choice:
    """Which run it is."""

    env: str | None = option(None, "an id that `agentlab envs` lists, gym:ID or module:ID")
    algo: str | None = option(None, "an algorithm by name, or module:Class for your own")
    preset: str = option("auto", "a set of defaults by name; auto is the one for env, none is none")
    name: str | None = option(None, "the run's folder in runs-dir; none makes it of env and algo")
    runs_dir: str = option("runs", "where run folders lie")
    resume: str | None = option(None, "go on with the run in this folder")


def run(words: list[str]) -> int:
    """Train as ``words`` say and return the exit code."""
    choices = Parser(program("train"), DESCRIPTION)
    choices.add_fields(Choice, "run")
    said = choices.given_among_others(words)
    if "resume" in said:
        return _resume(words, said)
    env, algo = said.get("env"), said.get("algo")
    if algo is None:
        parser = _parser(epilog=_overview())
        if "help" in parser.given(words):
            parser.print_help()
            return 0
        raise AgentlabError(f"--algo is missing; there are {', '.join(ALGORITHMS)}")
    name = said.get("preset", "auto")
    chosen = preset(algo, env or "", None if name == "auto" else name)
    parser = _parser(algo, chosen)
    said = parser.given(words)
    if "help" in said:
        parser.print_help()
        return 0
    if env is None:
        raise AgentlabError(f"--env is missing; `{program('envs')}` lists all that there are")
    return _start(env, algo, chosen, said)


def _start(env: str, algo: str, chosen: Preset, said: Mapping[str, Any]) -> int:
    """Train from the beginning, in a new run."""
    from agentlab.runs import Run

    plan = Plan(
        env,
        algo,
        chosen.name,
        fill(agent_class(algo).Config, chosen.config, said),
        fill(Preprocessing, chosen.preprocessing, said),
        fill(Training, chosen.training, said),
    )
    origins = {**_preset_origins(chosen), **dict.fromkeys(said, "flag")}
    with plan.make_envs() as envs:
        agent = plan.make_agent(envs)
        agent.begin()  # before there is a run, so that none is left where it fails
        name = said.get("name") or plan.default_name
        with Run.create(said.get("runs_dir", "runs"), name, plan.to_json()) as record:
            _print_table(plan, origins)
            return _train(plan, envs, agent, record)


def _resume(words: list[str], said: Mapping[str, Any]) -> int:
    """Go on with the run that ``--resume`` names, exactly as it was set up."""
    from agentlab.runs import Run

    with Run.open(said["resume"], writing=True) as record:
        plan = Plan.from_json(record.config, said.get("env"), said.get("algo"))
        parser = _parser(plan.algo, NO_PRESET)
        said = parser.given(words)
        if "help" in said:
            parser.print_help()
            return 0
        stored = {**plan.values(), "resume": said["resume"]}
        for name, value in said.items():
            if name not in CHANGEABLE and value != stored.get(name, value is None):
                raise AgentlabError(
                    f"{flag_of(name)} cannot be changed: a resumed run keeps its settings, only "
                    f"{', '.join(map(flag_of, CHANGEABLE))} may be given"
                )
        changes = {name: said[name] for name in CHANGEABLE if name in said}
        plan = dataclasses.replace(plan, training=dataclasses.replace(plan.training, **changes))
        with plan.make_envs() as envs:
            agent = plan.make_agent(envs)
            _print_table(plan, dict.fromkeys(plan.values(), "run") | dict.fromkeys(said, "flag"))
            return _train(plan, envs, agent, record)


def _train(plan: Plan, envs: VectorEnv, agent: Agent, record: Run) -> int:
    """Train, and show what came of it."""
    from agentlab.agents.loop import evaluate, train
    from agentlab.runs import derive_seed, plot_returns

    path, training = record.path, plan.training
    print()
    show("run", path)
    show("watch it", f"tensorboard --logdir {shlex.quote(str(path.parent))}")
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
        changed = training.steps != record.config["training"]["steps"]
        again = _command("train", plan, path) + (f" --steps {training.steps}" if changed else "")
        print(printable(f"stopped at step {result.steps} and saved; resume with: {again}"))
        return 130
    saved = _save(agent, path)
    show("agent", saved)
    try:
        show("plot", plot_returns(path))
    except AgentlabError as error:  # too short a training for a whole episode
        show("plot", f"none: {error}")
    seed = derive_seed(training.seed, EVALUATION)
    if training.eval_episodes:
        played = evaluate(agent, envs, training.eval_episodes, seed=seed)
        show("evaluation", _keep(played, path / "evaluation.json"))
    if summary := agent.summary():
        print(f"\n{printable(summary)}\n")
    if training.video:
        show("video", _film(plan, saved, record, result.steps, seed))
    show("play it", _command("play", plan, path))
    show("go on", f"{_command('train', plan, path)} --steps N")
    return 0


def _keep(played: Evaluation, path: Path) -> str:
    """Write an evaluation to ``path`` and return it in a line."""
    figures = {
        "mean": played.mean,
        "std": played.std,
        "min": float(played.returns.min()),
        "max": float(played.returns.max()),
    }
    games = {"returns": played.returns.tolist(), "lengths": played.lengths.tolist()}
    with reporting(f"{path} cannot be written"):
        write_json(path, {"episodes": len(played.returns), **figures, **games})
    line = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    return f"{len(played.returns)} games: return {line}"


def _film(plan: Plan, saved: Path, record: Run, step: int, seed: int) -> Path | str:
    """Film one game, or say why that is impossible: no reason to fail after a whole training."""
    from agentlab.agents.loop import evaluate
    from agentlab.runs import open_video

    path = record.path / "videos" / "game.mp4"
    try:
        with plan.make_envs(1, render=True) as screen, open_video(path) as video:
            agent = agent_class(plan.algo).load(saved, num_envs=1)
            evaluate(agent, screen, 1, seed=seed, film=video)
        if video.last is not None:
            record.image("game/end", step, video.last)
        return path
    except Exception as error:  # whatever drawing packages raise without a display
        return f"none: {' '.join(str(error).split())}"


def _save(agent: Agent, path: Path) -> Path:
    """Save the agent to ``agent/`` in the run, with what is needed to play without the run."""
    saved = path / "agent"
    with reporting(f"{saved} cannot be written"), replacing_folder(saved) as temporary:
        agent.save(temporary)
        shutil.copyfile(path / "config.json", temporary / "config.json")
    return saved


def _command(verb: str, plan: Plan, path: Path) -> str:
    """Return the command that plays a run (``play``) or goes on with it (``train --resume``)."""
    words = ["--resume", str(path)] if verb == "train" else [str(path)]
    for name in ("env", "algo"):
        value = getattr(plan, name)
        words += [f"--{name}", value] if is_foreign(value) else []
    return f"{program(verb)} {shlex.join(words)}"


def _preset_origins(chosen: Preset) -> dict[str, str]:
    """Say of each setting that a preset makes where it comes from."""
    told = chosen.source
    origins = {"preset": "the one for this env"} if chosen.name != "none" else {}
    return origins | {
        name: f"preset {chosen.name}: {told.get(name, told.get('', ''))}".removesuffix(": ")
        for values in (chosen.config, chosen.preprocessing, chosen.training)
        for name in values
    }


def _parser(algo: str | None = None, chosen: Preset = NO_PRESET, epilog: str = "") -> Parser:
    """Make the parser of all flags; those of the algorithm only where it is known."""
    parser = Parser(program("train"), DESCRIPTION, epilog)
    notes = dict.fromkeys(_preset_origins(chosen), f"preset {chosen.name}")
    parser.add_fields(Choice, "run")
    parser.add_fields(Training, "training", chosen.training, notes)
    if algo is not None:
        parser.add_fields(agent_class(algo).Config, f"algorithm {algo}", chosen.config, notes)
        parser.add_fields(Preprocessing, "preprocessing", chosen.preprocessing, notes)
    return parser


def _overview() -> str:
    """Return a line for each algorithm, and how to see its flags."""
    lines = ["algorithms:"]
    for name in ALGORITHMS:
        module = sys.modules[agent_class(name).__module__]
        lines.append(f"  {name:<15}{(module.__doc__ or '').strip().splitlines()[0]}")
        if names := presets(name):
            lines.append(f"{'':<17}presets: {', '.join(names)}")
    return "\n".join([*lines, "", f"`{program('train')} --algo pg --help` shows the flags of pg."])


def _print_table(plan: Plan, origins: Mapping[str, str]) -> None:
    """Print every setting, its value and where the value comes from."""
    values = plan.values()
    if plan.preprocessing == Preprocessing():
        values = {name: values[name] for name in values if not hasattr(plan.preprocessing, name)}
        values["preprocessing"] = None
    print_settings(values, origins)
