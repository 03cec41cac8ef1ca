"""``agentlab fit``: train a network on a data set, or resume a run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.cli.next_commands import next_commands
from agentlab.cli.report import print_settings, show, show_run
from agentlab.config import Options, option
from agentlab.errors import AgentlabError, InvalidArgument, printable
from agentlab.experiments.distribution import open_to_train
from agentlab.experiments.fitting import Fitting
from agentlab.experiments.plan import fill, kind_of, resume, start
from agentlab.experiments.recipes import Recipe, find_recipe, recipes_of
from agentlab.experiments.resume_or_start import resume_or_start
from agentlab.experiments.source import Source, own_defaults
from agentlab.experiments.trainer_result import TrainerResult
from agentlab.experiments.trainer_run import TrainerPlan, cross_validate
from agentlab.experiments.training_data import choose_trainer, load_data
from agentlab.experiments.unlabeled_data import default_trainer
from agentlab.lazy import without_banners
from agentlab.registry import merged, trainer_class
from agentlab.runs import Run
from agentlab.training.tracking import Service, trackers
from agentlab.unsupervised import ESTIMATORS, TRAINERS, is_unsupervised

DESCRIPTION = """Train a network with a recipe (--list shows all recipes), or on your own data
(--csv FILE --target COLUMN, --images FOLDER, --text FILE, --series FILE or --pairs FILE)."""
UNSUPERVISED = """Train an unsupervised model with a recipe (--list shows all recipes) or on your
own data: --images FOLDER or --csv FILE, with --trainer NAME or the settings of a recipe."""

UNLABELED = merged("trainer", TRAINERS, ESTIMATORS)


@dataclass(frozen=True)
class Choice(Options):
    """Options of the run itself."""

    recipe: str | None = option(None, "name of a recipe (data and settings); see --list")
    list: bool = option(False, "list all recipes")
    folds: int = option(0, "cross-validate with this number of folds; 0 for none", ge=0)
    name: str | None = option(None, "name of the run's folder; none for the name of the data")
    runs_dir: str = option("runs", "folder that contains the runs")
    resume: str | None = option(None, "resume the run in this folder")
    resume_or_start: bool = option(
        False, "resume the run if its folder exists, else start it; for clusters that restart jobs"
    )
    track: Service | None = option(None, "log metrics to wandb or mlflow; none to disable")
    accept_edits: bool = option(
        False, "resume even if settings that cannot be changed were edited in config.json"
    )

    def check(self) -> None:
        super().check()
        if self.folds == 1:
            raise InvalidArgument("folds=1 must be 2 or more, or 0 for none")


@dataclass(frozen=True)
class UnsupervisedChoice(Choice):
    """Options of an unsupervised run."""

    trainer: str | None = option(
        None, "trainer for your own data by name; none for the recipe's or the data's default"
    )


def run(words: list[str], unsupervised: bool = False) -> int:
    """Train with the command line arguments ``words`` and return the exit code.

    Args:
        words: the command line arguments.
        unsupervised: whether to train an unsupervised model.
    """
    command = "fit-unsupervised" if unsupervised else "fit"
    parser = make_parser(command=command)
    given = parser.given_among_others(words)
    if given.get("list"):
        print(_overview(command, unsupervised))
        return 0
    if given.get("resume") is not None:
        return _resume(words, given, command)
    recipe, source = named_data(given, unsupervised)
    if recipe is None and source.own is None:
        parser.given(words)
        if "help" in given:
            if (trainer := given.get("trainer")) is not None:
                parser = make_parser(trainer, trainer_class(trainer).Config, command=command)
            parser.print_help()
            return 0
        load_data(source, recipe, 0, 0.1)  # raises the error about missing data
    named = named_trainer(recipe, source, given.get("trainer")) if unsupervised else None
    name, data = choose_trainer(recipe, source, given, named)
    with without_banners():
        cls = trainer_class(name)
    parser = make_parser(name, cls.Config, recipe, source, command)
    given = parser.given(words)
    if "help" in given:
        parser.print_help()
        return 0
    choice = fill(Choice, {}, given)
    plan = TrainerPlan.of_recipe(recipe, source, name, given, data)
    plan = plan.with_data(plan.load_data())
    defaults, origin = own_defaults(source, given, name, data), f"for {source.own}"
    if recipe is not None:
        defaults, origin = recipe.config, f"recipe {recipe.name}"
    origins = {**dict.fromkeys(defaults, origin), **dict.fromkeys(given, "flag")}
    if choice.folds:
        _announce(plan, origins)
        cross_validate(plan, choice.folds, choice.runs_dir, choice.name, report=show)
        return 0
    begin = resume_or_start if choice.resume_or_start else start
    result = begin(
        plan,
        choice.runs_dir,
        choice.name,
        on_start=lambda record: _announce(plan, origins, record),
        report=show,
        callbacks=trackers(None if plan.run_class.follows else choice.track),
    )
    return _conclude(result, command)


def make_parser(
    trainer: str = "",
    config: type | None = None,
    recipe: Recipe | None = None,
    source: Source | None = None,
    command: str = "fit",
) -> Parser:
    """Create the parser of all flags, including those of the trainer if it is known."""
    unsupervised = command != "fit"
    example = "mnist-autoencoder" if unsupervised else "mnist-cnn"
    epilog = "" if trainer else f"`{program(command)} --recipe {example} --help` shows all flags."
    parser = Parser(program(command), UNSUPERVISED if unsupervised else DESCRIPTION, epilog)
    parser.add_fields(UnsupervisedChoice if unsupervised else Choice, "run")
    parser.add_fields(Fitting, "training")
    parser.add_fields(Source, "data")
    if config is not None:
        defaults = {} if source is None else own_defaults(source, {}, trainer)
        notes = dict.fromkeys(defaults, "" if source is None else f"for {source.own}")
        if recipe is not None:
            defaults, notes = recipe.config, dict.fromkeys(recipe.config, f"recipe {recipe.name}")
        parser.add_fields(config, f"trainer {trainer}", defaults, notes)
    return parser


def named_data(
    given: Mapping[str, Any], unsupervised: bool = False
) -> tuple[Recipe | None, Source]:
    """Return the recipe, if any, and the source of the user's own data.

    Args:
        given: the flags that the user has given.
        unsupervised: whether a recipe's settings can be used on the user's own data.

    Raises:
        AgentlabError: if both are given, or if the recipe does not exist.
    """
    recipe = find_recipe(given["recipe"]) if given.get("recipe") is not None else None
    source = Source.of(given)
    if recipe is not None and source.own is not None and not unsupervised:
        raise AgentlabError(
            f"--recipe {recipe.name} has its own data; leave out either --recipe or --{source.own}"
        )
    return recipe, source


def named_trainer(recipe: Recipe | None, source: Source, trainer: str | None) -> str | None:
    """Return the unsupervised trainer for the user's own data; ``None`` for the recipe's.

    Raises:
        AgentlabError: for an unknown trainer, one that needs labels, or contradictory flags.
    """
    if source.own is None:
        if trainer is not None:
            raise AgentlabError("--trainer is for your own data; pass --images or --csv too")
        return None
    if recipe is not None and trainer not in (None, recipe.trainer):
        raise AgentlabError(
            f"--recipe {recipe.name} uses the trainer {recipe.trainer}; leave out --trainer"
        )
    name = trainer or (default_trainer(source.own) if recipe is None else recipe.trainer)
    if not is_unsupervised(name):
        UNLABELED.check(name)
    return name


def _resume(words: list[str], given: Mapping[str, Any], command: str) -> int:
    """Resume the run that ``--resume`` names, with its own settings."""
    with open_to_train(given["resume"]) as record:
        if kind_of(record) == "agent":
            raise AgentlabError(
                f"run={str(record.path)!r} trains an agent; resume it with "
                f"`{program('train')} --resume {record.path}`"
            )
        with without_banners():
            stored = TrainerPlan.from_json(record.config)
        parser = make_parser(stored.trainer, type(stored.config), command=command)
        given = parser.given(words)
        if given.pop("help", False):
            parser.print_help()
            return 0
        del given["resume"]
        accept = given.pop("accept_edits", False)
        given.pop("resume_or_start", None)
        track = given.pop("track", None)
        tracking = trackers(None if record.follows else track)
        plan = stored.resumed_with(given)
        plan.source.check_exists()
        plan = plan.with_data(plan.load_data())
        result = resume(
            plan,
            record,
            accept_edits=accept,
            on_start=lambda record: _announce(plan, dict.fromkeys(given, "flag"), record),
            report=show,
            callbacks=tracking,
        )
        return _conclude(result, command)


def _announce(plan: TrainerPlan, origins: Mapping[str, str], record: Run | None = None) -> None:
    """Print the settings, the data and the run's folder."""
    print_settings(plan.values(), origins)
    print()
    for number, note in enumerate(plan.load_data().notes):
        show("" if number else "data", note)
    if record is not None:
        show_run(record.path)


def _conclude(result: TrainerResult, command: str) -> int:
    """Print the commands to run next, and return the exit code."""
    path = shlex.quote(str(result.path))
    if result.interrupted:
        again = f"{program(command)} --resume {path}"
        print(printable(f"stopped in epoch {result.epochs + 1} and saved; resume with: {again}"))
        return 130
    for name, line in next_commands(result.path) if result.saved else ():
        show(name, line)
    return 0


def _overview(command: str, unsupervised: bool) -> str:
    """Return a list of the recipes with their data, size and expected result."""
    lines, recipes = [], recipes_of(unsupervised)
    width = max(len(recipe.name) for recipe in recipes) + 2
    for recipe in recipes:
        lines.append(f"{recipe.name:<{width}}{recipe.about}")
        lines.append(f"{'':<{width}}data: {recipe.data}, {recipe.size}")
        if recipe.expected:
            lines.append(f"{'':<{width}}result: {recipe.expected}")
    lines.append(f"\n`{program(command)} --recipe NAME` trains one; add --help to see its flags.")
    return "\n".join(lines)
