"""``Columns``: rows of a CSV file as a net's inputs and targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from agentlab.config import from_dict, to_dict
from agentlab.data.csv_files import Chunk, CSVFiles
from agentlab.data.csv_form import Source
from agentlab.errors import AgentlabError

Kind = Literal["number", "date", "boolean", "category", "dropped"]
Task = Literal["regression", "classification"]
Floats = npt.NDArray[np.float32]

SHOWN = 50  # columns in the table that a user is shown
INFINITE = "which is no finite number"
# Pairs of words, the false one first; a column of nothing else is a boolean.
BOOLEANS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"), ("off", "on"))


@dataclass(frozen=True)
class Column:
    """A column of a table, and what its training split says of it.

    Attributes:
        name: in the header.
        kind: ``number`` and ``date`` (days since 1970) become one standardized input, ``boolean``
            one that is 0 or 1, ``category`` one for each category, ``dropped`` none. One more
            input tells where the cell is missing if any was in the training split.
        missing: how many cells of the training split are.
        examples: some of its values.
        note: why it is dropped.
        mean: of numbers or dates; it stands in for missing ones.
        deviation: of numbers or dates, 1 where they do not differ.
        categories: the texts, sorted; of a boolean the false and the true one in small letters.
        usual: the most frequent category, which stands in for missing ones.
    """

    name: str
    kind: Kind
    missing: int = 0
    examples: tuple[str, ...] = ()
    note: str = ""
    mean: float = 0.0
    deviation: float = 1.0
    categories: tuple[str, ...] = ()
    usual: int = 0

    @property
    def inputs(self) -> tuple[str, ...]:
        """A name for each input that the column becomes."""
        if self.kind == "dropped":
            return ()
        values: tuple[str, ...] = (self.name,)
        if self.kind == "category":
            values = tuple(f"{self.name}={category}" for category in self.categories)
        return (*values, f"{self.name} is missing") if self.missing else values

    @property
    def becomes(self) -> str:
        """What the net gets of it, in words."""
        word = {
            "number": f"standardized: mean {self.mean:.4g}, deviation {self.deviation:.4g}",
            "date": f"days, standardized: deviation {self.deviation:.4g}",
            "boolean": f"{' and '.join(self.categories)} as 0 and 1",
            "category": f"{len(self.categories)} inputs, one a category",
            "dropped": f"left out: {self.note}",
        }[self.kind]
        return f"{word}; one input more for missing" if self.inputs and self.missing else word


@dataclass(frozen=True)
class Target:
    """The column that is to be predicted.

    Attributes:
        name: in the header.
        task: ``regression`` predicts a number, ``classification`` one of ``classes``.
        classes: the labels that the training split has, as texts, sorted (by size if numbers).
        missing: how many cells of the training split are; their rows are left out.
        examples: some of its values.
        mean, deviation: of the training split, for regression.
    """

    name: str
    task: Task
    classes: tuple[str, ...] = ()
    missing: int = 0
    examples: tuple[str, ...] = ()
    mean: float = 0.0
    deviation: float = 1.0


class Columns:
    """Turns the rows of a CSV file into a net's inputs; fitted by ``Table`` on its training split.

    Args:
        columns: all but the target, in the order of their inputs.
        target: the column to predict.

    Attributes:
        inputs: a name for each input: ``age``, ``city=Rome``, ``age is missing``.
        task, classes: the target's.
    """

    kind: ClassVar[str] = "columns"

    def __init__(self, columns: Sequence[Column], target: Target) -> None:
        self.columns, self.target = tuple(columns), target
        self.task, self.classes = target.task, target.classes
        self.inputs = tuple(name for column in columns for name in column.inputs)
        used = [column for column in columns if column.kind != "dropped"]
        self.types: dict[str, type | None] = {
            column.name: float if column.kind == "number" else str for column in used
        }
        firsts = np.cumsum([0, *(len(column.inputs) for column in used)])
        places = [(column, int(first)) for column, first in zip(used, firsts[:-1], strict=True)]
        self._texts = [(column, at) for column, at in places if column.kind != "number"]
        numbers = [(column, at) for column, at in places if column.kind == "number"]
        self._numbers = [column.name for column, _ in numbers]
        self._number_places = [at for _, at in numbers]
        self._means = np.array([column.mean for column, _ in numbers])
        self._deviations = np.array([column.deviation for column, _ in numbers])
        self._flagged = [i for i, (column, _) in enumerate(numbers) if column.missing]

    def encode(self, chunk: Chunk, rows: npt.NDArray[np.intp]) -> Floats:
        """Return the inputs of some rows of a chunk, float32 ``[len(rows), len(inputs)]``.

        Args:
            chunk: read with ``types``.
            rows: their numbers in the chunk.

        Raises:
            AgentlabError: for an infinite number, or a text that is no date or neither of a
                boolean's two words.
        """
        frame = chunk.frame.take(rows)
        inputs = np.zeros((len(frame), len(self.inputs)), np.float32)
        numbers = frame[self._numbers].to_numpy(np.float64)
        missing = np.isnan(numbers)
        if (infinite := np.isinf(numbers)).any():
            row, i = np.argwhere(infinite)[0]
            raise chunk.refuse(int(rows[row]), self._numbers[i], INFINITE)
        places = np.array(self._number_places, np.intp)
        inputs[:, places] = np.where(missing, 0, (numbers - self._means) / self._deviations)
        inputs[:, places[self._flagged] + 1] = missing[:, self._flagged]
        for column, first in self._texts:
            texts = frame[column.name]
            absent = texts.isna().to_numpy()
            if column.missing:
                inputs[:, first + len(column.inputs) - 1] = absent
            if column.kind == "category":
                codes = find(column.categories, texts)
                codes[absent] = column.usual
                known = np.flatnonzero(codes >= 0)
                inputs[known, first + codes[known]] = 1
                continue
            if column.kind == "date":
                values = (days(texts) - column.mean) / column.deviation
                values[absent] = 0
                bad, why = np.isnan(values), "which is no date such as 2024-12-31"
            else:
                values = _truths(column.categories, texts)
                values[absent] = column.usual
                bad, why = values < 0, f"which is neither {' nor '.join(column.categories)}"
            if bad.any():
                raise chunk.refuse(int(rows[bad.argmax()]), column.name, why)
            inputs[:, first] = values
        return inputs

    def targets(self, chunk: Chunk) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """Return a chunk's targets, and which rows have one.

        Targets are float32 ``[n]`` for regression, else int32 ``[n]``: places in ``classes``. Rows
        have none where the cell is missing, or its class is not in the training split.
        """
        cells = chunk.frame[self.target.name]
        if self.task == "classification":
            labels = find(self.classes, cells).astype(np.int32)
            return labels, labels >= 0
        values = cells.to_numpy(np.float64)
        if (infinite := np.isinf(values)).any():
            raise chunk.refuse(int(infinite.argmax()), self.target.name, INFINITE)
        return values.astype(np.float32), ~np.isnan(values)

    @property
    def target_type(self) -> dict[str, type | None]:
        """How the target is to be read, beside ``types``."""
        return {self.target.name: float if self.task == "regression" else str}

    def read(self, source: Source) -> Floats:
        """Return the inputs of a CSV file's rows, float32 ``[n, len(inputs)]``.

        Args:
            source: a file, a folder of them or several; the target may be missing, other columns
                may be there. Blank lines are passed over.

        Raises:
            AgentlabError: for a missing column, or a cell that is not of its column's kind,
                naming file, row and column.
        """
        files = CSVFiles(source)
        files.need(list(self.types))
        parts = [np.empty((0, len(self.inputs)), np.float32)]
        for chunk in files.chunks({**dict.fromkeys(files.names, str), **self.types}):
            parts.append(self.encode(chunk, np.arange(len(chunk.frame))))
        if not sum(map(len, parts)):
            raise AgentlabError(f"{files.paths[0]} holds no row below its header")
        return np.concatenate(parts)

    def describe(self) -> str:
        """Return the table that a user is shown: each column and what becomes of it."""
        rows = [("column", "kind", "missing", "examples", "becomes")]
        for column in self.columns[:SHOWN]:
            kind = "-" if column.kind == "dropped" else column.kind
            rows.append(_cells(column, kind, column.becomes))
        if len(self.columns) > SHOWN:
            rows.append(("...", "", "", "", f"{len(self.columns) - SHOWN:,} columns more"))
        becomes = f"one of {len(self.classes)} classes to predict"
        if self.task == "regression":
            becomes = f"the number to predict: mean {self.target.mean:.4g}"
        rows.append(_cells(self.target, "target", becomes))
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        return "\n".join(
            "  ".join(
                [*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), last]
            )
            for *row, last in rows
        )

    def to_json(self) -> dict[str, Any]:
        """Return all that was fitted as what JSON holds."""
        return {"columns": [to_dict(c) for c in self.columns], "target": to_dict(self.target)}

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """Take back what ``to_json`` gave."""
        columns = [from_dict(Column, column) for column in described["columns"]]
        return cls(columns, from_dict(Target, described["target"]))


def find(known: Sequence[str], texts: Any) -> npt.NDArray[np.intp]:
    """Return the place of each text in ``known``, -1 where it is not there or missing."""
    import pandas as pd

    places: npt.NDArray[np.intp] = pd.Index(list(known), dtype=object).get_indexer(texts)
    return places


def days(texts: Any) -> npt.NDArray[np.float64]:
    """Return dates (ISO 8601, perhaps with a time) as days since 1970, NaN where there is none."""
    import pandas as pd

    times = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)
    since = (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
    numbers: npt.NDArray[np.float64] = since.to_numpy(np.float64, copy=True)
    return numbers


def _truths(pair: Sequence[str], texts: Any) -> npt.NDArray[np.float64]:
    """Return 0 or 1 for the first or second word of a pair in any letters, -1 for others."""
    import pandas as pd

    codes, words = pd.factorize(texts)
    places = find(pair, [word.strip().lower() for word in words])
    truths: npt.NDArray[np.float64] = np.append(places, -1)[codes].astype(np.float64)
    return truths


def _cells(column: Column | Target, kind: str, becomes: str) -> tuple[str, str, str, str, str]:
    short = (text if len(text) <= 12 else text[:11] + "\u2026" for text in column.examples)
    return column.name, kind, f"{column.missing:,}", ", ".join(short), becomes
