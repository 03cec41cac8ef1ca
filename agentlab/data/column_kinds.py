"""Inference of the kinds of columns from the training split, chunk by chunk."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from agentlab.data.column import BOOLEANS, Column, Target, days, number_cells, text_cells
from agentlab.data.csv_files import Chunk, CSVFiles
from agentlab.data.target_column import CLASSES, EXAMPLES, Moments, TargetColumn, refuse_mistakes
from agentlab.errors import AgentlabError, InvalidArgument

CATEGORIES = 100  # columns with more distinct texts are dropped
DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")
IDENTIFIER = re.compile(r"(?i:(.*[\s_.-])?(id|uuid|guid))|.*[a-z]I[dD]")
Numbers = npt.NDArray[np.float64]


class NumberColumn:
    """A column that has contained only numbers so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.moments = Moments()
        self.missing = 0
        self.examples: list[str] = []
        self._low, self._high = np.inf, -np.inf
        self._counts_rows = True

    def add(self, values: Numbers, rows: npt.NDArray[np.intp]) -> None:
        """Add the training rows of a chunk, given their indices in the file."""
        known = ~np.isnan(values)
        self.missing += len(values) - int(known.sum())
        values, rows = values[known], rows[known]
        if not len(values):
            return
        self.moments.add(values)
        self._low, self._high = min(self._low, values.min()), max(self._high, values.max())
        first = values[0] - rows[0]
        self._counts_rows &= bool(first in (0, 1) and (values - rows == first).all())
        if not self.examples:
            self.examples = list(dict.fromkeys(f"{value:.6g}" for value in values[:50]))[:EXAMPLES]

    def column(self, forced: bool) -> Column:
        """Return the fitted column; with ``forced``, it is never dropped."""
        note = ""
        if not self.moments.count:
            note = "it is empty"
        elif self._low == self._high and not self.missing:
            note = "it is the same everywhere"
        elif self._counts_rows:
            note = "it counts the rows"
        examples = tuple(self.examples)
        if note and not forced:
            return Column(self.name, "dropped", self.missing, examples, note)
        mean, deviation = self.moments.mean, self.moments.deviation
        return Column(self.name, "number", self.missing, examples, mean=mean, deviation=deviation)


