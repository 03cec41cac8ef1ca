"""``Columns``: named columns of a table as a network's inputs and targets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from agentlab.config import did_you_mean, from_dict, to_dict
from agentlab.data.column import (
    Column,
    Floats,
    NumberArray,
    Target,
    Task,
    TextArray,
    not_finite,
    number_cells,
    numbers_of,
    text_cells,
)
from agentlab.data.column_arrays import Refuse, text_inputs
from agentlab.data.column_kinds import frame_columns
from agentlab.data.column_table import describe_columns
from agentlab.data.column_tensors import column_inputs, signature_names
from agentlab.data.csv_files import Chunk, CSVFiles
from agentlab.data.csv_form import Source
from agentlab.data.json_rows import is_json, read_json_rows
from agentlab.data.labels import find_labels
from agentlab.data.number_forms import NumberForm
from agentlab.data.preprocessors import Preprocessor
from agentlab.data.raw_inputs import as_frame
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import keras, tf

PLAIN = re.compile(r"(u?int|float)\d+|bool")  # dtypes of columns without texts or missing objects


class Columns(Preprocessor):
    """Columns of a DataFrame or of CSV files, matched by name.

    Numbers and dates become one standardized input each, booleans 0 or 1, and categories are
    one-hot encoded, all zeros for an unseen category. Missing numbers are replaced by the mean and
    missing categories by the most frequent one; a column with missing cells in the training split
    has another input that is 1 for missing cells.

    Args:
        columns: all columns but the target, in the order of their inputs.
        target: the column to predict, or ``None`` if it is not part of the table.
        missing: additional strings that are read as missing cells.

    Attributes:
        inputs: the names of the inputs: ``age``, ``city=Rome``, ``age is missing``.
        types: the required columns, each ``float`` (numbers) or ``str``.
        task, classes: of the target; ``None`` and empty without a target.

    >>> columns = Columns.fit({"size": [20.0, 40.0], "city": ["Rome", "Oslo"]})
    >>> columns.inputs
    ('size', 'city=Oslo', 'city=Rome')
    >>> columns.transform({"city": ["Oslo", "Bonn"], "size": [30, 50]})
    array([[0., 1., 0.],
           [2., 0., 0.]], dtype=float32)
    """

    kind = "columns"

    def __init__(
        self,
        columns: Sequence[Column],
        target: Target | None = None,
        missing: Sequence[str] = (),
    ) -> None:
        self.columns, self.target, self.missing = tuple(columns), target, tuple(missing)
        self.task: Task | None = target.task if target else None
        self.classes = target.classes if target else ()
        self.inputs = tuple(name for column in columns for name in column.inputs)
        self._used = [column for column in columns if column.kind != "dropped"]
        self.types: dict[str, type | None] = {
            column.name: float if column.kind == "number" else str for column in self._used
        }
        firsts = np.cumsum([0, *(len(column.inputs) for column in self._used)])
        places = [
            (column, int(first)) for column, first in zip(self._used, firsts[:-1], strict=True)
        ]
        self._texts = [(column, at) for column, at in places if column.kind != "number"]
        numbers = [(column, at) for column, at in places if column.kind == "number"]
        self._forms = {column.name: column.form for column, _ in numbers}
        self._numbers = list(self._forms)
        self._number_places = [at for _, at in numbers]
        self._means = np.array([column.mean for column, _ in numbers])
        self._deviations = np.array([column.deviation for column, _ in numbers])
        self._flagged = [i for i, (column, _) in enumerate(numbers) if column.missing]

    @classmethod
    def fit(cls, x: Any, standardize: bool = True) -> Self:
        """Infer and fit the columns on the training split; ``Table`` does so for CSV files.

        Args:
            x: a DataFrame, a dict of columns, or a list of dicts, one per row.
            standardize: whether to scale numbers and dates to mean 0 and standard deviation 1.

        Raises:
            InvalidArgument: for data without rows or usable columns, an infinite number, or a
                column of too many different texts.
        """
        frame = as_frame(x)
        return cls(frame_columns(frame, standardize, as_written=isinstance(x, list | tuple)))

    def transform(self, x: Any) -> Floats:
        """Return the inputs of rows, float32 ``[n, len(inputs)]``.

        Args:
            x: a DataFrame, a dict of columns, or a list of dicts, one per row. Columns are matched
                by name, in any order; other columns are ignored.

        Raises:
            InvalidArgument: for a missing column, or a cell that does not match the kind of its
                column.
        """
        frame = as_frame(x)
        for name in self.types:
            if name not in frame.columns:
                listed = ", ".join(frame.columns[:20])
                hint = did_you_mean(name, frame.columns) or f"; it has {listed}"
                raise InvalidArgument(f"x has no column {name!r}{hint}")
        numbers = np.empty((len(frame), len(self._numbers)))
        kinds = {name: str(dtype) for name, dtype in frame.dtypes.items()}
        for form, places in self._by_form(lambda name: PLAIN.fullmatch(kinds[name]) is None):
            names = [self._numbers[i] for i in places]
            if form is None:
                numbers[:, places] = frame[names].to_numpy(np.float64)
                continue
            written = {i for i in places if kinds[self._numbers[i]] in ("object", "str")}
            texts = frame[[self._numbers[i] for i in sorted(written)]].to_numpy(object)
            numbers[:, sorted(written)] = number_cells(texts, form)
            for i, name in zip(places, names, strict=True):
                if i not in written:
                    numbers[:, i] = number_cells(frame[name], form)
        cells = np.empty((len(frame), len(self._texts)), object)
        for i, (column, _) in enumerate(self._texts):
            pair = column.categories[:2] if column.kind == "boolean" else ()
            cells[:, i] = text_cells(frame[column.name], pair)

        def refuse(row: int, name: str, why: str) -> AgentlabError:
            value = str(frame[name].iloc[row])
            why = why or not_finite(value)
            return InvalidArgument(f"x, row {row}, column {name!r} contains {value!r}, {why}")

        return self._encode(numbers, cells, refuse)

    def encode(self, chunk: Chunk, rows: npt.NDArray[np.intp]) -> Floats:
        """Return the inputs of some rows of a chunk of CSV files, float32 ``[n, len(inputs)]``.

        Args:
            chunk: a chunk read with ``types``.
            rows: indices of the rows in the chunk.

        Raises:
            AgentlabError: for an infinite number, or a text that is not a date or not one of the
                two words of a boolean.
        """
        frame = chunk.frame
        texts = {name for name, dtype in frame.dtypes.items() if dtype.kind not in "iufb"}
        numbers = np.empty((len(rows), len(self._numbers)))
        for form, places in self._by_form(texts.__contains__):
            names = [self._numbers[i] for i in places]
            if form is None:
                numbers[:, places] = frame[names].to_numpy(np.float64)[rows]
            else:
                numbers[:, places] = numbers_of(chunk.texts(names)[rows], form)

        def refuse(row: int, name: str, why: str) -> AgentlabError:
            row = int(rows[row])
            return chunk.refuse(row, name, why or not_finite(str(chunk.frame[name].iloc[row])))

        cells = chunk.texts([column.name for column, _ in self._texts])[rows]
        return self._encode(numbers, cells, refuse)

    def _by_form(self, written: Callable[[str], bool]) -> list[tuple[NumberForm | None, list[int]]]:
        """Return the indices of the numeric columns by the format of their numbers.

        Args:
            written: returns whether a column contains strings; the format of others is ``None``.
        """
        places: dict[NumberForm | None, list[int]] = {}
        for i, (name, form) in enumerate(self._forms.items()):
            places.setdefault(form if written(name) else None, []).append(i)
        return list(places.items())

    def _encode(self, numbers: NumberArray, cells: TextArray, refuse: Refuse) -> Floats:
        inputs = np.zeros((len(cells), len(self.inputs)), np.float32)
        missing = np.isnan(numbers)
        if (infinite := np.isinf(numbers)).any():
            row, i = np.argwhere(infinite)[0]
            raise refuse(int(row), self._numbers[i], "")
        places = np.array(self._number_places, np.intp)
        inputs[:, places] = np.where(missing, 0, (numbers - self._means) / self._deviations)
        inputs[:, places[self._flagged] + 1] = missing[:, self._flagged]
        for (column, first), texts in zip(self._texts, cells.T, strict=True):
            inputs[:, first : first + len(column.inputs)] = text_inputs(column, texts, refuse)
        return inputs

    def targets(self, chunk: Chunk) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """Return a chunk's targets, and a mask of the rows that have one.

        Targets are float32 ``[n]`` for regression and int32 ``[n]``, indices into ``classes``, for
        classification. A row has no target if the cell is missing or its class does not occur in
        the training split.
        """
        assert self.target is not None
        cells = chunk.frame[self.target.name]
        if self.task == "classification":
            texts = chunk.texts([self.target.name])[:, 0]
            labels = find_labels(self.classes, texts, self.target.folded).astype(np.int32)
            return labels, labels >= 0
        values = numbers_of(cells, self.target.form)
        if (infinite := np.isinf(values)).any():
            row, name = int(infinite.argmax()), self.target.name
            raise chunk.refuse(row, name, not_finite(str(cells.iloc[row])))
        return values.astype(np.float32), ~np.isnan(values)

    def read(self, source: Source, encoding: str | None = None) -> Any:
        """Return the required columns of CSV files or of JSON lines, a DataFrame.

        Args:
            source: a file, several files or a folder of files; they may lack the target and have
                other columns. Blank lines are skipped.
            encoding: encoding of CSV files; ``None`` infers it.

        Raises:
            AgentlabError: for a missing column, or a cell that does not match the kind of its
                column; the message names file, row and column.
        """
        import pandas as pd

        if is_json(source):
            frame = read_json_rows(str(source))
            self.transform(frame)
            return frame
        files = CSVFiles(source, missing=self.missing, encoding=encoding)
        files.need(list(self.types))
        texts: dict[str, type | None] = dict.fromkeys(files.names, str)
        plain = [name for name, form in self._forms.items() if form == NumberForm()]
        frames = None
        if files.separator == "," or files.decimal == ".":  # pandas reads such numbers alike
            typed = dict.fromkeys(files.names) | dict.fromkeys(self.types, str)
            frames = self._rows(files, typed | dict.fromkeys(plain), plain)
        frames = self._rows(files, texts) if frames is None else frames
        if not frames or not sum(map(len, frames)):
            raise AgentlabError(f"{files.paths[0]} has no rows below its header")
        return pd.concat(frames, ignore_index=True)

    def _rows(
        self, files: CSVFiles, types: Mapping[str, type | None], numeric: Sequence[str] = ()
    ) -> list[Any] | None:
        """Return the required columns in chunks; ``None`` if a ``numeric`` one contains texts."""
        frames = []
        for chunk in files.chunks(types):
            kinds = {name: dtype.kind for name, dtype in chunk.frame.dtypes.items()}
            if not all(kinds[name] in "iuf" for name in numeric):
                return None
            self.encode(chunk, np.arange(len(chunk.frame)))  # an error here names file and row
            frames.append(chunk.frame[list(self.types)])
        return frames

    def describe(self) -> str:
        """Return a table for the user: each column, its kind and its encoding."""
        return describe_columns(self.columns, self.target)

    def to_json(self) -> dict[str, Any]:
        """Return everything that was fitted as JSON-compatible values."""
        target = None if self.target is None else to_dict(self.target)
        columns = [to_dict(column) for column in self.columns]
        return {"columns": columns, "target": target, "missing": list(self.missing)}

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """Make a preprocessor from the output of ``to_json``."""
        columns = [from_dict(Column, column) for column in described["columns"]]
        target = described["target"]
        missing = described.get("missing", ())
        return cls(columns, None if target is None else from_dict(Target, target), missing)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one row's inputs."""
        return (len(self.inputs),)

    def inference_inputs(self) -> dict[str, Any]:
        """Return a ``keras.Input`` for each required column, by name.

        Numbers are float32 ``[n]``, NaN if missing; categories, booleans and dates are strings
        ``[n]`` as in a CSV file, "" if missing. The tensors are named after the columns; names that
        are not identifiers, as SavedModel requires, are converted by ``signature_names``.
        """
        names = signature_names(list(self.types))
        return {
            name: keras.Input((), dtype="float32" if type is float else "string", name=names[name])
            for name, type in self.types.items()
        }

    def transform_tensors(self, inputs: Any) -> Any:
        """Return the output of ``transform`` for a dict of tensors, one per column."""
        return tf.concat([column_inputs(c, inputs[c.name]) for c in self._used], axis=1)
