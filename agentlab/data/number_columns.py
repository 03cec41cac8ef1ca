"""``NumberColumns``: statistics of all numeric columns of a table at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from agentlab.data.column import Column
from agentlab.data.target_column import EXAMPLES

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
SHOWN = 50  # columns of which examples are kept
MANY = 20  # rows; fewer increasing numbers are not taken for record numbers
COUNTER = re.compile(
    r"(?i)(.*[\W_])?(no|nr|num|number|index|idx|row|rows|record|rec|key|serial|seq|sequence|case|"
    r"sample|subject|patient|order|ticket|entry|lfd|nummer|#|column 1|unnamed.*)\.?"
)
DATES = (19_000_101, 21_001_231)  # range of dates that are written without separators
CLOCKS = (1, 10**4, 10**6)  # of the date alone, before hhmm, and before hhmmss
TIME = re.compile(r"(?i).*(year|time|date|day|month|week|jahr|datum|zeit).*")


class NumberColumns:
    """Columns of numbers, to which the training rows are added chunk by chunk.

    Args:
        names: the names of the columns.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        k = len(self.names)
        self.count, self.missing = np.zeros(k, np.int64), np.zeros(k, np.int64)
        self.mean, self._squares = np.zeros(k), np.zeros(k)
        self._low, self._high = np.full(k, np.inf), np.full(k, -np.inf)
        self._first, self._last = np.full(k, np.nan), np.full(k, np.nan)
        self._counts_rows, self._whole = np.ones(k, bool), np.ones(k, bool)
        self._rises, self._falls = np.ones(k, bool), np.ones(k, bool)
        self._is_target, self._dated = np.ones(k, bool), np.ones(k, bool)
        self.examples: list[tuple[str, ...]] = [() for _ in range(min(k, SHOWN))]

    def add(self, values: Numbers, rows: npt.NDArray[np.intp], targets: Numbers | None) -> None:
        """Add training rows.

        Args:
            values: float64 ``[n, columns]``, NaN where missing.
            rows: indices of the rows in their file.
            targets: the target as numbers, float64 ``[n]``; ``None`` without one.
        """
        if not len(values):
            return
        known = ~np.isnan(values)
        found = known.sum(axis=0)
        self.missing += len(values) - found
        filled = np.where(known, values, 0.0)
        count = self.count + found
        some = np.maximum(found, 1)
        mean = filled.sum(axis=0) / some
        squares = np.where(known, np.square(values - mean), 0.0).sum(axis=0)
        # Chan et al. 1979
        self._squares += squares + np.square(mean - self.mean) * self.count * found / np.maximum(
            count, 1
        )
        self.mean += np.where(found > 0, (mean - self.mean) * found / np.maximum(count, 1), 0.0)
        self.count = count
        self._low = np.fmin(self._low, np.where(known, values, np.inf).min(axis=0))
        self._high = np.fmax(self._high, np.where(known, values, -np.inf).max(axis=0))
        self._look_for_counters(values, filled, rows)
        self._dated &= self._whole & self._in_range()
        for i in np.flatnonzero(self._dated).tolist():
            self._dated[i] = bool(_are_dates(values[known[:, i], i]).all())
        if targets is None or not np.array_equal(targets, targets):
            self._is_target[:] = False
        else:
            self._is_target &= (values == targets[:, None]).all(axis=0)
        for i, examples in enumerate(self.examples):
            if len(examples) < EXAMPLES:
                texts = (f"{value:.6g}" for value in values[known[:, i], i][:50])
                self.examples[i] = tuple(dict.fromkeys([*examples, *texts]))[:EXAMPLES]

    def _in_range(self) -> Flags:
        """Return which columns are in the range of dates, alone or with hours and minutes."""
        fits = np.zeros(len(self.names), bool)
        for factor in CLOCKS:
            fits |= (self._low >= DATES[0] * factor) & (self._high < (DATES[1] + 1) * factor)
        return fits

    def keep(self, names: Sequence[str]) -> None:
        """Leave out all columns but those of ``names``, because the others contain texts."""
        kept = set(names)
        places = np.array([i for i, name in enumerate(self.names) if name in kept], np.intp)
        self.examples = [self.examples[i] for i in places if i < len(self.examples)]
        self.names = list(names)
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(self, name, value[places])

    def _look_for_counters(
        self, values: Numbers, filled: Numbers, rows: npt.NDArray[np.intp]
    ) -> None:
        first = values[0] - rows[0]
        self._first = np.where(np.isnan(self._first), first, self._first)
        starts_at = np.isin(self._first, (0, 1))
        self._counts_rows &= starts_at & (values - rows[:, None] == self._first).all(axis=0)
        self._whole &= (filled == np.round(filled)).all(axis=0)
        steps = np.diff(values, axis=0, prepend=self._last[None])
        steps = steps[1:] if np.isnan(self._last).all() else steps  # no row before the first
        self._rises &= (steps > 0).all(axis=0)
        self._falls &= (steps < 0).all(axis=0)
        self._last = values[-1]

    @property
    def dated(self) -> list[str]:
        """The columns whose numbers all look like dates without separators, such as 20241231."""
        return [self.names[i] for i in np.flatnonzero(self._dated & (self._low < self._high))]

    @property
    def low(self) -> dict[str, float]:
        """The minimum of each column of nonnegative whole numbers."""
        counted = np.flatnonzero(self._whole & (self._low >= 0))
        return {self.names[i]: float(self._low[i]) for i in counted}

    @property
    def deviation(self) -> Numbers:
        """The (population) standard deviations, 1 where they are 0."""
        deviation = np.sqrt(self._squares / np.maximum(self.count, 1))
        return np.where(deviation > 1e-12 * np.abs(self.mean), deviation, 1.0)

    def columns(self, forced: Collection[str], in_blocks: bool = False) -> dict[str, Column]:
        """Return the fitted columns by name.

        Args:
            forced: the columns that are never dropped.
            in_blocks: whether the rows of each class are contiguous in the file, so that record
                numbers would leak the class.
        """
        same = (self._low == self._high) & (self.missing == 0)
        ordered = (self._rises | self._falls) & self._whole & (self.missing == 0)
        ordered &= self.count >= MANY
        deviation = self.deviation
        found = {}
        for i, name in enumerate(self.names):
            note = ""
            if not self.count[i]:
                note = "it is empty"
            elif same[i]:
                note = "it is the same everywhere"
            elif self._counts_rows[i] and not self.missing[i]:
                note = "it counts the rows"
            elif ordered[i] and not TIME.fullmatch(name) and (in_blocks or COUNTER.fullmatch(name)):
                note = "it numbers the rows in the order of the file"
            elif self._is_target[i]:
                note = "it equals the target"
            examples = self.examples[i] if i < len(self.examples) else ()
            missing = int(self.missing[i])
            if note and name not in forced:
                found[name] = Column(name, "dropped", missing, examples, note)
            else:
                mean, std = float(self.mean[i]), float(deviation[i])
                found[name] = Column(name, "number", missing, examples, mean=mean, deviation=std)
        return found


def _are_dates(numbers: Numbers) -> Flags:
    """Return which numbers are dates without separators, such as 20241231 or 202412312359."""
    fits = np.zeros(len(numbers), bool)
    for factor in CLOCKS:
        date, clock = numbers // factor, numbers % factor * (CLOCKS[-1] // factor)  # hhmmss
        month, day = date // 100 % 100, date % 100
        found = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (date >= DATES[0])
        hour, minute, second = clock // 10_000, clock // 100 % 100, clock % 100
        fits |= found & (date <= DATES[1]) & (second < 60) & (minute < 60) & (hour < 24)
    return fits
