"""Runs of trainers: their plan, and the steps before and after training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from agentlab import config as configs
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.experiments import plan as plans
from agentlab.experiments.data_splits import TrainingData
from agentlab.experiments.distribution import run_class, splitting
from agentlab.experiments.fitting import Fitting
from agentlab.experiments.plan import Plan, Report, check_names, fill, silent
from agentlab.experiments.recipes import Recipe, find_recipe
from agentlab.experiments.source import FILES, Source, own_defaults
from agentlab.experiments.stop_at import StopAt
from agentlab.experiments.trainer_result import TrainerResult, read_test, write_test
from agentlab.experiments.training_data import choose_trainer, load_data
from agentlab.lazy import without_banners
from agentlab.registry import trainer_class
from agentlab.runs import Run, seed_everything
from agentlab.training.callbacks import Callback


@dataclass(frozen=True)
class TrainerPlan(Plan):
    """The settings that determine the results of a trainer's run.

    ::

        plan = TrainerPlan.make(recipe="mnist-mlp", epochs=3)
        print(start(plan).metrics["accuracy"])

    Attributes:
        recipe: the recipe that supplied the defaults; ``None`` for the user's own data.
        source: the source of the data.
        trainer: the trainer's name.
        config: the trainer's configuration.
        fitting: settings that do not depend on the trainer.
        data: the data, if already loaded.
    """

    changeable: ClassVar[tuple[str, ...]] = (
        *FILES,
        "epochs",
        "patience",
        "stop_at",
        "learning_rate",
        "max_grad_norm",
        "strategy",
    )

    recipe: Recipe | None
    source: Source
    trainer: str
    config: Any
    fitting: Fitting
    data: TrainingData | None = field(default=None, compare=False, repr=False)

    @classmethod
    def make(cls, recipe: str | None = None, trainer: str | None = None, **settings: Any) -> Self:
        """Create a plan; settings that are not given come from a recipe or the defaults.

        Args:
            recipe: name of a recipe; ``None`` for your own data, given by ``csv=`` and ``target=``,
                for example.
            trainer: name of an unsupervised trainer for your own data; ``None`` for the recipe's or
                the data's default.
            settings: fields of ``Source``, ``Fitting`` and the trainer's configuration.

        Raises:
            InvalidArgument: for an unknown recipe or setting, or a value out of range.
            AgentlabError: for missing or unsuitable files.
        """
        chosen = None if recipe is None else find_recipe(recipe)
        source = Source.of(settings)
        name, data = choose_trainer(chosen, source, settings, trainer)
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
        """Create a plan; settings that are not given come from ``recipe`` or the defaults."""
        defaults = own_defaults(source, given, trainer, data) if recipe is None else recipe.config
        config = fill(trainer_class(trainer).Config, defaults, given)
        return cls(recipe, source.located(), trainer, config, fill(Fitting, {}, given), data)

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """Create a plan from a dictionary returned by ``to_json``.

        Raises:
            AgentlabError: if the dictionary is malformed.
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
        given = {name: v for name, v in vars(self.source).items() if v not in (None, False, ())}
        recipe = None if self.recipe is None else self.recipe.name
        return {"recipe": recipe, **vars(self.fitting), **given, **vars(self.config)}

    def changed(self, **settings: Any) -> Self:
        def part(group: Any) -> Any:
            return replace(group, **{n: v for n, v in settings.items() if hasattr(group, n)})

        source, config, fitting = map(part, (self.source, self.config, self.fitting))
        return replace(self, source=source.located(), config=config, fitting=fitting)

    @property
    def default_name(self) -> str:
        if self.recipe is not None and self.source.own is None:
            return self.recipe.name
        value = getattr(self.source, self.source.own or "")
        return Path(value[0] if isinstance(value, tuple) else value).stem

    def finished(self, run: Run) -> TrainerResult | None:
        done = run.config.get("finished")
        if not isinstance(done, dict) or self.changes(run.config):
            return None
        saved, epochs = run.path / "learner", done.get("epochs")
        if not isinstance(epochs, int):
            return None
        return TrainerResult(run.path, False, saved, epochs, read_test(run.path))

    def load_data(self) -> TrainingData:
        """Return the data, loading them if necessary."""
        validation = getattr(self.config, "validation_split", 0.0)
        standardize = getattr(self.config, "standardize", True)
        return self.data or load_data(
            self.source, self.recipe, self.fitting.seed, validation, standardize, self.trainer
        )

    def with_data(self, data: TrainingData) -> Self:
        """Return the plan with ``data``, so that they are not loaded again."""
        return replace(self, data=data)

    @property
    def run_class(self) -> type[Run]:
        return run_class(self.fitting.strategy)

    @contextmanager
    def prepare(self) -> Iterator[plans.Training]:
        with splitting(self.fitting.strategy, self.trainer):
            yield _TrainerTraining(self, self.load_data())


