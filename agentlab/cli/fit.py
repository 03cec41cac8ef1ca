"""``agentlab fit``: train a net on examples, or go on with such a run."""

from __future__ import annotations

import dataclasses
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agentlab import config as configs
from agentlab.cli import program
from agentlab.cli.flags import Parser, fill, flag_of
from agentlab.cli.quiet import without_banners
from agentlab.cli.report import print_settings, show
from agentlab.config import option
from agentlab.errors import AgentlabError, printable
from agentlab.recipes.material import Material, Source, gather, trainer_of
from agentlab.recipes.supervised import RECIPES, Recipe, find_recipe
from agentlab.runs.files import replacing_folder, reporting, write_json
from agentlab.supervised import trainer_class

if TYPE_CHECKING:
    from agentlab.runs import Run
    from agentlab.supervised.trainer import Trainer

DESCRIPTION = """Train a net on examples: by a recipe (--list shows them), or on your own data
(--csv FILE --target COLUMN, --images FOLDER, --text FILE, --series FILE, --pairs FILE)."""
CHANGEABLE = ("epochs", "patience", "data_dir")  # by a resumed run


@dataclass(frozen=True)
class Choice:
    """Which run it is."""

    recipe: str | None = option(None, "a ready training by name; --list shows all")
    list: bool = option(False, "list all recipes")
    seed: int = option(0, "of everything random; equal seeds give equal runs")
    folds: int = option(0, "cross-validate over so many parts of the training data instead")
    name: str | None = option(None, "the run's folder in runs-dir; none makes it of the data")
    runs_dir: str = option("runs", "where run folders lie")
    resume: str | None = option(None, "go on with the run in this folder")

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise AgentlabError(f"seed={self.seed} must be 0 or more")
        if self.folds < 0 or self.folds == 1:
            raise AgentlabError(f"folds={self.folds} must be 2 or more, or 0 for none")


