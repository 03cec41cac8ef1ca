"""What the conformance suites share: running checks, comparing states, small configurations."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from agentlab import config as configs
from agentlab.components import State
from agentlab.errors import AgentlabError
from agentlab.learner import Learner
from agentlab.runs import Run
from agentlab.training.callbacks import Callback

Case = TypeVar("Case")
Check = Callable[[Case], None]


class Looking(Callback):
    """A callback that looks at all that a learner shows, which must change no number of a run."""

    def on_start(self, learner: Learner, run: Run | None) -> None:
        self.learner = learner

    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        self.learner.state()

    def on_checkpoint(self, path: Path) -> None:
        require(path.is_dir(), f"on_checkpoint is called with {path}, which is no folder")
        self.learner.specification()


def require(condition: Any, failure: str) -> None:
    """Raise ``AssertionError`` with ``failure`` where ``condition`` is false."""
    if not condition:
        raise AssertionError(failure)


def run_checks(checks: Iterable[Check[Case]], case: Case) -> None:
    """Run every check on ``case``.

    Raises:
        AssertionError: with one line for each check that fails.
    """
    failures = []
    for check in checks:
        try:
            check(case)
        except Exception as error:  # whatever the class under test raises
            told = str(error) if isinstance(error, AssertionError) else repr(error)
            failures.append(f"{check.__name__}: {told}")
    require(not failures, f"{case} fails {len(failures)} checks:\n" + "\n".join(failures))


def differing(one: State, other: State) -> str:
    """Return the names in which two states differ, separated by commas.

    Values are compared in order, since Keras counts up the names of layers without one.
    """
    if len(one) != len(other):
        return f"the number of values, {len(one)} and {len(other)}"
    pairs = zip(one.items(), other.values(), strict=True)
    return ", ".join(name for (name, value), its in pairs if not _equal(value, its))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        one, other = np.asarray(one), np.asarray(other)
        return bool(one.dtype == other.dtype) and one.tobytes() == other.tobytes()
    return bool(one == other)


def refusal(call: Callable[[], Any], what: str) -> str:
    """Return the sentence by which ``call`` refuses ``what``.

    Raises:
        AssertionError: where it raises nothing, or anything but an ``AgentlabError`` of one line.
    """
    try:
        call()
    except AgentlabError as error:
        require("\n" not in str(error), f"{what} is refused in several lines: {str(error)!r}")
        return str(error)
    except Exception as error:
        raise AssertionError(
            f"{what} raises {type(error).__name__}, but must raise AgentlabError"
        ) from error
    raise AssertionError(f"{what} is accepted, but must raise AgentlabError")


def small_config(cls: type[Any], small: Mapping[str, Any], config: Any) -> Any:
    """Return the configuration to check ``cls`` with.

    Args:
        cls: a learner's class.
        small: options that make a training short; those that ``cls.Config`` lacks are left out.
        config: an instance of ``cls.Config``; a mapping of options to set beside ``small``; or
            ``None``.
    """
    if isinstance(config, cls.Config):
        return config
    names = {field.name for field in dataclasses.fields(cls.Config)}
    known = {name: value for name, value in small.items() if name in names}
    return configs.from_dict(cls.Config, {**known, **(config or {})})


def check_config(cls: type[Any], config: Any) -> None:
    """Require that a configuration survives JSON and that every option has a help text."""
    again = configs.from_dict(cls.Config, configs.to_dict(config))
    require(again == config, f"{cls.__name__}.Config is another one after to_dict and from_dict")
    silent = [f.name for f in dataclasses.fields(cls.Config) if not f.metadata.get("help")]
    require(not silent, f"options without a help text: {', '.join(silent)}")


def logged_rows(run: Run) -> list[dict[str, str]]:
    """Return the rows of a run's ``metrics.csv`` as texts by column, without empty cells."""
    with (run.path / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]
