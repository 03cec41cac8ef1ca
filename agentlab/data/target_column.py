"""Inference of the task from the column to predict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from agentlab.data.column import Target, Task
from agentlab.data.csv_files import Chunk, CSVFiles
from agentlab.errors import AgentlabError

CLASSES = 1000  # more distinct values raise an error
LEVELS = 20  # whole numbers with at most this many distinct values are classes
EXAMPLES = 3


class Moments:
    """Running count, mean and standard deviation of numbers (Chan et al. 1979); skips NaN."""

    def __init__(self) -> None:
        self.count, self.mean, self._squares = 0, 0.0, 0.0

    def add(self, values: npt.NDArray[np.float64]) -> None:
        """Add some numbers."""
        values = values[~np.isnan(values)]
        if not len(values):
            return
        count, mean = self.count + len(values), float(values.mean())
        squares = float(np.square(values - mean).sum())
        self._squares += squares + (mean - self.mean) ** 2 * self.count * len(values) / count
        self.mean += (mean - self.mean) * len(values) / count
        self.count = count

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

    Attributes:
        present: number of rows with a value, by split.
        missing: number of rows without a value.
        counts: number of occurrences of each text by split, for the first ``CLASSES`` or so.
    """

    def __init__(self, name: str, task: Task | None, parts: int) -> None:
        self.name, self.task = name, task
        self.present, self.missing = [0] * parts, 0
        self.counts: list[Counter[str]] = [Counter() for _ in range(parts)]
        self._moments = Moments()
        self._training_missing = 0
        self._pure = self._whole = True  # only numbers so far; only whole numbers so far

    def add(self, chunk: Chunk, parts: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """Add a chunk, given the split of each row; return which rows have a value."""
        import pandas as pd

        cells = chunk.frame[self.name]
        present: npt.NDArray[np.bool_] = cells.notna().to_numpy()
        self.missing += int((~present).sum())
        self._training_missing += int((~present & (parts == 0)).sum())
        codes, values = pd.factorize(cells)
        for part, counts in enumerate(self.counts):
            mine = codes[(parts == part) & present]
            self.present[part] += len(mine)
            if len(counts) <= CLASSES:
                found = np.bincount(mine, minlength=len(values))
                seen = np.flatnonzero(found)
                counts.update(dict(zip(values[seen], found[seen].tolist(), strict=True)))
        if self.task != "classification":
            numbers = chunk.numbers(self.name)
            self._pure &= not np.isinf(numbers).any()
            numbers = numbers[(parts == 0) & np.isfinite(numbers)]
            self._whole &= bool((numbers == np.round(numbers)).all())
            self._moments.add(numbers)
        return present

    def target(self, files: CSVFiles) -> Target:
        """Return the target as fitted on the training split.

        Raises:
            AgentlabError: for texts among numbers, only one class, or too many classes.
        """
        counts = self.counts[0]
        where = f"target={self.name!r}, a column of {files.paths[0]},"
        if not counts:
            raise AgentlabError(f"{where} contains no value in the training split")
        by_size = numbers_among(files, counts)
        numeric = len(by_size) == len(counts)
        task = self.task
        if task is None:
            refuse_mistakes(files, self.name, counts)
            few = self._whole and len(counts) <= LEVELS
            task = "regression" if numeric and not few else "classification"
        target = Target(self.name, task, (), self._training_missing, tuple(list(counts)[:EXAMPLES]))
        if task == "regression":
            if not self._pure and (error := files.find_text([self.name])):
                raise error
            return replace(target, mean=self._moments.mean, deviation=self._moments.deviation)
        if len(counts) == 1:
            raise AgentlabError(
                f"{where} contains only one class, {next(iter(counts))!r}; at least two are needed"
            )
        if len(counts) > CLASSES:
            raise AgentlabError(
                f"{where} contains more than {CLASSES:,} distinct values, too many for classes; "
                + ("use task='regression'" if numeric else "choose another target")
            )
        classes = sorted(counts, key=lambda text: (by_size.get(text, np.inf), text))
        return replace(target, classes=tuple(classes))


def numbers_among(files: CSVFiles, texts: Iterable[str]) -> dict[str, float]:
    """Return the numbers among texts, by text."""
    import pandas as pd

    texts = list(texts)
    numbers = files.to_numbers(pd.Series(texts, dtype=object)).tolist()
    return {text: n for text, n in zip(texts, numbers, strict=True) if np.isfinite(n)}


def refuse_mistakes(files: CSVFiles, name: str, counts: Counter[str]) -> None:
    """Raise an error if nearly all values are numbers, so that the others look like mistakes."""
    numeric = len(numbers_among(files, counts))
    few = numeric <= LEVELS and numeric < len(counts)  # such as 0, 1, 2, 3+
    if not few and numeric > 0.9 * len(counts):
        why = (
            f"but nearly all others are numbers; correct it or pass kinds={{{name!r}: 'category'}}"
        )
        if error := files.find_text([name], why):
            raise error
