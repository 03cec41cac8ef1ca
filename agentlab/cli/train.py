"""``agentlab train``: train an agent, or resume a run."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentlab.agents import ALGORITHMS, agent_class
from agentlab.agents.presets import Preset, preset, presets
from agentlab.cli import program
from agentlab.cli.flags import Parser, fill
from agentlab.cli.report import print_settings, show
from agentlab.config import flag_of, option
from agentlab.envs import Preprocessing
from agentlab.errors import AgentlabError, printable
from agentlab.experiments import agent_run
from agentlab.experiments.agent_run import CHANGEABLE, AgentRun, Plan, Training, is_foreign

if TYPE_CHECKING:
    from agentlab.runs import Run

DESCRIPTION = "Train an agent, or resume a run."
NO_PRESET = Preset("none")


@dataclass(frozen=True)
class Choice:
    """Which run it is."""

    env: str | None = option(None, "an id that `agentlab envs` lists, gym:ID or module:ID")
    algo: str | None = option(None, "an algorithm by name, or module:Class for your own")
    preset: str = option("auto", "a set of defaults by name; auto is the one for env, none is none")
    name: str | None = option(None, "the run's folder in runs-dir; none makes it of env and algo")
    runs_dir: str = option("runs", "where run folders lie")
    resume: str | None = option(None, "resume the run in this folder")


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
    plan = Plan(
        env,
        algo,
        chosen.name,
        fill(agent_class(algo).Config, chosen.config, said),
        fill(Preprocessing, chosen.preprocessing, said),
        fill(Training, chosen.training, said),
    )
    origins = {**_preset_origins(chosen), **dict.fromkeys(said, "flag")}
    done = agent_run.start(
        plan,
        said.get("runs_dir", "runs"),
        said.get("name"),
        lambda record: _announce(plan, record, origins),
        _report,
    )
    return _conclude(plan, done, plan)


def _resume(words: list[str], said: Mapping[str, Any]) -> int:
    """Resume the run that ``--resume`` names, exactly as it was set up."""
    from agentlab.runs import Run

    with Run.open(said["resume"], writing=True) as record:
        if "trainer" in record.config:
            raise AgentlabError(
                f"the run trains a net on examples; resume it by `{program('fit')} --resume`"
            )
        stored = Plan.from_json(record.config, said.get("env"), said.get("algo"))
        parser = _parser(stored.algo, NO_PRESET)
        said = parser.given(words)
        if "help" in said:
            parser.print_help()
            return 0
        known = {**stored.values(), "resume": said["resume"]}
        for name, value in said.items():
            if name not in CHANGEABLE and value != known.get(name, value is None):
                raise AgentlabError(
                    f"{flag_of(name)} cannot be changed: a resumed run keeps its settings, only "
                    f"{', '.join(map(flag_of, CHANGEABLE))} may be given"
                )
        plan = stored.changed(**{name: said[name] for name in CHANGEABLE if name in said})
        origins = dict.fromkeys(plan.values(), "run") | dict.fromkeys(said, "flag")
        done = agent_run.resume(
            plan, record, lambda record: _announce(plan, record, origins), _report
        )
        return _conclude(plan, done, stored)


def _announce(plan: Plan, record: Run, origins: Mapping[str, str]) -> None:
    """Show what is trained, and where."""
    _print_table(plan, origins)
    print()
    show("run", record.path)
    show("watch it", f"tensorboard --logdir {shlex.quote(str(record.path.parent))}")


def _report(name: str, value: object) -> None:
    """Show what came of a run."""
    if name == "summary":
        print(f"\n{printable(value)}\n")
    else:
        show(name, value)


def _conclude(plan: Plan, done: AgentRun, stored: Plan) -> int:
    """Say what can be done with a run now, and return the exit code."""
    if done.interrupted:
        steps = plan.training.steps
        changed = steps != stored.training.steps
        again = _command("train", plan, done.path) + (f" --steps {steps}" if changed else "")
        print(printable(f"stopped at step {done.steps} and saved; resume with: {again}"))
        return 130
    show("play it", _command("play", plan, done.path))
    show("go on", f"{_command('train', plan, done.path)} --steps N")
    return 0


def _command(verb: str, plan: Plan, path: Path) -> str:
    """Return the command that plays a run (``play``) or resumes it (``train --resume``)."""
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
