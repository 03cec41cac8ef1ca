"""Searching for hyperparameters with Optuna: the space, and the trials in one text file."""

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

from agentlab.config import (
    check_bounds,
    describe_type,
    did_you_mean,
    flag_of,
    is_union,
    parse_value,
)
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.runs.seeds import derive_seed

Sampler = Literal["tpe", "random", "grid"]
Value = str | int | float
LOG = "study.log"


class Field(NamedTuple):
    """A field that can be searched: its type, and the field with its bounds."""

    hint: Any
    declared: dataclasses.Field[Any]


@dataclass(frozen=True)
class Dimension:
    """The values of one field: texts to choose from, or all numbers from ``low`` to ``high``.

    Attributes:
        name: the field.
        hint: its type.
        choices: texts as a flag takes them; empty for a range.
        low: the least number, of type int where the field holds whole numbers.
        high: the greatest.
        log: whether the range is searched on a logarithmic scale.
    """

    name: str
    hint: Any
    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = 0
    log: bool = False

    def distribution(self) -> Any:
        """Return it as Optuna takes it."""
        from optuna import distributions

        if self.choices:
            return distributions.CategoricalDistribution(self.choices)
        if isinstance(self.low, int):
            return distributions.IntDistribution(self.low, int(self.high), log=self.log)
        return distributions.FloatDistribution(self.low, self.high, log=self.log)

    def points(self, count: int) -> list[Value]:
        """Return all choices, or up to ``count`` evenly spaced numbers with both ends."""
        if self.choices:
            return list(self.choices)
        space = np.geomspace if self.log else np.linspace
        numbers = np.clip(space(self.low, self.high, count), self.low, self.high).tolist()
        return sorted({round(x) for x in numbers}) if isinstance(self.low, int) else numbers

    def words(self, value: Value) -> list[str]:
        """Return ``value`` as words of a command line."""
        flag = flag_of(self.name)
        if self.hint is bool:
            yes = parse_value(flag, str(value), bool)
            return [flag if yes else "--no-" + flag.removeprefix("--")]
        return [flag, str(value)]


def read_space(texts: Sequence[str], searchable: Mapping[str, Field]) -> list[Dimension]:
    """Read the values of ``--search``, such as ``learning_rate=1e-4..1e-2:log hidden=64|128,128``.

    Args:
        texts: one for each field.
        searchable: all fields that can be searched, by name.

    Raises:
        AgentlabError: for an unknown field, or values that are not of its type or out of its
            bounds.
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
            raise AgentlabError(f"--search {text!r}: there is no field {name!r} to search{near}")
        if name in space:
            raise AgentlabError(f"--search names {name} twice; give all its values at once")
        space[name] = _read_dimension(name, values, searchable[name])
    return list(space.values())


def _read_dimension(name: str, text: str, field: Field) -> Dimension:
    hint, flag = field.hint, f"--search {name}:"
    choices = tuple(part.strip() for part in text.split("|"))
    if len(choices) > 1:
        if len(set(choices)) < len(choices):
            raise AgentlabError(f"{flag} {text!r} has a value twice")
        for choice in choices:
            _check(flag, field, parse_value(flag, choice, hint))
        return Dimension(name, hint, choices)
    low_text, dots, high_text = text.partition("..")
    if not dots:
        raise AgentlabError(
            f"{flag} {text!r} is only one value; give several, as A|B, or a range, as LOW..HIGH"
        )
    kinds = typing.get_args(hint) if is_union(hint) else (hint,)
    kind = next((kind for kind in (float, int) if kind in kinds), None)
    if kind is None:
        raise AgentlabError(
            f"{flag} {text!r} is a range, but the field is {describe_type(hint)}; list its values, "
            "as A|B"
        )
    high_text, colon, spacing = high_text.partition(":")
    if colon and spacing != "log":
        raise AgentlabError(f"{flag} {text!r} ends in {':' + spacing!r}; only ':log' is known")
    low, high = (parse_value(flag, number, kind) for number in (low_text, high_text))
    if not (low < high and math.isfinite(low) and math.isfinite(high)):
        raise AgentlabError(f"{flag} {text!r} must go from a lower to a higher number")
    if colon and low <= 0:
        raise AgentlabError(f"{flag} {text!r} must begin above 0 for a logarithmic scale")
    for end in (low, high):
        _check(flag, field, end)
    return Dimension(name, hint, (), low, high, bool(colon))


def _check(flag: str, field: Field, value: Any) -> None:
    """Raise ``InvalidArgument`` where a value that would be tried is out of the field's bounds."""
    try:
        check_bounds(field.declared, value)
    except InvalidArgument as error:
        raise InvalidArgument(f"{flag} {error}") from None