@dataclass(frozen=True)
class Fitting:
    """Everything that decides the numbers of a run, as ``config.json`` keeps it."""

    recipe: Recipe | None
    source: Source
    trainer: str
    config: Any
    seed: int

    def values(self) -> dict[str, Any]:
        """Return everything by the name of its flag's field."""
        given = {name: v for name, v in vars(self.source).items() if v not in (None, False)}
        recipe = None if self.recipe is None else self.recipe.name
        return {"recipe": recipe, "seed": self.seed, **given, **vars(self.config)}

    def to_json(self) -> dict[str, Any]:
        """Return it as ``config.json`` keeps it."""
        return {
            "recipe": None if self.recipe is None else self.recipe.name,
            "source": configs.to_dict(self.source),
            "trainer": self.trainer,
            "config": configs.to_dict(self.config),
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Fitting:
        """Read back what ``to_json`` gave."""
        if "trainer" not in described:
            raise AgentlabError(
                f"the run trains an agent; go on with it by `{program('train')} --resume`"
            )
        try:
            trainer, recipe = str(described["trainer"]), described["recipe"]
            return cls(
                None if recipe is None else find_recipe(recipe),
                configs.from_dict(Source, described["source"]),
                trainer,
                configs.from_dict(trainer_class(trainer).Config, described["config"]),
                int(described["seed"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AgentlabError(f"the run's config.json is damaged: {error!r}") from None


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
        gather(source, recipe, 0, 0.1)  # says what is missing
    name = trainer_of(source, recipe)
    material = None
    if name is None:  # the table says whether it is classes or numbers
        material = gather(source, recipe, said.get("seed", 0), said.get("validation", 0.1))
        name = material.trainer
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
    if material is None:
        material = gather(source, recipe, choice.seed, fitting.config.validation)
    if choice.folds:
        return _cross_validate(fitting, material, origins, choice)
    return _start(fitting, material, origins, choice)


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


def _start(fitting: Fitting, material: Material, origins: Mapping[str, str], choice: Choice) -> int:
    """Train from the beginning, in a new run."""
    from agentlab.runs import Run

    name = choice.name or _default_name(fitting)
    with Run.create(choice.runs_dir, name, fitting.to_json()) as record:
        print_settings(fitting.values(), origins)
        try:
            return _train(fitting, material, record)
        except AgentlabError:
            if not (record.path / "metrics.csv").exists():
                shutil.rmtree(record.path)  # what cannot be trained leaves no run behind
            raise


def _default_name(fitting: Fitting) -> str:
    """Return the name of the run's folder where the user gives none."""
    if fitting.recipe is not None:
        return fitting.recipe.name
    value = getattr(fitting.source, fitting.source.own or "")
    return Path(value[0] if isinstance(value, tuple) else value).stem


def _resume(words: list[str], said: Mapping[str, Any]) -> int:
    """Go on with the run that ``--resume`` names, exactly as it was set up."""
    from agentlab.runs import Run

    with Run.open(said["resume"], writing=True) as record:
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
        changed = {name: said[name] for name in CHANGEABLE if name in said}
        source = {name: changed.pop(name) for name in ("data_dir",) if name in changed}
        fitting = dataclasses.replace(
            fitting,
            config=dataclasses.replace(fitting.config, **changed),
            source=dataclasses.replace(fitting.source, **source),
        )
        material = gather(fitting.source, fitting.recipe, fitting.seed, fitting.config.validation)
        print_settings(fitting.values(), dict.fromkeys(said, "flag"))
        return _train(fitting, material, record)


def _make(fitting: Fitting, material: Material) -> Trainer:
    from agentlab.runs import seed_everything

    with without_banners():
        trainer = trainer_class(fitting.trainer)(config=fitting.config, seed=fitting.seed)
    seed_everything(fitting.seed)
    trainer.encoder = material.encoder
    return trainer


def _train(fitting: Fitting, material: Material, record: Run) -> int:
    """Train, test once, and show what came of it."""
    from agentlab.runs.plots import plot_history

    path = record.path
    print()
    _show_data(material)
    show("run", path)
    show("watch it", f"tensorboard --logdir {shlex.quote(str(path.parent))}")
    trainer = _make(fitting, material)
    trainer.fit(*material.train, validation=material.validation, run=record, **material.options)
    again = f"{program('fit')} --resume {shlex.quote(str(path))}"
    if trainer.interrupted:
        told = f"stopped in epoch {len(trainer.history) + 1} and saved; resume with: {again}"
        print(printable(told))
        return 130
    figures = trainer.evaluate(*material.test)
    _keep(figures, material, path)
    show("test", _in_words(figures))
    _save(trainer, path)
    show("saved", path / "trainer")
    if trainer.history:
        show("plot", plot_history(path))
    for name, figure in trainer.figures(*material.test).items():
        show("plot", _draw(figure, record, name, len(trainer.history)))
    if (points := trainer.projection(*material.test)) is not None:
        from agentlab.runs.projector import write_projector

        show("projector", write_projector(path / "tensorboard", "test", *points))
    show("use it", f"{program('predict')} {shlex.quote(str(path))} INPUT")
    return 0


def _show_data(material: Material) -> None:
    for number, note in enumerate(material.notes):
        show("" if number else "data", note)


def _in_words(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


def _keep(figures: Mapping[str, float], material: Material, path: Path, **more: Any) -> None:
    """Write what was reached on data never used before, and on which, to ``test.json``."""
    kept = {"figures": figures, "data": material.notes, **more}
    with reporting(f"{path / 'test.json'} cannot be written"):
        write_json(path / "test.json", kept)


def _save(trainer: Trainer, path: Path) -> None:
    saved = path / "trainer"
    with reporting(f"{saved} cannot be written"), replacing_folder(saved) as temporary:
        trainer.save(temporary)


def _draw(figure: Any, record: Run, name: str, step: int) -> Path:
    """Write a figure to the run's plots and show it in TensorBoard."""
    from agentlab.runs.plots import figure_to_array, save_figure

    record.image(name, step, figure_to_array(figure))
    return save_figure(figure, record.path / "plots" / f"{name}.png")


def _cross_validate(
    fitting: Fitting, material: Material, origins: Mapping[str, str], choice: Choice
) -> int:
    """Train once for each part left out, and keep what was reached on it."""
    from agentlab.runs import Run
    from agentlab.supervised.folds import cross_validate

    if len(material.train) != 2:
        raise AgentlabError(
            f"folds={choice.folds} needs data that lie in memory whole, as a recipe's"
        )
    x, y = (np.concatenate(parts) for parts in zip(material.train, material.test, strict=True))
    described = {**fitting.to_json(), "folds": choice.folds}
    name = choice.name or f"{_default_name(fitting)}-{choice.folds}-folds"
    with Run.create(choice.runs_dir, name, described) as record:
        print_settings(fitting.values(), origins)
        print()
        _show_data(material)
        rows = []
        for row in cross_validate(
            lambda: _make(fitting, material), x, y, choice.folds, fitting.seed, **material.options
        ):
            rows.append(row)
            show(f"part {len(rows)}", _in_words(row))
        figures = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        show("mean", _in_words(figures))
        _keep(figures, material, record.path, parts=rows)
        show("kept in", record.path / "test.json")
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
