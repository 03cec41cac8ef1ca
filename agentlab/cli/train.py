"""``agentlab train``: train an agent, or resume a run."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentlab.agents import ALGORITHMS, agent_class
from agentlab.agents.presets import NO_PRESET, Preset, preset, presets
from agentlab.cli import program
from agentlab.cli.compare import summarize
from agentlab.cli.flags import Parser
from agentlab.cli.report import print_settings, show, show_run
from agentlab.config import option
from agentlab.envs import Preprocessing, newest_version
from agentlab.errors import AgentlabError, printable
from agentlab.experiments.agent_result import AgentResult
from agentlab.experiments.agent_run import AgentPlan
from agentlab.experiments.agent_settings import Environment, Training
from agentlab.experiments.foreign import is_foreign
from agentlab.experiments.plan import kind_of, resume, start
from agentlab.experiments.resume_or_start import resume_or_start
from agentlab.experiments.settings_file import FileSettings, read_settings
from agentlab.runs import Run
from agentlab.training.tracking import Service, trackers

DESCRIPTION = "Train an agent, or resume a run."


@dataclass(frozen=True)
class Choice:
    """Options of the run itself."""

    env: str | None = option(
        None, "environment: an id from `agentlab envs`, gym:ID, module:ID or module:Class"
    )
    algo: str | None = option(None, "name of an algorithm, or module:Class for a custom one")
    preset: str = option(
        "auto", "preset of defaults; auto for the environment's, none for no preset"
    )
    name: str | None = option(None, "name of the run's folder; none for the names of env and algo")
    runs_dir: str = option("runs", "folder that contains the runs")
    resume: str | None = option(None, "resume the run in this folder")
    resume_or_start: bool = option(
        False, "resume the run if its folder exists, else start it; for clusters that restart jobs"
    )
    track: Service | None = option(None, "log metrics to wandb or mlflow; none to disable")
    config: str | None = option(
        None, "YAML or JSON file of settings under these names, or an RL Baselines3 Zoo entry"
    )
    seeds: int = option(1, "number of runs to train and summarize, with seeds from --seed on", ge=1)
    accept_edits: bool = option(
        False, "resume even if settings that cannot be changed were edited in config.json"
    )


def run(words: list[str]) -> int:
    """Train with the command line arguments ``words`` and return the exit code."""
    choices = Parser(program("train"), DESCRIPTION)
    choices.add_fields(Choice, "run")
    given = choices.given_among_others(words)
    if given.get("resume") is not None:
        return _resume(words, given)
    env, algo, name = given.get("env"), given.get("algo"), given.get("preset", "auto")
    file = FileSettings(env, algo or "", None, {})
    if given.get("config") is not None:
        wrappers = make_parser().given_among_others(words).get("wrapper", ())
        file = read_settings(given["config"], env, algo, wrappers)
        env, algo, name = file.env, file.algo, given.get("preset", file.preset or "none")
    if algo is None:
        parser = make_parser(epilog=_overview())
        if "help" in parser.given(words):
            parser.print_help()
            return 0
        raise AgentlabError(f"--algo is missing; choose from {', '.join(ALGORITHMS)}")
    newest = newest_version(env) if env else None
    algo = ALGORITHMS.canonical(algo)
    chosen = preset(algo, newest or "", None if name == "auto" else name)
    parser = make_parser(algo, chosen)
    given = parser.given(words)
    if "help" in given:
        parser.print_help()
        return 0
    if newest is None:
        raise AgentlabError(f"--env is missing; `{program('envs')}` lists all environments")
    settings = {**file.values, **given}
    chosen = chosen.for_arguments(settings.get("env_kwargs"))
    plan = AgentPlan.of_preset(newest, algo, chosen, settings)
    origins = _preset_origins(chosen) | dict.fromkeys(file.values, f"{given.get('config')}")
    origins |= dict.fromkeys(given, "flag")
    if newest != env:
        origins["env"] = f"the newest version of {env}"
    if file.entry is not None:
        show("config", f"uses the entry for {file.entry}, since there is none for {newest}")
    for left, value in file.left_out.items():
        show("ignored", f"{left}={value}, which agentlab does not support")
    runs_dir, name = given.get("runs_dir", "runs"), given.get("name") or plan.default_name

    def train(plan: AgentPlan, name: str) -> AgentResult:
        begin = resume_or_start if given.get("resume_or_start") else start
        result: AgentResult = begin(
            plan,
            runs_dir,
            name,
            on_start=lambda record: _announce(plan, record, origins),
            report=_report,
            callbacks=trackers(given.get("track")),
        )
        return result

    if given.get("seeds", 1) == 1:
        return _conclude(plan, train(plan, name), plan)
    finished = []
    for seed in range(plan.training.seed, plan.training.seed + given["seeds"]):
        seeded = replace(plan, training=replace(plan.training, seed=seed))
        result = train(seeded, f"{name}-seed{seed}")
        if result.interrupted:
            return _conclude(seeded, result, seeded)
        finished.append(result.path)
    summarize(finished, Path(runs_dir) / f"{name}-seeds")
    return 0


def make_parser(algo: str | None = None, chosen: Preset = NO_PRESET, epilog: str = "") -> Parser:
    """Create the parser of all flags, including those of the algorithm if it is known."""
    parser = Parser(program("train"), DESCRIPTION, epilog)
    notes = dict.fromkeys(_preset_origins(chosen), f"preset {chosen.name}")
    parser.add_fields(Choice, "run")
    parser.add_fields(Training, "training", chosen.training, notes)
    if algo is not None:
        parser.add_fields(agent_class(algo).Config, f"algorithm {algo}", chosen.config, notes)
        parser.add_fields(Preprocessing, "preprocessing", chosen.preprocessing, notes)
    parser.add_fields(Environment, "environment")
    return parser


def _resume(words: list[str], given: Mapping[str, Any]) -> int:
    """Resume the run that ``--resume`` names, with its own settings."""
    with Run.open(given["resume"], writing=True) as record:
        if (kind := kind_of(record)) != "agent":
            raise AgentlabError(
                f"run={str(record.path)!r} trains a {kind}, not an agent; resume it with "
                f"`{program('fit')} --resume {record.path}`"
            )
        full = make_parser().given_among_others(words)
        stored = AgentPlan.from_json(
            record.config, given.get("env"), given.get("algo"), full.get("wrapper", ())
        )
        parser = make_parser(stored.algo)
        given = parser.given(words)
        if given.pop("help", False):
            parser.print_help()
            return 0
        del given["resume"]
        accept = given.pop("accept_edits", False)
        given.pop("resume_or_start", None)
        tracking = trackers(given.pop("track", None))
        given |= {name: getattr(stored, name) for name in ("env", "algo") if name in given}
        plan = stored.resumed_with(given)
        origins = dict.fromkeys(plan.values(), "run") | dict.fromkeys(given, "flag")
        result = resume(
            plan,
            record,
            accept_edits=accept,
            on_start=lambda record: _announce(plan, record, origins),
            report=_report,
            callbacks=tracking,
        )
        return _conclude(plan, result, stored)


def _announce(plan: AgentPlan, record: Run, origins: Mapping[str, str]) -> None:
    """Print the settings and the run's folder."""
    values = plan.values()
    if plan.preprocessing == Preprocessing():
        values = {name: values[name] for name in values if not hasattr(plan.preprocessing, name)}
        values["preprocessing"] = None
    print_settings(values, origins)
    print()
    show_run(record.path)