class TextColumn:
    """A column of texts, possibly mixed with numbers: categories, booleans or dates."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.missing = self.known = 0
        self.counts: Counter[str] = Counter()
        self._dates: Moments | None = Moments()

    def add(self, texts: Any) -> None:
        """Add the training rows of a chunk."""
        import pandas as pd

        self.missing += int(texts.isna().sum())
        texts = texts.dropna()
        self.known += len(texts)
        if len(self.counts) <= CLASSES:
            codes, values = pd.factorize(texts)
            self.counts.update(dict(zip(values, np.bincount(codes).tolist(), strict=True)))
        if self._dates is not None and len(texts):
            values = days(texts) if DATE.fullmatch(texts.iloc[0]) else np.array([np.nan])
            if np.isnan(values).any():
                self._dates = None
            else:
                self._dates.add(values)

    def column(self, files: CSVFiles | None, forced: bool) -> Column:
        """Return the fitted column.

        Args:
            files: the source of the texts, to locate cells that look like mistakes.
            forced: whether the column is categorical whatever its texts.

        Raises:
            AgentlabError: if nearly all cells are numbers, so that the others look like mistakes.
        """
        name, missing, different = self.name, self.missing, len(self.counts)
        examples = tuple(list(self.counts)[:EXAMPLES])
        if not different:
            return Column(name, "dropped", missing, note="it is empty")
        if different == 1 and not missing:
            return Column(name, "dropped", missing, examples, "it is the same everywhere")
        limit = CLASSES
        if not forced:
            if boolean := self._boolean(examples):
                return boolean
            if self._dates is not None:
                mean, deviation = self._dates.mean, self._dates.deviation
                return Column(name, "date", missing, examples, mean=mean, deviation=deviation)
            identifier = IDENTIFIER.fullmatch(name)
            if not identifier and files is not None:
                refuse_mistakes(files, name, self.counts)
            limit = min(CATEGORIES, max(0 if identifier else 10, self.known // 2))
        if different > limit:
            many = f"{different:,}" if different <= CLASSES else f"more than {CLASSES:,}"
            if forced:
                raise AgentlabError(
                    f"column {name!r} has {many} categories; at most {limit:,} are allowed"
                )
            note = f"it has {many} different values in {self.known:,} rows"
            return Column(name, "dropped", missing, examples, note)
        categories = tuple(sorted(self.counts))
        usual = categories.index(max(categories, key=lambda text: self.counts[text]))
        return Column(name, "category", missing, examples, categories=categories, usual=usual)

    def _boolean(self, examples: tuple[str, ...]) -> Column | None:
        if len(self.counts) > 10:
            return None
        words: Counter[str] = Counter()
        for text, count in self.counts.items():
            words[text.strip().lower()] += count
        for pair in BOOLEANS:
            if set(words) <= set(pair):
                usual = int(words[pair[1]] > words[pair[0]])
                return Column(
                    self.name, "boolean", self.missing, examples, categories=pair, usual=usual
                )
        return None


def fit_columns(
    files: CSVFiles,
    target: TargetColumn,
    kinds: Mapping[str, Literal["number", "category", "drop"]],
    parts_of: Callable[[Chunk], npt.NDArray[np.uint8]],
) -> tuple[list[Column], Target]:
    """Infer the kind of each column, in one pass over the files and another over text columns.

    Args:
        files: the table.
        target: collects the values of the column to predict.
        kinds: the kinds of some columns by name, which are not inferred.
        parts_of: returns the split of each row of a chunk; columns are fitted on split 0, the
            training split.

    Raises:
        AgentlabError: if no column is left as an input, or cells look like mistakes.
    """
    features = [name for name in files.names if name != target.name]
    kept = [name for name in features if kinds.get(name) != "drop"]
    texts = {
        name: TextColumn(name)
        for name in kept
        if (kinds[name] == "category" if name in kinds else IDENTIFIER.fullmatch(name))
    }
    numbers = {name: NumberColumn(name) for name in kept if name not in texts}
    types: dict[str, type | None] = dict.fromkeys(files.names)
    types |= {name: float for name in kept if kinds.get(name) == "number"}
    for chunk in files.chunks({**types, **dict.fromkeys([target.name, *texts], str)}):
        parts = parts_of(chunk)
        rows = np.flatnonzero(target.add(chunk, parts) & (parts == 0))
        for name in list(numbers):
            if chunk.frame[name].dtype.kind in "iuf":
                values = chunk.frame[name].to_numpy(np.float64)[rows]
                numbers[name].add(values, rows + chunk.first)
            else:
                texts[name] = TextColumn(name)
                del numbers[name]
    if texts:
        for chunk in files.chunks(dict.fromkeys([target.name, *texts], str)):
            mine = (parts_of(chunk) == 0) & chunk.frame[target.name].notna().to_numpy()
            rows = np.flatnonzero(mine)
            for name, text in texts.items():
                text.add(chunk.frame[name].take(rows))
    goal = target.target(files)
    columns = []
    for name in features:
        if name in numbers:
            columns.append(numbers[name].column(forced=name in kinds))
        elif name in texts:
            columns.append(texts[name].column(files, forced=name in kinds))
        else:
            columns.append(Column(name, "dropped", note="as requested"))
    if not any(column.inputs for column in columns):
        raise AgentlabError(
            f"{files.paths[0]} has no usable column besides the target {target.name!r}"
        )
    return columns, goal


def frame_columns(frame: Any, standardize: bool, as_written: bool) -> list[Column]:
    """Infer the kind of each column of a DataFrame.

    Args:
        frame: the training split.
        standardize: whether numbers and dates are standardized.
        as_written: whether to parse strings as numbers, as in a CSV file.

    Raises:
        InvalidArgument: see ``Columns.fit``.
    """
    columns = [_frame_column(name, frame[name], as_written) for name in frame.columns]
    if not any(column.inputs for column in columns):
        raise InvalidArgument(f"x has {len(frame)} rows and no usable column")
    if standardize:
        return columns
    return [
        replace(column, mean=0.0, deviation=1.0) if column.kind in ("number", "date") else column
        for column in columns
    ]


def _frame_column(name: str, cells: Any, as_written: bool) -> Column:
    numeric = cells.dtype.kind in "iuf"
    if cells.dtype.kind == "O" and cells.dtype != "category":
        held = {type(cell) for cell in cells.dropna()}
        if not held & {bool, np.bool_} and (as_written or str not in held):
            numeric = not np.isinf(number_cells(cells)).any()
    if numeric:
        values = number_cells(cells)
        if np.isinf(values).any():
            raise InvalidArgument(f"column {name!r} of x contains an infinite number")
        numbers = NumberColumn(name)
        numbers.add(values, np.arange(len(values)))
        return numbers.column(forced=True)
    words = TextColumn(name)
    words.add(text_cells(cells))
    column = words.column(None, forced=cells.dtype == "category")
    if column.kind == "dropped" and len(words.counts) > 1:
        raise InvalidArgument(
            f"column {name!r} of x cannot be categorical: {column.note}; drop it or make it numeric"
        )
    return column