@dataclass(frozen=True)
class _TrainerTraining:
    plan: TrainerPlan
    data: TrainingData

    def __call__(self, run: Run, report: Report, callbacks: Sequence[Callback]) -> TrainerResult:
        """Train, evaluate on the test split, save and plot."""
        from agentlab.plots.curves import plot_history
        from agentlab.runs.frames import animate

        data = self.data
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
        path = run.place()
        if trainer.interrupted or run.follows:
            return TrainerResult(path, trainer.interrupted, None, len(trainer.history))
        metrics = trainer.evaluate(*data.test)
        classes = trainer.report(*data.test)
        write_test(metrics, data, run.place(), report=classes)
        report("test", _in_words(metrics))
        for number, line in enumerate(classes):
            report("" if number else "classes", line)
        saved = run.save_learner("learner", trainer.write)
        report("saved", saved)
        if len(trainer.history) > 1:  # a single point is no curve
            report("plot", plot_history(run.place()))
        for name, figure in trainer.plots(*data.test).items():
            report("plot", _draw(figure, run, name, len(trainer.history)))
        for animation in animate(path):
            report("animation", animation)
        if (points := trainer.projection(*data.test)) is not None:
            from agentlab.runs.projector import write_projector

            report("projector", write_projector(run.place() / "tensorboard", "test", *points))
        return TrainerResult(run.place(), False, saved, len(trainer.history), dict(metrics))


def cross_validate(
    plan: TrainerPlan,
    folds: int,
    runs_dir: Path | str = "runs",
    name: str | None = None,
    *,
    report: Report = silent,
) -> dict[str, float]:
    """Cross-validate: train once per fold, save the metrics on each fold, and return the means.

    Args:
        plan: the settings of training.
        folds: number of folds.
        runs_dir: the folder that contains the runs.
        name: name of the run's folder; ``None`` for a name based on the plan's default.
        report: called with the name and value of each result: ``fold 1``, ..., ``mean``, ``saved``.

    Raises:
        InvalidArgument: for fewer than 2 folds.
        AgentlabError: if the data are not arrays in memory.
    """
    from agentlab.supervised import folds as supervised_folds

    if folds < 2:
        raise InvalidArgument(f"folds={folds} must be 2 or more")
    if plan.fitting.strategy is not None:
        raise InvalidArgument(
            f"strategy={plan.fitting.strategy!r} cannot be combined with folds={folds}"
        )
    data = plan.load_data()
    if len(data.train) != 2:
        raise AgentlabError(f"folds={folds} needs data in memory, such as those of a recipe")
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
        write_test(metrics, data, run.path, folds=rows)
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


def _draw(figure: Any, run: Run, name: str, step: int) -> Path:
    """Write a figure to the run's plots and to TensorBoard."""
    from agentlab.plots.style import figure_to_array, save_figure

    run.image(name, step, figure_to_array(figure))
    return save_figure(figure, run.place() / "plots" / f"{name}.png")
