"""Plans: everything that decides the numbers of a run; starting and resuming one."""

from __future__ import annotations

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
from agentlab.registry import KINDS
from agentlab.runs import Run
from agentlab.training.callbacks import Callback

Report = Callable[[str, object], None]  # is given the name of each result, and the result


def silent(name: str, value: object) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Result:
    """The result of a run.

    Attributes:
        path: its folder.
        interrupted: whether it was stopped before its end; then only its checkpoints are there.
        saved: the folder that the trained learner was saved to.
    """

    path: Path
    interrupted: bool
    saved: Path | None


class Training(Protocol):
    """Trains in a run what a plan has prepared, and returns the result."""

    def __call__(self, run: Run, report: Report, callbacks: Sequence[Callback]) -> Result:
        """Train in ``run``; see ``start``."""


@dataclass(frozen=True)
class Plan(ABC):
    """Everything that decides the numbers of a run, as ``config.json`` keeps it.

    Attributes:
        changeable: the settings that a resumed run may change.
    """

    changeable: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def kind(self) -> str:
        """The kind of learner: ``"agent"``, ``"trainer"`` or ``"estimator"``."""

    @property
    @abstractmethod
    def default_name(self) -> str:
        """The name of the run's folder where none is given."""

    @abstractmethod
    def values(self) -> dict[str, Any]:
        """Return all settings by name."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return the plan as ``config.json`` keeps it."""

    @abstractmethod
    def changed(self, **settings: Any) -> Self:
        """Return the plan with some of the ``changeable`` settings changed."""

    @abstractmethod
    def prepare(self) -> AbstractContextManager[Training]:
        """Make all that the training needs, before there is a run."""

    def resumed_with(self, settings: Mapping[str, Any]) -> Self:
        """Return the plan of a resumed run for which ``settings`` were given.

        Raises:
            InvalidArgument: where one that cannot be changed differs from the run's.
        """
        known = self.values()
        for name, value in settings.items():
            if name not in self.changeable and value != known.get(name):
                raise InvalidArgument(
                    f"{flag_of(name)} {configs.format_value(value)} cannot be changed: a resumed "
                    f"run keeps its settings, only {', '.join(map(flag_of, self.changeable))} may "
                    "be given"
                )
        return self.changed(**{n: settings[n] for n in self.changeable if n in settings})


def start(
    plan: Plan,
    runs_dir: Path | str = "runs",
    name: str | None = None,
    *,
    on_start: Callable[[Run], None] = lambda run: None,
    report: Report = silent,
    callbacks: Sequence[Callback] = (),
) -> Any:
    """Train from the beginning, in a new run.

    Args:
        plan: everything that decides the numbers of the run.
        runs_dir: the folder that holds the runs.
        name: the run's folder; ``None`` makes it from the plan.
        on_start: called with the run before the first step.
        report: called with the name and the value of each result after the training.
        callbacks: called at fixed moments of the training.

    Returns:
        An ``AgentResult`` or a ``TrainerResult``.

    Raises:
        AgentlabError: where the learner, its environments or its data cannot be made.
    """
    with (
        plan.prepare() as train,
        Run.create(runs_dir, name or plan.default_name, plan.to_json()) as run,
    ):
        try:
            on_start(run)
            return train(run, report, callbacks)
        except AgentlabError:
            if not (run.path / "metrics.csv").exists():
                shutil.rmtree(run.path)  # what cannot be trained leaves no run behind
            raise


def resume(
    plan: Plan,
    run: Run,
    *,
    on_start: Callable[[Run], None] = lambda run: None,
    report: Report = silent,
    callbacks: Sequence[Callback] = (),
) -> Any:
    """Resume a run exactly as it was set up.

    Args:
        plan: the one that ``read_plan`` read from ``run``, or what ``resumed_with`` made of it.
        run: the run, opened.
        on_start: as for ``start``.
        report: as for ``start``.
        callbacks: as for ``start``.

    Returns:
        An ``AgentResult`` or a ``TrainerResult``.
    """
    with plan.prepare() as train:
        on_start(run)
        return train(run, report, callbacks)


def fill(cls: type, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """Make the dataclass ``cls`` from ``given`` and, where that has no value, ``defaults``.

    Names that ``cls`` has no field for are left out of ``given``.
    """
    names = {field.name for field in fields(cls)}
    return configs.from_dict(
        cls, {**defaults, **{name: value for name, value in given.items() if name in names}}
    )


def check_names(given: Mapping[str, Any], *groups: type) -> None:
    """Raise ``InvalidArgument`` for a name that is no field of any of ``groups``."""
    known = [field.name for group in groups for field in fields(group)]
    for name in given:
        if name not in known:
            raise InvalidArgument(f"there is no setting {name!r}{did_you_mean(name, known)}")


def kind_of(run: Run) -> str:
    """Return the kind of learner that a run trains: ``"agent"``, ``"trainer"`` or ``"estimator"``.

    Raises:
        AgentlabError: where ``config.json`` does not say.
    """
    kind = run.config.get("kind")
    if kind not in KINDS:
        raise AgentlabError(
            f"{run.path / 'config.json'} is damaged: kind={kind!r} must be one of "
            f"{', '.join(KINDS)}"
        )
    return str(kind)
