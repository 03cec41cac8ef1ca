"""``agentlab fit``: train a net on examples, or resume such a run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentlab.cli import program
from agentlab.cli.flags import Parser, fill
from agentlab.cli.report import print_settings, show
from agentlab.config import flag_of, option
from agentlab.errors import AgentlabError, printable
from agentlab.experiments import trainer_run
from agentlab.experiments.recipes import RECIPES, Recipe, find_recipe
from agentlab.experiments.trainer_run import CHANGEABLE, Fitting, TrainerRun
from agentlab.experiments.training_data import Source, TrainingData, load_data, trainer_of
from agentlab.lazy import without_banners
from agentlab.supervised import trainer_class

if TYPE_CHECKING:
    from agentlab.runs import Run

DESCRIPTION = """Train a net on examples: by a recipe (--list shows them), or on your own data
(--csv FILE --target COLUMN, --images FOLDER, --text FILE, --series FILE, --pairs FILE)."""


@dataclass(frozen=True)
class Choice:
    """Which run it is."""

    recipe: str | None = option(None, "a ready training by name; --list shows all")
    list: bool = option(False, "list all recipes")
    seed: int = option(0, "of everything random; equal seeds give equal runs")
    folds: int = option(0, "cross-validate over so many parts of the training data instead")
    name: str | None = option(None, "the run's folder in runs-dir; none makes it of the data")
    runs_dir: str = option("runs", "where run folders lie")
    resume: str | None = option(None, "resume the run in this folder")

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise AgentlabError(f"seed={self.seed} must be 0 or more")
        if self.folds < 0 or self.folds == 1:
            raise AgentlabError(f"folds={self.folds} must be 2 or more, or 0 for none")


def run(words: list[str]) -> int:
    """Train as ``words`` say and return the exit code."""
    parser = _parser()
    said = parser.given_among_others(words)
    if said.get("list"):
        print(_overview())
        return 0
    if "resume" in said:
        return _resume(words, said)
    recipe, source = named_data(said)
    asked_nothing = recipe is None and source.own is None
    if asked_nothing:
        parser.given(words)
        if "help" in said:
            parser.print_help()
            return 0
        load_data(source, recipe, 0, 0.1)  # says what is missing
    name = trainer_of(source, recipe)
    data = None
    if name is None:  # the table says whether it is classes or numbers
        data = load_data(source, recipe, said.get("seed", 0), said.get("validation_split", 0.1))
        name = data.trainer
    with without_banners():
        cls = trainer_class(name)
    defaults = {} if recipe is None else recipe.config
    parser = _parser(name, cls.Config, defaults, recipe)
    said = parser.given(words)
    if "help" in said:
        parser.print_help()
        return 0
    choice = fill(Choice, {}, said)
    fitting = Fitting(recipe, source, name, fill(cls.Config, defaults, said), choice.seed)
    origins = dict.fromkeys(defaults, f"recipe {recipe.name}" if recipe else "")
    origins |= dict.fromkeys(said, "flag")
    if data is None:
        data = load_data(source, recipe, choice.seed, fitting.config.validation_split)
    if choice.folds:
        trainer_run.cross_validate(
            fitting,
            data,
            choice.folds,
            choice.runs_dir,
            choice.name,
            lambda record: _announce(fitting, data, origins),
            show,
        )
        return 0
    done = trainer_run.start(
        fitting,
        data,
        choice.runs_dir,
        choice.name,
        lambda record: _announce(fitting, data, origins, record),
        show,
    )
    return _conclude(done)


def named_data(said: Mapping[str, Any]) -> tuple[Recipe | None, Source]:
    """Return the recipe and the user's own data that flags name, at most one of them.

    Raises:
        AgentlabError: where they name both, or a recipe that does not exist.
    """
    recipe = find_recipe(said["recipe"]) if "recipe" in said else None
    source = fill(Source, {}, said)
    if recipe is not None and source.own is not None:
        raise AgentlabError(f"--recipe {recipe.name} brings its own data; leave --{source.own} out")
    return recipe, source


def _resume(words: list[str], said: Mapping[str, Any]) -> int:
    """Resume the run that ``--resume`` names, exactly as it was set up."""
    from agentlab.runs import Run

    with Run.open(said["resume"], writing=True) as record:
        if "trainer" not in record.config:
            raise AgentlabError(
                f"the run trains an agent; resume it by `{program('train')} --resume`"
            )
        with without_banners():
            fitting = Fitting.from_json(record.config)
        parser = _parser(fitting.trainer, type(fitting.config), {}, fitting.recipe)
        said = parser.given(words)
        if "help" in said:
            parser.print_help()
            return 0
        stored = {**fitting.values(), "resume": said["resume"]}
        for name, value in said.items():
            if name not in CHANGEABLE and value != stored.get(name, value is None):
                raise AgentlabError(
                    f"{flag_of(name)} cannot be changed: a resumed run keeps its settings, only "
                    f"{', '.join(map(flag_of, CHANGEABLE))} may be given"
                )
        fitting = fitting.changed(**{name: said[name] for name in CHANGEABLE if name in said})
        data = load_data(
            fitting.source, fitting.recipe, fitting.seed, fitting.config.validation_split
        )
        origins = dict.fromkeys(said, "flag")
        done = trainer_run.resume(
            fitting,
            data,
            record,
            lambda record: _announce(fitting, data, origins, record),
            show,
        )
        return _conclude(done)


def _announce(
    fitting: Fitting, data: TrainingData, origins: Mapping[str, str], record: Run | None = None
) -> None:
    """Show what is trained, on what and, of a run that can be resumed, where."""
    print_settings(fitting.values(), origins)
    print()
    for number, note in enumerate(data.notes):
        show("" if number else "data", note)
    if record is not None:
        show("run", record.path)
        show("watch it", f"tensorboard --logdir {shlex.quote(str(record.path.parent))}")


def _conclude(done: TrainerRun) -> int:
    """Say what can be done with a run now, and return the exit code."""
    path = shlex.quote(str(done.path))
    if done.interrupted:
        again = f"{program('fit')} --resume {path}"
        print(printable(f"stopped in epoch {done.epochs + 1} and saved; resume with: {again}"))
        return 130
    show("use it", f"{program('predict')} {path} INPUT")
    return 0


def _parser(
    trainer: str = "",
    config: type | None = None,
    defaults: Mapping[str, Any] | None = None,
    recipe: Recipe | None = None,
) -> Parser:
    epilog = "" if trainer else f"`{program('fit')} --recipe mnist-cnn --help` shows all its flags."
    parser = Parser(program("fit"), DESCRIPTION, epilog)
    parser.add_fields(Choice, "run")
    parser.add_fields(Source, "data")
    if config is not None:
        notes = dict.fromkeys(defaults or {}, f"recipe {recipe.name}" if recipe else "")
        parser.add_fields(config, f"trainer {trainer}", defaults, notes)
    return parser


def _overview() -> str:
    """Return all recipes with data, size and expected result."""
    lines = []
    for recipe in RECIPES:
        lines.append(f"{recipe.name:<18}{recipe.about}")
        lines.append(f"{'':<18}data: {recipe.data}, {recipe.size}")
        if recipe.expected:
            lines.append(f"{'':<18}reaches: {recipe.expected}")
    lines.append(f"\n`{program('fit')} --recipe NAME` trains one; --help with it shows its flags.")
    return "\n".join(lines)
