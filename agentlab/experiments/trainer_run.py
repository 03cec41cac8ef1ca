"""A trainer's run: its plan, and what is done before and after the training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from agentlab import config as configs
from agentlab.config import Options, option
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.experiments import plan as plans
from agentlab.experiments.plan import Plan, Report, Result, check_names, fill, silent
from agentlab.experiments.recipes import Recipe, find_recipe
from agentlab.experiments.stop_at import StopAt
from agentlab.experiments.training_data import Source, TrainingData, load_data, trainer_of
from agentlab.lazy import without_banners
from agentlab.runs import Run, seed_everything
from agentlab.runs.files import reporting, write_json
from agentlab.supervised import trainer_class
from agentlab.training.callbacks import Callback


@dataclass(frozen=True)
class Fitting(Options):
    """How a run trains, whatever the trainer."""

    seed: int = option(0, "seeds everything random; equal seeds give equal runs", ge=0)
    stop_at: float | None = option(
        None, "stop once the held-out metric by which epochs are judged is as good as this"
    )


@dataclass(frozen=True)
class TrainerPlan(Plan):
    """Everything that decides the numbers of a trainer's run.

    ::

        plan = TrainerPlan.make(recipe="mnist-mlp", epochs=3)
        print(start(plan).metrics["accuracy"])

    Attributes:
        recipe: the recipe that filled the defaults; ``None`` for data of one's own.
        source: where the data come from.
        trainer: the trainer's name.
        config: its configuration.
        fitting: the rest.
        data: the data, where they have been loaded already.
    """

    changeable: ClassVar[tuple[str, ...]] = ("epochs", "patience", "data_dir", "stop_at")

    recipe: Recipe | None
    source: Source
    trainer: str
    config: Any
    fitting: Fitting
    data: TrainingData | None = field(default=None, compare=False, repr=False)

    @classmethod
    def make(cls, recipe: str | None = None, **settings: Any) -> Self:
        """Make a plan of what is given and, for the rest, of a recipe and the defaults.

        Args:
            recipe: a recipe by name; ``None`` for data of one's own, such as ``csv=`` and
                ``target=``.
            settings: fields of ``Source``, ``Fitting`` and the trainer's configuration.

        Raises:
            InvalidArgument: for an unknown recipe or setting, or a value out of range.
            AgentlabError: for missing or unfit files.
        """
        chosen = None if recipe is None else find_recipe(recipe)
        source = fill(Source, {}, settings)
        name, data = choose_trainer(chosen, source, settings)
        check_names(settings, trainer_class(name).Config, Source, Fitting)
        return cls.of_recipe(chosen, source, name, settings, data)

    @classmethod
    def of_recipe(
        cls,
        recipe: Recipe | None,
        source: Source,
        trainer: str,
        given: Mapping[str, Any],
        data: TrainingData | None = None,
    ) -> Self:
        """Make a plan of what is given and, for the rest, of ``recipe`` and the defaults."""
        defaults = {} if recipe is None else recipe.config
        config = fill(trainer_class(trainer).Config, defaults, given)
        return cls(recipe, source, trainer, config, fill(Fitting, {}, given), data)

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """Read back what ``to_json`` returned.

        Raises:
            AgentlabError: for a file that is damaged.
        """
        try:
            trainer, recipe = str(described["trainer"]), described["recipe"]
            return cls(
                None if recipe is None else find_recipe(recipe),
                configs.from_dict(Source, described["source"]),
                trainer,
                configs.from_dict(trainer_class(trainer).Config, described["config"]),
                configs.from_dict(Fitting, described["training"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AgentlabError(f"the run's config.json is damaged: {error!r}") from None

    @property
    def kind(self) -> str:
        return str(getattr(trainer_class(self.trainer), "kind", "trainer"))

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "recipe": None if self.recipe is None else self.recipe.name,
            "source": configs.to_dict(self.source),
            "trainer": self.trainer,
            "config": configs.to_dict(self.config),
            "training": configs.to_dict(self.fitting),
        }

    def values(self) -> dict[str, Any]:
        given = {name: v for name, v in vars(self.source).items() if v not in (None, False)}
        recipe = None if self.recipe is None else self.recipe.name
        return {"recipe": recipe, **vars(self.fitting), **given, **vars(self.config)}

    def changed(self, **settings: Any) -> Self:
        def part(group: Any) -> Any:
            return replace(group, **{n: v for n, v in settings.items() if hasattr(group, n)})

        source, config, fitting = map(part, (self.source, self.config, self.fitting))
        return replace(self, source=source, config=config, fitting=fitting)

    @property
    def default_name(self) -> str:
        if self.recipe is not None:
            return self.recipe.name
        value = getattr(self.source, self.source.own or "")
        return Path(value[0] if isinstance(value, tuple) else value).stem

    def load_data(self) -> TrainingData:
        """Return the data, loaded unless they have been already."""
        validation = getattr(self.config, "validation_split", 0.0)
        return self.data or load_data(self.source, self.recipe, self.fitting.seed, validation)

    def with_data(self, data: TrainingData) -> Self:
        """Return the plan with its data at hand, so that they are loaded once."""
        return replace(self, data=data)

    @contextmanager
    def prepare(self) -> Iterator[plans.Training]:
        yield _TrainerTraining(self, self.load_data())


def choose_trainer(
    recipe: Recipe | None, source: Source, given: Mapping[str, Any]
) -> tuple[str, TrainingData | None]:
    """Return the trainer for some data by name, and the data where only they could tell."""
    if (name := trainer_of(source, recipe)) is not None:
        return name, None
    data = load_data(source, recipe, given.get("seed", 0), given.get("validation_split", 0.1))
    return data.trainer, data


@dataclass(frozen=True)
class TrainerResult(Result):
    """The result of a trainer's run.

    Attributes:
        epochs: how many ended.
        metrics: what was reached on data never used before, by name; empty where interrupted.
    """

    epochs: int = 0
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _TrainerTraining:
    plan: TrainerPlan
    data: TrainingData

    def __call__(self, run: Run, report: Report, callbacks: Sequence[Callback]) -> TrainerResult:
        """Train, test once, save and plot."""
        from agentlab.plots.curves import plot_history

        data, path = self.data, run.path
        trainer = _make(self.plan, data)
        if self.plan.fitting.stop_at is not None:
            callbacks = [StopAt(self.plan.fitting.stop_at), *callbacks]
        trainer.fit(
            *data.train,
            validation_data=data.validation,
            run=run,
            callbacks=callbacks,
            **data.options,
        )
        if trainer.interrupted:
            return TrainerResult(path, True, None, len(trainer.history))
        metrics = trainer.evaluate(*data.test)
        _keep(metrics, data, path)
        report("test", _in_words(metrics))
        saved = run.save_learner("learner", trainer.write)
        report("saved", saved)
        if trainer.history:
            report("plot", plot_history(path))
        for name, figure in trainer.plots(*data.test).items():
            report("plot", _draw(figure, run, name, len(trainer.history)))
        if (points := trainer.projection(*data.test)) is not None:
            from agentlab.runs.projector import write_projector

            report("projector", write_projector(path / "tensorboard", "test", *points))
        return TrainerResult(path, False, saved, len(trainer.history), dict(metrics))


def cross_validate(
    plan: TrainerPlan,
    folds: int,
    runs_dir: Path | str = "runs",
    name: str | None = None,
    *,
    report: Report = silent,
) -> dict[str, float]:
    """Train once for each fold left out, record what was reached on it, and return the means.

    Args:
        plan: everything that decides the numbers.
        folds: how many folds.
        runs_dir: the folder that holds the runs.
        name: the run's folder; ``None`` makes it from the data.
        report: called with the name and the value of each result: ``fold 1``, ..., ``mean``,
            ``saved``.

    Raises:
        InvalidArgument: for less than 2 folds.
        AgentlabError: where the data do not lie in memory whole.
    """
    from agentlab.supervised import folds as supervised_folds

    if folds < 2:
        raise InvalidArgument(f"folds={folds} must be 2 or more")
    data = plan.load_data()
    if len(data.train) != 2:
        raise AgentlabError(f"folds={folds} needs data that lie in memory whole, as a recipe's")
    x, y = (np.concatenate(parts) for parts in zip(data.train, data.test, strict=True))
    described = {**plan.to_json(), "folds": folds}
    with Run.create(runs_dir, name or f"{plan.default_name}-{folds}-folds", described) as run:
        rows = []
        for row in supervised_folds.cross_validate(
            lambda: _make(plan, data), x, y, folds, plan.fitting.seed, **data.options
        ):
            rows.append(row)
            report(f"fold {len(rows)}", _in_words(row))
        metrics = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        report("mean", _in_words(metrics))
        _keep(metrics, data, run.path, folds=rows)
        report("saved", run.path / "test.json")
    return metrics


def _make(plan: TrainerPlan, data: TrainingData) -> Any:
    with without_banners():
        trainer = trainer_class(plan.trainer)(config=plan.config, seed=plan.fitting.seed)
    seed_everything(plan.fitting.seed)
    trainer.preprocessor = data.preprocessor
    return trainer


def _in_words(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())


def _keep(metrics: Mapping[str, float], data: TrainingData, path: Path, **more: Any) -> None:
    """Write what was reached on data never used before, and on which, to ``test.json``."""
    kept = {"metrics": metrics, "data": data.notes, **more}
    with reporting(f"{path / 'test.json'} cannot be written"):
        write_json(path / "test.json", kept)


def _draw(figure: Any, run: Run, name: str, step: int) -> Path:
    """Write a figure to the run's plots and show it in TensorBoard."""
    from agentlab.plots.style import figure_to_array, save_figure

    run.image(name, step, figure_to_array(figure))
    return save_figure(figure, run.path / "plots" / f"{name}.png")
