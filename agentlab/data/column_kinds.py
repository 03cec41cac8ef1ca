"""Inference of what the columns of a table mean, from the training split, chunk by chunk."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.data.codes import find_width, shorter
from agentlab.data.column import (
    Column,
    Target,
    TextArray,
    number_cells,
    numbers_of,
    text_cells,
)
from agentlab.data.csv_files import Chunk, CSVFiles
from agentlab.data.number_columns import NumberColumns
from agentlab.data.number_forms import NumberForm
from agentlab.data.target_column import TargetColumn
from agentlab.data.text_columns import ColumnKind, TextColumn, merged_notes
from agentlab.errors import AgentlabError, InvalidArgument

IDENTIFIER = re.compile(r"(?i:(.*[\s_.-])?(id|uuid|guid))|.*[a-z]I[dD]")
Parts = Callable[[Chunk], npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class Fitted:
    """The columns of a table as fitted on the training split.

    Attributes:
        columns: all columns but the target.
        target: the target.
        types: the types with which to read the columns that are inputs, see ``CSVFiles.chunks``.
        notes: lines for the user about what was changed.
    """

    columns: list[Column]
    target: Target
    types: dict[str, type | None]
    notes: list[str]


def fit_columns(
    files: CSVFiles, target: TargetColumn, kinds: Mapping[str, ColumnKind], parts_of: Parts
) -> Fitted:
    """Infer the kind of each column, in one pass over the files and two over columns of texts.

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
        name: TextColumn(name, kinds.get(name), bool(IDENTIFIER.fullmatch(name)), files)
        for name in kept
        if (
            kinds[name] != "number"
            if name in kinds
            else IDENTIFIER.fullmatch(name) or files.widths.get(name) == 1
        )
    }
    numbers = _read_numbers(
        files, target, [name for name in kept if name not in texts], texts, parts_of
    )
    # These are dates or codes rather than numbers, so they are read again as texts.
    written = {*numbers.dated, *shorter(numbers.low, files.widths)} - kinds.keys()
    if written:
        numbers.keep([name for name in numbers.names if name not in written])
    whole = set(numbers.names)
    for name in kept:
        if name not in whole and name not in texts:
            texts[name] = TextColumn(name, kinds.get(name), files=files)
    _read_texts(files, target, texts, parts_of)
    goal = target.target(files)
    blocks = goal.task == "classification" and target.blocks
    decimal = "." if files.separator == "," else files.decimal
    fitted = numbers.columns(kinds, blocks) | {name: text.column() for name, text in texts.items()}
    fitted = {
        name: replace(column, decimal=decimal) if name in whole and decimal != "." else column
        for name, column in fitted.items()
    }
    columns = [
        fitted.get(name) or Column(name, "dropped", note="as requested") for name in features
    ]
    if not any(column.inputs for column in columns):
        why = "; ".join(f"{column.name!r}: {column.note}" for column in columns[:5])
        raise AgentlabError(
            f"{files.paths[0]} has no usable column besides the target {target.name!r}"
            + (f" ({why}); --kind sets the kind of a column" if why else "")
        )
    types: dict[str, type | None] = {
        column.name: float if column.name in whole else str for column in columns if column.inputs
    }
    notes = [note for text in texts.values() for note in merged_notes(text)]
    return Fitted(columns, goal, types, [*target.notes(goal), *notes])


def _read_numbers(
    files: CSVFiles,
    target: TargetColumn,
    names: list[str],
    texts: Mapping[str, TextColumn],
    parts_of: Parts,
) -> NumberColumns:
    """Return the columns that contain numbers only, after a pass over the files."""
    types: dict[str, type | None] = dict.fromkeys(files.names)
    numbers = NumberColumns(names)
    for chunk in files.chunks({**types, **dict.fromkeys([target.name, *texts], str)}):
        parts = parts_of(chunk)
        rows = np.flatnonzero(target.add(chunk, parts) & (parts == 0))
        frame = chunk.frame
        numeric = {name for name, dtype in frame.dtypes.items() if dtype.kind in "iuf"}
        if not numeric.issuperset(numbers.names):
            numbers.keep([name for name in numbers.names if name in numeric])
        values = frame[numbers.names].to_numpy(np.float64)[rows]
        numbers.add(values, rows + chunk.first, target.numbers(frame[target.name].take(rows)))
    return numbers


def _read_texts(
    files: CSVFiles, target: TargetColumn, texts: Mapping[str, TextColumn], parts_of: Parts
) -> None:
    """Count the texts, find out what they mean, and measure those that are numbers or dates."""

    def training_rows(names: Sequence[str]) -> Iterator[TextArray]:
        for chunk in files.chunks(dict.fromkeys([target.name, *names], str)) if names else ():
            present = target.is_present(chunk.frame[target.name])
            yield chunk.texts([*names, target.name])[(parts_of(chunk) == 0) & present]

    for cells in training_rows(list(texts)):
        for text, column in zip(texts.values(), cells.T, strict=False):
            text.add(column, cells[:, -1])
    for text in texts.values():
        text.find_meaning()
    measured = [text for text in texts.values() if text.meaning is not None]
    measured.sort(key=lambda text: repr(text.meaning))  # by form, to convert many columns at once
    for cells in training_rows([text.name for text in measured]):
        first = 0
        for form, group in itertools.groupby(measured, key=lambda text: text.meaning):
            columns = cells[:, first : first + len(same := list(group))]
            first += len(same)
            numbers = numbers_of(columns, form) if isinstance(form, NumberForm) else None
            for i, text in enumerate(same):
                text.add_values(columns[:, i], None if numbers is None else numbers[:, i])


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
    return columns if standardize else unscaled(columns)


def unscaled(columns: Sequence[Column]) -> list[Column]:
    """Return columns whose numbers and dates are not standardized."""
    return [
        replace(column, mean=0.0, deviation=1.0) if column.kind in ("number", "date") else column
        for column in columns
    ]


def _frame_column(name: str, cells: Any, as_written: bool) -> Column:
    numeric = cells.dtype.kind in "iufm"
    if cells.dtype.kind == "O" and cells.dtype != "category":
        held = {type(cell) for cell in cells.dropna()}
        if not held & {bool, np.bool_} and (as_written or str not in held):
            codes = held == {str} and find_width(cells.dropna().unique())
            numeric = not codes and not np.isinf(number_cells(cells)).any()
    if numeric:
        values = number_cells(cells)
        if np.isinf(values).any():
            raise InvalidArgument(f"column {name!r} of x contains an infinite number")
        numbers = NumberColumns([name])
        numbers.add(values[:, None], np.arange(len(values)), None)
        return numbers.columns(forced=[name])[name]
    words = TextColumn(name, "category" if cells.dtype == "category" else None)
    texts = text_cells(cells)
    words.add(texts)
    words.find_meaning()
    if words.meaning is not None:
        words.add_values(texts)
    column = words.column()
    if column.kind == "dropped" and len(words.counts) > 1:
        raise InvalidArgument(
            f"column {name!r} of x cannot be categorical: {column.note}; drop it or make it numeric"
        )
    return column