def _report(name: str, value: object) -> None:
    """Print a result of the run."""
    if name == "summary":
        print(f"\n{printable(value)}\n")
    else:
        show(name, value)


def _conclude(plan: AgentPlan, result: AgentResult, stored: AgentPlan) -> int:
    """Print the commands to run next, and return the exit code."""
    if result.interrupted:
        steps = plan.training.steps
        changed = steps != stored.training.steps
        again = _command("train", plan, result.path) + (f" --steps {steps}" if changed else "")
        print(printable(f"stopped at step {result.steps} and saved; resume with: {again}"))
        return 130
    show("play", _command("play", plan, result.path))
    show("continue", f"{_command('train', plan, result.path)} --steps N")
    return 0


def _command(verb: str, plan: AgentPlan, path: Path) -> str:
    """Return the command that plays a run (``play``) or resumes it (``train --resume``)."""
    words = ["--resume", str(path)] if verb == "train" else [str(path)]
    for name in ("env", "algo"):
        value = getattr(plan, name)
        words += [f"--{name}", value] if is_foreign(value) else []
    if any(map(is_foreign, wrappers := plan.environment.wrapper)):
        words += ["--wrapper", *wrappers]
    return f"{program(verb)} {shlex.join(words)}"


def _preset_origins(chosen: Preset) -> dict[str, str]:
    """Return the source of each setting of a preset."""
    source = chosen.source
    origins = {"preset": "default of this env"} if chosen.name != "none" else {}
    return origins | {
        name: f"preset {chosen.name}: {source.get(name, source.get('', ''))}".removesuffix(": ")
        for values in (chosen.config, chosen.preprocessing, chosen.training)
        for name in values
    }


def _overview() -> str:
    """Return a description of all algorithms and their presets."""
    lines = ["algorithms:"]
    for name in ALGORITHMS:
        module = sys.modules[agent_class(name).__module__]
        lines.append(f"  {name:<15}{(module.__doc__ or '').strip().splitlines()[0]}")
        if names := presets(name):
            lines.append(f"{'':<17}presets: {', '.join(names)}")
    return "\n".join([*lines, "", f"`{program('train')} --algo pg --help` shows the flags of pg."])