@dataclass(frozen=True)
class Trial:
    """One setting that is tried, with its number, and its value where it has one."""

    number: int
    settings: dict[str, Value]
    value: float | None = None


class Study:
    """The trials of one search, kept in ``study.log``: lines of JSON that Optuna writes.

    Each trial draws from a seed of its own, so that a study that was stopped tries the same
    settings as one that never was. With several trials at a time that holds for ``random`` and
    ``grid`` only, because ``tpe`` (Bergstra et al. 2011) learns from those that are done.

    Args:
        folder: where ``study.log`` lies or is made.
        new: whether it is made.

    Raises:
        AgentlabError: for a missing or damaged study.
    """

    def __init__(self, folder: Path, new: bool = False) -> None:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        path = folder / LOG
        if not new and not path.is_file():
            raise AgentlabError(f"{folder} holds no study: there is no {LOG}")
        try:
            storage = JournalStorage(JournalFileBackend(str(path)))
            if new:
                self._study = optuna.create_study(
                    study_name="agentlab", storage=storage, direction="maximize"
                )
            else:
                self._study = optuna.load_study(study_name="agentlab", storage=storage)
        except (KeyError, ValueError, TypeError) as error:
            raise AgentlabError(f"{path} is damaged: {error!r}") from error
        self.space: list[Dimension] = []

    @property
    def about(self) -> dict[str, Any]:
        """What ``describe`` kept."""
        return dict(self._study.user_attrs)

    def describe(self, about: Mapping[str, Any]) -> None:
        """Keep what a later process needs to resume the search; what JSON holds."""
        for name, value in about.items():
            self._study.set_user_attr(name, value)

    def set_up(
        self, space: list[Dimension], sampler: Sampler, seed: int, points: int, at_once: int
    ) -> None:
        """Set the space and the sampler.

        Args:
            space: all fields that are searched.
            sampler: how the next setting is chosen.
            seed: seeds the sampler.
            points: values of each range, for ``grid``.
            at_once: trials that run at a time.
        """
        self.space, self._sampler, self._seed = space, sampler, seed
        self._points, self._at_once = points, at_once

    @cached_property
    def _grid(self) -> dict[str, list[Value]]:
        return {dimension.name: dimension.points(self._points) for dimension in self.space}

    @property
    def size(self) -> int | None:
        """How many different settings there are; ``None`` for infinitely many."""
        if self._sampler != "grid":
            return None
        return math.prod(len(values) for values in self._grid.values())

    def trials(self, *states: str) -> list[Trial]:
        """Return the trials in some of the states COMPLETE, FAIL, RUNNING, in their order."""
        return [
            Trial(trial.number, dict(trial.params), trial.value if trial.values else None)
            for trial in self._study.get_trials(deepcopy=False)
            if trial.state.name in states
        ]

    def cut(self) -> list[Trial]:
        """Return the trials that an earlier process left unfinished."""
        left = self.trials("RUNNING")
        for trial in left:
            if len(trial.settings) < len(self.space):  # interrupted while it was being drawn
                self.tell(trial.number, None)
        return [trial for trial in left if len(trial.settings) == len(self.space)]

    def ask(self) -> Trial:
        """Begin a new trial."""
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
        """End a trial with its value, of which more is better; ``None``: it failed."""
        from optuna.samplers import RandomSampler
        from optuna.trial import TrialState

        self._study.sampler = RandomSampler()  # an exhausted grid would stop a loop of Optuna's
        if value is None:
            self._study.tell(number, state=TrialState.FAIL)
        else:
            self._study.tell(number, value)

    def best(self, count: int) -> list[Trial]:
        """Return the best trials, best first; of equals the earliest."""
        return sorted(self.trials("COMPLETE"), key=lambda trial: -(trial.value or 0.0))[:count]

    def importance(self) -> dict[str, float]:
        """Return how much each field matters; empty where too few trials are done to tell.

        That of PED-ANOVA (Watanabe et al. 2023), in fractions of 1.
        """
        from optuna.importance import get_param_importances

        if len(self.space) < 2 or len(self.trials("COMPLETE")) < 10:
            return {}
        return dict(get_param_importances(self._study))
