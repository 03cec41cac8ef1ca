"""Hyperparameter search with Optuna: the search space, and the trials in a log file."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from agentlab.bounds import check_bounds
from agentlab.config import (
    describe_type,
    did_you_mean,
    flag_of,
    is_union,
    parse_value,
)
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.experiments.journal import Journal
from agentlab.runs.seeds import derive_seed

Sampler = Literal["tpe", "random", "grid"]
Value = str | int | float
LOG = "study.log"


class Field(NamedTuple):
    """A searchable field: its type, and the dataclass field with its bounds."""

    hint: Any
    declared: dataclasses.Field[Any]


@dataclass(frozen=True)
class Dimension:
    """The search space of one field: a list of choices, or a range of numbers.

    Attributes:
        name: the field's name.
        hint: the field's type.
        choices: values as written on the command line; empty for a range.
        low: lower end of the range; an int if the field is an integer.
        high: upper end of the range.
        log: whether the range is searched on a logarithmic scale.
    """

    name: str
    hint: Any
    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = 0
    log: bool = False

    def distribution(self) -> Any:
        """Return the dimension as an Optuna distribution."""
        from optuna import distributions

        if self.choices:
            return distributions.CategoricalDistribution(self.choices)
        if isinstance(self.low, int):
            return distributions.IntDistribution(self.low, int(self.high), log=self.log)
        return distributions.FloatDistribution(self.low, self.high, log=self.log)

    def points(self, count: int) -> list[Value]:
        """Return all choices, or up to ``count`` evenly spaced numbers including both ends."""
        if self.choices:
            return list(self.choices)
        space = np.geomspace if self.log else np.linspace
        numbers = np.clip(space(self.low, self.high, count), self.low, self.high).tolist()
        return sorted({round(x) for x in numbers}) if isinstance(self.low, int) else numbers

    def words(self, value: Value) -> list[str]:
        """Return ``value`` as command line arguments."""
        flag = flag_of(self.name)
        if self.hint in (bool, bool | None):
            yes = parse_value(flag, str(value), bool)
            return [flag if yes else "--no-" + flag.removeprefix("--")]
        return [flag, str(value)]


def read_space(texts: Sequence[str], searchable: Mapping[str, Field]) -> list[Dimension]:
    """Parse the values of ``--search``, such as ``learning_rate=1e-4..1e-2:log hidden=64|128,128``.

    Args:
        texts: one string for each field.
        searchable: all searchable fields, by name.

    Raises:
        AgentlabError: for an unknown field, or values of the wrong type or out of bounds.
    """
    space: dict[str, Dimension] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip().removeprefix("--").replace("-", "_")
        if not equals or not values:
            raise AgentlabError(
                f"--search {text!r} must be FIELD=A|B|C, FIELD=LOW..HIGH or FIELD=LOW..HIGH:log"
            )
        if name not in searchable:
            near = did_you_mean(name, searchable)
            raise AgentlabError(f"--search {text!r}: field {name!r} is unknown{near}")
        if name in space:
            raise AgentlabError(f"--search has {name} twice; pass all its values in one FIELD=A|B")
        space[name] = _read_dimension(name, values, searchable[name])
    return list(space.values())


def _read_dimension(name: str, text: str, field: Field) -> Dimension:
    hint, flag = field.hint, f"--search {name}:"
    choices = tuple(part.strip() for part in text.split("|"))
    if len(choices) > 1:
        if len(set(choices)) < len(choices):
            raise AgentlabError(f"{flag} {text!r} contains a value twice; remove duplicates")
        for choice in choices:
            _check(flag, field, parse_value(flag, choice, hint))
        return Dimension(name, hint, choices)
    low_text, dots, high_text = text.partition("..")
    if not dots:
        raise AgentlabError(
            f"{flag} {text!r} is only one value; pass several, A|B, or a range, LOW..HIGH"
        )
    kinds = typing.get_args(hint) if is_union(hint) else (hint,)
    kind = next((kind for kind in (float, int) if kind in kinds), None)
    if kind is None:
        raise AgentlabError(
            f"{flag} {text!r} is a range, but the field is {describe_type(hint)}; list values, A|B"
        )
    high_text, colon, spacing = high_text.partition(":")
    if colon and spacing != "log":
        raise AgentlabError(f"{flag} {text!r} ends in {':' + spacing!r}; it must end in ':log'")
    low, high = (parse_value(flag, number, kind) for number in (low_text, high_text))
    if not (low < high and math.isfinite(low) and math.isfinite(high)):
        raise AgentlabError(f"{flag} {text!r} must go from a lower to a higher number")
    if colon and low <= 0:
        raise AgentlabError(f"{flag} {text!r} must start above 0 for a logarithmic scale")
    for end in (low, high):
        _check(flag, field, end)
    return Dimension(name, hint, (), low, high, bool(colon))


def _check(flag: str, field: Field, value: Any) -> None:
    """Raise ``InvalidArgument`` if a value of the search space is out of the field's bounds."""
    try:
        check_bounds(field.declared, value)
    except InvalidArgument as error:
        raise InvalidArgument(f"{flag} {error}") from None


