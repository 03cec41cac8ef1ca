"""Plans: the settings that determine the results of a run; starting and resuming runs."""

from __future__ import annotations

import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from agentlab import config as configs
from agentlab.config import did_you_mean, flag_of
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.experiments.edits import edits_of
from agentlab.registry import KINDS
from agentlab.runs import Run
from agentlab.runs.provenance import compare_versions, provenance
from agentlab.training.callbacks import Callback

Report = Callable[[str, object], None]  # called with the name and value of each result


def silent(name: str, value: object) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Result:
    """The result of a run.

    Attributes:
        path: the run's folder.
        interrupted: whether it was stopped early; then it contains only checkpoints.
        saved: the folder of the trained learner; ``None`` if interrupted.
    """

    path: Path
    interrupted: bool
    saved: Path | None

    @property
    def length(self) -> dict[str, int]:
        """The length of the training, as recorded in ``config.json`` when it has finished."""
        return {}


class Training(Protocol):
    """Trains the learner that a plan has prepared, and returns the result."""

    def __call__(self, run: Run, report: Report, callbacks: Sequence[Callback]) -> Result:
        """Train in ``run``; see ``start``."""


@dataclass(frozen=True)
class Plan(ABC):
    """The settings that determine the results of a run, stored in ``config.json``.

    Attributes:
        changeable: the settings that can be changed when a run is resumed, as far as the plan has
            them: those on which no saved array depends.
    """

    changeable: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def kind(self) -> str:
        """The kind of learner: ``"agent"``, ``"trainer"`` or ``"estimator"``."""

    @property
    @abstractmethod
    def default_name(self) -> str:
        """The default name of the run's folder."""

    @abstractmethod
    def values(self) -> dict[str, Any]:
        """Return all settings by name."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return the contents of ``config.json``."""

    @abstractmethod
    def changed(self, **settings: Any) -> Self:
        """Return the plan with some of the ``changeable`` settings changed."""

    @abstractmethod
    def finished(self, run: Run) -> Result | None:
        """Return the result of a finished run; ``None`` if there is training left to do."""

    def warnings(self) -> list[str]:
        """Return warnings about settings that are probably unintended."""
        return []

    @property
    def run_class(self) -> type[Run]:
        """The class of the run in this process."""
        return Run

    @abstractmethod
    def prepare(self) -> AbstractContextManager[Training]:
        """Create everything that training needs, before the run is created."""

    def resumed_with(self, settings: Mapping[str, Any]) -> Self:
        """Return the plan of a resumed run with ``settings`` changed.

        Raises:
            InvalidArgument: if a setting that cannot be changed differs from the run's.
        """
        known = self.values()
        free = [name for name in self.changeable if name in known]
        for name, value in settings.items():
            if name not in free and value != known.get(name):
                raise InvalidArgument(
                    f"{flag_of(name)} {configs.format_value(value)} cannot be changed: a resumed "
                    f"run accepts only {', '.join(map(flag_of, free))}"
                )
        return self.changed(**{n: settings[n] for n in free if n in settings})

    def changes(self, described: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Return the old and new values of the settings that differ from a ``config.json``."""
        found: dict[str, list[Any]] = {}
        for group, values in json.loads(json.dumps(self.to_json())).items():
            old = described.get(group)
            if isinstance(values, dict) and isinstance(old, dict):
                known = {name: old[name] for name in values if name in old}
                found |= {n: [v, values[n]] for n, v in known.items() if v != values[n]}
            elif group in described and values != old:
                found[group] = [old, values]
        return found


def start(
    plan: Plan,
    runs_dir: Path | str = "runs",
    name: str | None = None,
    *,
    on_start: Callable[[Run], None] = lambda run: None,
    report: Report = silent,
    callbacks: Sequence[Callback] = (),
) -> Any:
    """Start a new run.

    Args:
        plan: the settings of the run.
        runs_dir: the folder that contains the runs.
        name: name of the run's folder; ``None`` for the plan's default.
        on_start: called with the run before the first step.
        report: called with the name and value of each result after training.
        callbacks: called at fixed points of training; see ``Callback``.

    Returns:
        An ``AgentResult`` or a ``TrainerResult``.

    Raises:
        AgentlabError: if the learner, its environments or its data cannot be created.
    """
    with (
        plan.prepare() as train,
        plan.run_class.create(runs_dir, name or plan.default_name, plan.to_json()) as run,
    ):
        try:
            on_start(run)
            _warn(plan, report)
            return _finish(run, train(run, report, callbacks))
        except AgentlabError:
            kept = (run.path / "metrics.csv").exists() or run.checkpoints.folders()
            if not kept and not run.follows:
                # Training failed before anything was learned.
                shutil.rmtree(run.path, ignore_errors=True)
            raise
        except KeyboardInterrupt:
            raise _interrupted(run) from None


def resume(
    plan: Plan,
    run: Run,
    *,
    accept_edits: bool = False,
    on_start: Callable[[Run], None] = lambda run: None,
    report: Report = silent,
    callbacks: Sequence[Callback] = (),
) -> Any:
    """Resume a run with its own settings.

    Changed settings are recorded in ``config.json``, under ``"resumed"``. If the run has finished
    and no setting was changed, nothing is written, and its result is returned.

    Args:
        plan: the plan that ``open_run`` returned, possibly changed by ``resumed_with``.
        run: the run that ``open_run`` returned.
        accept_edits: whether to accept a ``config.json`` that was edited by hand in settings that a
            resumed run cannot change otherwise.
        on_start: as for ``start``.
        report: as for ``start``.
        callbacks: as for ``start``.

    Returns:
        An ``AgentResult`` or a ``TrainerResult``.

    Raises:
        AgentlabError: if ``config.json`` was edited and ``accept_edits`` is needed.
    """
    edits = edits_of(plan, run, accept_edits)
    if not edits and (result := plan.finished(run)) is not None:
        report("finished", f"{run.path} has already finished, so nothing was changed in it")
        return result
    compare_versions(run.config)
    with plan.prepare() as train:
        changes = edits | plan.changes(run.config)
        if changes or run.edited or run.config.get("finished"):
            record = {**provenance(), "changed": changes}
            earlier = run.config.get("resumed")
            resumed = [*(earlier if isinstance(earlier, list) else []), record]
            run.update_config({**plan.to_json(), "finished": None, "resumed": resumed})
        on_start(run)
        try:
            _warn(plan, report)
            return _finish(run, train(run, report, callbacks))
        except KeyboardInterrupt:
            raise _interrupted(run) from None


def _interrupted(run: Run) -> KeyboardInterrupt:
    """Return the exception for a run that was interrupted at once, which says what is saved."""
    saved = []
    if run.checkpoints.folders():
        saved.append(f"the latest checkpoint is saved, resume it with --resume {run.path}")
    if (run.path / "learner").is_dir():
        saved.append(f"the last trained model is saved in {run.path / 'learner'}")
    return KeyboardInterrupt(
        f"interrupted; {'; '.join(saved) or f'no checkpoint of {run.path} has been saved yet'}"
    )


def _warn(plan: Plan, report: Report) -> None:
    for warning in plan.warnings():
        report("warning", warning)


def _finish(run: Run, result: Result) -> Result:
    """Record that a run has finished, unless it was interrupted."""
    if result.saved is not None and not result.saved.is_dir():
        raise AgentlabError(
            f"{result.saved} was deleted before the end; `--resume {run.path}` saves it again"
        )
    if not result.interrupted:
        run.update_config({"finished": result.length})
    return result


def fill(cls: type, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """Create the dataclass ``cls`` from ``given``, with missing values from ``defaults``.

    Names in ``given`` that are not fields of ``cls`` are ignored.
    """
    names = {field.name for field in fields(cls)}
    return configs.from_dict(
        cls, {**defaults, **{name: value for name, value in given.items() if name in names}}
    )


def check_names(given: Mapping[str, Any], *groups: type) -> None:
    """Raise ``InvalidArgument`` for a name that is not a field of any of ``groups``."""
    known = [field.name for group in groups for field in fields(group)]
    for name in given:
        if name not in known:
            raise InvalidArgument(f"setting {name!r} is unknown{did_you_mean(name, known)}")


def kind_of(run: Run) -> str:
    """Return the kind of learner that a run trains: ``"agent"``, ``"trainer"`` or ``"estimator"``.

    Raises:
        AgentlabError: if ``config.json`` is damaged.
    """
    kind = run.config.get("kind")
    if kind not in KINDS:
        raise AgentlabError(
            f"{run.path / 'config.json'} is damaged: kind={kind!r} must be one of "
            f"{', '.join(KINDS)}"
        )
    return str(kind)
