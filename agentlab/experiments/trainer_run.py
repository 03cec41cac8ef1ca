"""A trainer's run: what it is made of, as ``config.json`` keeps it; starting and resuming it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agentlab import config as configs
from agentlab.errors import AgentlabError
from agentlab.experiments.recipes import Recipe, find_recipe
from agentlab.experiments.training_data import Source, TrainingData
from agentlab.lazy import without_banners
from agentlab.runs.files import replacing_folder, reporting, write_json
from agentlab.supervised import trainer_class

if TYPE_CHECKING:
    from agentlab.runs import Run
    from agentlab.training.trainer import Trainer

CHANGEABLE = ("epochs", "patience", "data_dir")  # by a resumed run

Report = Callable[[str, object], None]  # is given the name of each thing made, and the thing


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

    @property
    def default_name(self) -> str:
        """The name of the run's folder where the user gives none."""
        if self.recipe is not None:
            return self.recipe.name
        value = getattr(self.source, self.source.own or "")
        return Path(value[0] if isinstance(value, tuple) else value).stem

    def changed(self, **fields: Any) -> Fitting:
        """Return it with some fields of ``config`` changed, or the source's ``data_dir``."""
        source = {name: fields.pop(name) for name in ("data_dir",) if name in fields}
        return replace(
            self, config=replace(self.config, **fields), source=replace(self.source, **source)
        )

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Fitting:
        """Read back what ``to_json`` gave."""
        if "trainer" not in described:
            raise AgentlabError("the run trains an agent, not a net on examples")
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


@dataclass(frozen=True)
class TrainerRun:
    """What came of a run.

    Attributes:
        path: its folder.
        epochs: how many ended.
        interrupted: whether it was stopped before its end; then it has not been tested.
        metrics: what was reached on data never used before, by name.
    """

    path: Path
    epochs: int
    interrupted: bool
    metrics: dict[str, float] = field(default_factory=dict)


def start(
    fitting: Fitting,
    data: TrainingData,
    runs_dir: Path | str = "runs",
    name: str | None = None,
    on_start: Callable[[Run], None] = lambda record: None,
    report: Report = lambda name, value: None,
) -> TrainerRun:
    """Train from the beginning, in a new run, and test once.

    Args:
        fitting: everything that decides the numbers of the run.
        data: the data that it names.
        runs_dir: where run folders lie.
        name: the run's folder; ``None`` makes it of the data.
        on_start: called with the run before the first update.
        report: called with the name and the value of each thing made after the training:
            ``test``, ``saved``, ``plot``, ``projector``.

    Raises:
        AgentlabError: where the data do not suit the trainer, or the folder exists.
    """
    from agentlab.runs import Run

    with Run.create(runs_dir, name or fitting.default_name, fitting.to_json()) as record:
        on_start(record)
        try:
            return _train(fitting, data, record, report)
        except AgentlabError:
            if not (record.path / "metrics.csv").exists():
                shutil.rmtree(record.path)  # what cannot be trained leaves no run behind
            raise


def resume(
    fitting: Fitting,
    data: TrainingData,
    record: Run,
    on_start: Callable[[Run], None] = lambda record: None,
    report: Report = lambda name, value: None,
) -> TrainerRun:
    """Resume a run exactly as it was set up.

    Args:
        fitting: the one that ``record`` keeps; only fields in ``CHANGEABLE`` may differ.
        data: the data that it names.
        record: the run, opened.
        on_start: as for ``start``.
        report: as for ``start``.
    """
    on_start(record)
    return _train(fitting, data, record, report)


def cross_validate(
    fitting: Fitting,
    data: TrainingData,
    folds: int,
    runs_dir: Path | str = "runs",
    name: str | None = None,
    on_start: Callable[[Run], None] = lambda record: None,
    report: Report = lambda name, value: None,
) -> dict[str, float]:
    """Train once for each part left out, keep what was reached on it, and return the means.

    Args:
        fitting: everything that decides the numbers.
        data: the data that it names.
        folds: how many parts.
        runs_dir: where run folders lie.
        name: the run's folder; ``None`` makes it of the data.
        on_start: called with the run before the first update.
        report: called with the name and the value of each result: ``part 1``, ..., ``mean``,
            ``kept in``.

    Raises:
        AgentlabError: where the data do not lie in memory whole, or the folder exists.
    """
    from agentlab.runs import Run
    from agentlab.supervised import folds as supervised_folds

    if len(data.train) != 2:
        raise AgentlabError(f"folds={folds} needs data that lie in memory whole, as a recipe's")
    x, y = (np.concatenate(parts) for parts in zip(data.train, data.test, strict=True))
    described = {**fitting.to_json(), "folds": folds}
    with Run.create(runs_dir, name or f"{fitting.default_name}-{folds}-folds", described) as record:
        on_start(record)
        rows = []
        for row in supervised_folds.cross_validate(
            lambda: _make(fitting, data), x, y, folds, fitting.seed, **data.options
        ):
            rows.append(row)
            report(f"part {len(rows)}", _in_words(row))
        metrics = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        report("mean", _in_words(metrics))
        _keep(metrics, data, record.path, parts=rows)
        report("kept in", record.path / "test.json")
    return metrics


def _make(fitting: Fitting, data: TrainingData) -> Trainer:
    from agentlab.runs import seed_everything

    with without_banners():
        trainer = trainer_class(fitting.trainer)(config=fitting.config, seed=fitting.seed)
    seed_everything(fitting.seed)
    trainer.preprocessor = data.preprocessor
    return trainer


def _train(fitting: Fitting, data: TrainingData, record: Run, report: Report) -> TrainerRun:
    """Train, test once, save and plot."""
    from agentlab.plots.curves import plot_history

    path = record.path
    trainer = _make(fitting, data)
    trainer.fit(*data.train, validation_data=data.validation, run=record, **data.options)
    if trainer.interrupted:
        return TrainerRun(path, len(trainer.history), True)
    metrics = trainer.evaluate(*data.test)
    _keep(metrics, data, path)
    report("test", _in_words(metrics))
    _save(trainer, path)
    report("saved", path / "trainer")
    if trainer.history:
        report("plot", plot_history(path))
    for name, figure in trainer.plots(*data.test).items():
        report("plot", _draw(figure, record, name, len(trainer.history)))
    if (points := trainer.projection(*data.test)) is not None:
        from agentlab.runs.projector import write_projector

        report("projector", write_projector(path / "tensorboard", "test", *points))
    return TrainerRun(path, len(trainer.history), False, dict(metrics))


def _in_words(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())


def _keep(metrics: Mapping[str, float], data: TrainingData, path: Path, **more: Any) -> None:
    """Write what was reached on data never used before, and on which, to ``test.json``."""
    kept = {"metrics": metrics, "data": data.notes, **more}
    with reporting(f"{path / 'test.json'} cannot be written"):
        write_json(path / "test.json", kept)


def _save(trainer: Trainer, path: Path) -> None:
    saved = path / "trainer"
    with reporting(f"{saved} cannot be written"), replacing_folder(saved) as temporary:
        trainer.save(temporary)


def _draw(figure: Any, record: Run, name: str, step: int) -> Path:
    """Write a figure to the run's plots and show it in TensorBoard."""
    from agentlab.plots.style import figure_to_array, save_figure

    record.image(name, step, figure_to_array(figure))
    return save_figure(figure, record.path / "plots" / f"{name}.png")