@dataclass(frozen=True)
class Trial:
    """A trial: its number, its settings, and its value if it is complete."""

    number: int
    settings: dict[str, Value]
    value: float | None = None


class Study:
    """The trials of one search, stored in ``study.log``, an Optuna journal of JSON lines.

    Each trial is sampled with its own seed, so an interrupted study tries the same settings as an
    uninterrupted one. With parallel trials this holds only for ``random`` and ``grid``, since
    ``tpe`` (Bergstra et al. 2011) learns from the trials that are complete.

    Args:
        folder: the folder of ``study.log``.
        new: whether to create ``study.log`` rather than read it.

    Raises:
        AgentlabError: for a missing or damaged study.
    """

    def __init__(self, folder: Path, new: bool = False) -> None:
        import optuna
        from optuna.storages import JournalStorage

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        path = folder / LOG
        if not new and not path.is_file():
            raise AgentlabError(f"{folder} contains no study: {LOG} is missing")
        try:
            self._journal = Journal(path)
            storage = JournalStorage(self._journal.backend())
            if new:
                self._study = optuna.create_study(
                    study_name="agentlab", storage=storage, direction="maximize"
                )
            else:
                self._study = optuna.load_study(study_name="agentlab", storage=storage)
        except Exception as error:  # Optuna may raise anything for a damaged journal
            if isinstance(error, AgentlabError | OSError):
                raise
            raise AgentlabError(f"{path} is damaged: {error!r}") from error
        self.space: list[Dimension] = []

    @property
    def about(self) -> dict[str, Any]:
        """The description stored by ``describe``."""
        return dict(self._study.user_attrs)

    def describe(self, about: Mapping[str, Any]) -> None:
        """Store JSON values that are needed to resume the search."""
        for name, value in about.items():
            self._study.set_user_attr(name, value)

    def set_up(
        self, space: list[Dimension], sampler: Sampler, seed: int, points: int, at_once: int
    ) -> None:
        """Set the space and the sampler.

        Args:
            space: the dimensions of the search space.
            sampler: the method that samples settings.
            seed: seeds the sampler.
            points: number of values from each range, for ``grid``.
            at_once: number of parallel trials.
        """
        self.space, self._sampler, self._seed = space, sampler, seed
        self._points, self._at_once = points, at_once

    @cached_property
    def _grid(self) -> dict[str, list[Value]]:
        return {dimension.name: dimension.points(self._points) for dimension in self.space}

    @property
    def size(self) -> int | None:
        """The number of settings in the grid; ``None`` for other samplers."""
        if self._sampler != "grid":
            return None
        return math.prod(len(values) for values in self._grid.values())

    def trials(self, *states: str) -> list[Trial]:
        """Return the trials in the given states (COMPLETE, FAIL, RUNNING), in order."""
        return [
            Trial(trial.number, dict(trial.params), trial.value if trial.values else None)
            for trial in self._study.get_trials(deepcopy=False)
            if trial.state.name in states
        ]

    def cut(self) -> list[Trial]:
        """Return the trials that an earlier process did not finish."""
        left = self.trials("RUNNING")
        for trial in left:
            if len(trial.settings) < len(self.space):  # interrupted while it was being sampled
                self.tell(trial.number, None)
        return [trial for trial in left if len(trial.settings) == len(self.space)]

    def ask(self) -> Trial:
        """Sample a new trial."""
        from optuna import samplers

        seed = derive_seed(self._seed, len(self._study.get_trials(deepcopy=False)))
        if self._sampler == "grid":
            self._study.sampler = samplers.GridSampler(self._grid, seed=self._seed)
        elif self._sampler == "random":
            self._study.sampler = samplers.RandomSampler(seed=seed)
        else:
            self._study.sampler = samplers.TPESampler(seed=seed, constant_liar=self._at_once > 1)
        asked = self._study.ask({d.name: d.distribution() for d in self.space})
        return Trial(asked.number, dict(asked.params))

    def tell(self, number: int, value: float | None) -> None:
        """Finish a trial with its value (higher is better), or with ``None`` if it failed."""
        from optuna.samplers import RandomSampler
        from optuna.trial import TrialState

        self._study.sampler = RandomSampler()  # an exhausted GridSampler calls study.stop()
        if value is None:
            self._study.tell(number, state=TrialState.FAIL)
        else:
            self._study.tell(number, value)

    def best(self, count: int) -> list[Trial]:
        """Return the ``count`` best trials, best first; ties in order of their numbers."""
        return sorted(self.trials("COMPLETE"), key=lambda trial: -(trial.value or 0.0))[:count]

    def importance(self) -> dict[str, float]:
        """Return the importance of each field; empty if fewer than 10 trials are complete.

        Importances are computed by PED-ANOVA (Watanabe et al. 2023), and sum to 1.
        """
        from optuna.importance import get_param_importances

        if len(self.space) < 2 or len(self.trials("COMPLETE")) < 10:
            return {}
        return dict(get_param_importances(self._study))
