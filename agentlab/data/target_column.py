"""Inference of the task from the column to predict."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.data.codes import find_width
from agentlab.data.column import Target, Task, numbers_of
from agentlab.data.csv_files import Chunk, CSVFiles
from agentlab.data.dates import find_dates
from agentlab.data.labels import find_spellings, label_key
from agentlab.data.number_forms import Found, NumberForm, find_numbers, is_absent
from agentlab.errors import AgentlabError

CLASSES = 1000  # more distinct values raise an error
LEVELS = 20  # whole numbers with at most this many distinct values are classes
DISTINCT = 0.5  # texts are not classes if more than this fraction are distinct
NEARLY = 0.8  # above this fraction of numbers, other texts look like mistakes
FEW = 5  # classes with fewer training rows are reported
RARE = 0.25  # a class is rare below this fraction of the mean class size
EXAMPLES = 3


class Moments:
    """Running count, mean and standard deviation of numbers (Chan et al. 1979); skips NaN."""

    def __init__(self) -> None:
        self.count, self.mean, self._squares = 0, 0.0, 0.0
        self._low, self._high = np.inf, -np.inf

    def add(self, values: npt.NDArray[np.float64]) -> None:
        """Add some numbers."""
        values = values[~np.isnan(values)]
        if not len(values):
            return
        self._low, self._high = min(self._low, values.min()), max(self._high, values.max())
        count, mean = self.count + len(values), float(values.mean())
        squares = float(np.square(values - mean).sum())
        self._squares += squares + (mean - self.mean) ** 2 * self.count * len(values) / count
        self.mean += (mean - self.mean) * len(values) / count
        self.count = count

    @property
    def constant(self) -> bool:
        """Whether all numbers so far are equal."""
        return bool(self._low == self._high)

    @property
    def deviation(self) -> float:
        """The (population) standard deviation, 1 if it is 0."""
        deviation = float(np.sqrt(self._squares / max(self.count, 1)))
        return deviation if deviation > 1e-12 * abs(self.mean) else 1.0


class TargetColumn:
    """The column to predict: counted in all splits, fitted on the training split.

    Args:
        name: name of the column.
        task: ``None`` infers it.
        parts: number of splits; the first is the training split.
        exact: whether labels that differ only in case are different classes.

    Attributes:
        present: number of rows with a value, by split.
        missing: number of rows without a value.
        counts: number of occurrences of each text by split, for the first ``CLASSES`` or so.
        form: how numbers are written; ``None`` before the first chunk.
        blocks: whether the training rows of each class are contiguous in the file.
    """

    def __init__(self, name: str, task: Task | None, parts: int, exact: bool = False) -> None:
        self.name, self.task, self.exact = name, task, exact
        self.present, self.missing = [0] * parts, 0
        self.counts: list[Counter[str]] = [Counter() for _ in range(parts)]
        self.form: NumberForm | None = None
        self._moments = Moments()
        self._training_missing = self._changes = 0
        self._last = ""
        self._words_are_missing = False
        self._pure = self._whole = True  # only numbers so far; only whole numbers so far

    @property
    def blocks(self) -> bool:
        """Whether the training rows of each class are contiguous in the file."""
        return self._changes < 2 * len(self.counts[0]) <= 2 * CLASSES

    def add(self, chunk: Chunk, parts: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """Add a chunk, given the split of each row; return which rows have a value."""
        import pandas as pd

        cells = chunk.frame[self.name]
        codes, values = pd.factorize(cells)
        if self.form is None:
            self._find_form([str(value) for value in values[: 2 * CLASSES]], chunk.files)
        present = self.is_present(cells)
        self.missing += int((~present).sum())
        self._training_missing += int((~present & (parts == 0)).sum())
        for part, counts in enumerate(self.counts):
            mine = codes[(parts == part) & present]
            self.present[part] += len(mine)
            if len(counts) <= CLASSES:
                found = np.bincount(mine, minlength=len(values))
                for i in np.flatnonzero(found):
                    counts[str(values[i])] += int(found[i])
            if part == 0 and len(mine):
                changes = int((np.diff(mine) != 0).sum())
                self._changes += changes + (str(values[mine[0]]) != self._last)
                self._last = str(values[mine[-1]])
        if self.task != "classification":
            numbers = self.numbers(cells)
            self._pure &= not np.isinf(numbers).any()
            numbers = numbers[(parts == 0) & np.isfinite(numbers)]
            self._whole &= bool((numbers == np.round(numbers)).all())
            self._moments.add(numbers)
        return present

    def numbers(self, cells: Any) -> npt.NDArray[np.float64]:
        """Return targets as numbers; missing ones are NaN, other texts infinite."""
        return numbers_of(cells, self.form or NumberForm())

    def is_present(self, cells: Any) -> npt.NDArray[np.bool_]:
        """Return which cells have a value; among numbers, ``unknown`` is missing."""
        present: npt.NDArray[np.bool_] = cells.notna().to_numpy()
        if self._words_are_missing:
            words = cells.tolist()
            absent = {word for word in set(words) if isinstance(word, str) and is_absent(word)}
            present = present & np.array([word not in absent for word in words], bool)
        return present

    def _find_form(self, texts: list[str], files: CSVFiles) -> None:
        found = find_numbers(texts, files.given_decimal, files.decimal)
        self.form = found.form
        numeric = len(found.numbers) > len(found.others)
        self._words_are_missing = bool(found.absent) and numeric and self.task != "classification"

    def target(self, files: CSVFiles) -> Target:
        """Return the target as fitted on the training split.

        Raises:
            AgentlabError: for texts among numbers, only one class, too many classes, or texts that
                are nearly all different.
        """
        counts = self.counts[0]
        where = f"target={self.name!r}, a column of {files.paths[0]},"
        if not counts:
            raise AgentlabError(f"{where} contains no value in the training split")
        form = self.form or NumberForm()
        found = Found(form, *_sort_out(form, counts))
        numeric = not found.others
        task = self.task
        if task is None:
            if (found.others or not self._pure) and (error := mistakes(files, self.name, found)):
                raise error
            few = (self._whole and len(counts) <= LEVELS) or find_width(counts) > 0
            task = "regression" if numeric and not few else "classification"
        target = Target(self.name, task, (), self._training_missing, tuple(list(counts)[:EXAMPLES]))
        if task == "regression":
            if not self._pure and (error := files.find_text({self.name: form})):
                raise error
            return replace(
                target,
                mean=self._moments.mean,
                deviation=self._moments.deviation,
                decimal=form.decimal,
                thousands=form.thousands,
                unit=form.unit,
            )
        spellings = find_spellings(counts, self.exact)
        labels = spellings.counts
        if len(labels) == 1:
            raise AgentlabError(
                f"{where} contains only one class, {next(iter(labels))!r}; at least two are needed"
            )
        if len(counts) > CLASSES:
            raise AgentlabError(
                f"{where} contains more than {CLASSES:,} distinct values, too many for classes; "
                + ("pass --task regression" if numeric else "choose another target")
            )
        if self.task is None and len(labels) > max(LEVELS, DISTINCT * sum(labels.values())):
            raise AgentlabError(
                f"{where} contains {len(labels):,} different texts in {sum(labels.values()):,} "
                f"rows, such as {next(iter(labels))!r}, too many for classes; choose another "
                "target, or pass --task classification if each is a class"
            )
        dates = self.task is None and len(labels) > LEVELS and find_dates(list(labels))
        if dates:
            raise AgentlabError(
                f"{where} contains dates, such as {next(iter(labels))!r}; choose a target of "
                "numbers or classes, or pass --task classification if each date is a class"
            )
        classes = sorted(labels, key=lambda text: (found.numbers.get(text, np.inf), text))
        return replace(target, classes=tuple(classes), folded=spellings.folded)

    def sizes(self, target: Target) -> list[int]:
        """Return the number of rows with a known target by split."""
        if target.task == "regression":
            return list(self.present)
        keys = {label_key(label, target.folded) for label in target.classes}
        return [
            sum(n for text, n in counts.items() if label_key(text, target.folded) in keys)
            for counts in self.counts
        ]

    def notes(self, target: Target) -> list[str]:
        """Return lines for the user about labels with several spellings, and rare classes."""
        if target.task == "regression":
            return []
        spellings = find_spellings(self.counts[0], self.exact)
        lines = spellings.notes(self.name)
        rare = [f"{label!r} ({spellings.counts[label]})" for label in target.classes]
        rare = [
            text
            for text, label in zip(rare, target.classes, strict=True)
            if spellings.counts[label] < FEW
        ]
        if rare:
            listed = ", ".join(rare[:10])
            lines.append(f"{self.name!r}: few training rows of {listed}; these are hard to learn")
        counts = [spellings.counts[label] for label in target.classes]
        if min(counts) * len(counts) < RARE * sum(counts):
            label, share = target.classes[int(np.argmin(counts))], min(counts) / sum(counts)
            lines.append(
                f"{self.name!r}: {label!r} is {share:.2%} of the training rows, so accuracy is "
                "misleading: the best epoch is chosen by balanced accuracy; --class-weights "
                "balanced gives all classes the same weight"
            )
        return lines


def _sort_out(
    form: NumberForm, counts: Counter[str]
) -> tuple[dict[str, float], tuple[str, ...], tuple[str, ...]]:
    """Return the numbers among texts, those that mean a missing number, and the others."""
    values = dict(zip(counts, form.parse(counts).tolist(), strict=True))
    return (
        {text: value for text, value in values.items() if np.isfinite(value)},
        tuple(text for text, value in values.items() if np.isnan(value)),
        tuple(text for text, value in values.items() if np.isinf(value)),
    )


def mistakes(files: CSVFiles, name: str, found: Found) -> AgentlabError | None:
    """Return an error if nearly all texts are numbers, so that the others look like mistakes."""
    numeric, others = len(found.numbers), len(found.others)
    few = numeric <= LEVELS and others  # such as 0, 1, 2, 3+
    if few or numeric <= NEARLY * (numeric + others):
        return None
    word = found.others[0] if others else "WORD"
    return files.find_text(
        {name: found.form},
        f"but nearly all others are numbers; correct it, or pass --missing {shlex.quote(word)} or "
        f"--kind {shlex.quote(name)}=category",
    )
