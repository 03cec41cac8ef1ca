"""Shared by the conformance suites: running checks, comparing states, small configurations."""

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
    """A callback that reads a learner's state and specification, which must not affect training."""

    def on_start(self, learner: Learner, run: Run | None) -> None:
        self.learner = learner

    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        self.learner.state()

    def on_checkpoint(self, path: Path) -> None:
        require(path.is_dir(), f"on_checkpoint is called with {path}, which is not a folder")
        self.learner.specification()


def require(condition: Any, failure: str) -> None:
    """Raise ``AssertionError`` with ``failure`` if ``condition`` is false."""
    if not condition:
        raise AssertionError(failure)


def run_checks(checks: Iterable[Check[Case]], case: Case) -> None:
    """Run every check on ``case``.

    Raises:
        AssertionError: if checks fail, with one line per failed check.
    """
    failures = []
    for check in checks:
        try:
            check(case)
        except Exception as error:  # whatever the class under test raises
            reason = str(error) if isinstance(error, AssertionError) else repr(error)
            failures.append(f"{check.__name__}: {reason}")
    require(not failures, f"{case} fails {len(failures)} checks:\n" + "\n".join(failures))


def differing(one: State, other: State) -> str:
    """Return the names of the values in which two states differ, separated by commas.

    Values are matched by order, because Keras numbers unnamed layers differently in each model.
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
    """Return the message of the ``AgentlabError`` that ``call`` raises.

    Args:
        call: must raise an ``AgentlabError`` with a message of one line.
        what: the invalid argument, in words, for the messages of this function.

    Raises:
        AssertionError: if it raises nothing or another error, or if the message has several lines.
    """
    try:
        call()
    except AgentlabError as error:
        one_line = "\n" not in str(error)
        require(one_line, f"the error for {what} must have one line, but is {str(error)!r}")
        return str(error)
    except Exception as error:
        raise AssertionError(
            f"{what} must raise AgentlabError, but raises {type(error).__name__}"
        ) from error
    raise AssertionError(f"{what} must raise AgentlabError, but raises nothing")


def small_config(cls: type[Any], small: Mapping[str, Any], config: Any) -> Any:
    """Return the configuration to check ``cls`` with.

    Args:
        cls: the class of a learner.
        small: options for short training; those that ``cls.Config`` does not have are ignored.
        config: an instance of ``cls.Config``, which is returned unchanged; a mapping of options
            that override those of ``small``; or ``None``.
    """
    if isinstance(config, cls.Config):
        return config
    names = {field.name for field in dataclasses.fields(cls.Config)}
    known = {name: value for name, value in small.items() if name in names}
    return configs.from_dict(cls.Config, {**known, **(config or {})})


def check_config(cls: type[Any], config: Any) -> None:
    """Require that from_dict inverts to_dict, and that every option has a help text."""
    again = configs.from_dict(cls.Config, configs.to_dict(config))
    require(again == config, f"{cls.__name__}.Config changes in to_dict and from_dict")
    silent = [f.name for f in dataclasses.fields(cls.Config) if not f.metadata.get("help")]
    require(not silent, f"options without a help text: {', '.join(silent)}")


def logged_rows(run: Run) -> list[dict[str, str]]:
    """Return the rows of a run's ``metrics.csv`` as dicts of strings, without empty cells."""
    with (run.path / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]
