"""``Table``: CSV files of any size, split for training, validation and test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.config import check_type
from agentlab.data.batches import Arrays, Batch, Batches
from agentlab.data.column import Floats, Task
from agentlab.data.column_kinds import fit_columns, unscaled
from agentlab.data.columns import Columns
from agentlab.data.csv_files import Chunk, CSVFiles
from agentlab.data.csv_form import Source
from agentlab.data.leaks import compared_rows, leak_notes
from agentlab.data.splits import MEMORY_BUDGET, SPLITS, check_fractions, choose_kept, say_sizes
from agentlab.data.target_column import TargetColumn
from agentlab.data.text_columns import ColumnKind
from agentlab.errors import AgentlabError

BLOCK = 10  # consecutive rows that are divided among the splits
PAGE = 1000  # blocks that are divided at once
Piece = tuple[Floats, npt.NDArray[Any]]


class Table:
    """A table in CSV files, split at random; everything is fitted on the training split.

    The kind of each column and its mean or categories are inferred from the training rows alone;
    see ``Columns``. Splits that fit into ``memory_budget`` are held in memory; others are read from
    the files in each epoch, through a shuffle buffer. Equal seeds give equal orders.

    Args:
        files: a CSV file, a folder of them, or several with the same columns; see ``CSVFiles``.
        target: the column to predict. Rows with a missing target are dropped.
        task: ``None`` infers it: classification if the target contains texts, or whole numbers
            with few distinct values.
        seed: of the split.
        validation, test: fractions of the rows; 0 makes no such split.
        memory_budget: bytes for encoded rows, in memory or in the shuffle buffer.
        kinds: kinds of columns by name that override the inferred ones: ``number``, ``category``,
            ``date``, ``dayfirst`` or ``monthfirst`` (dates), or ``drop``.
        standardize: scale numbers and dates to mean 0 and standard deviation 1.
        separator, decimal, missing, encoding: the format of the files, see ``CSVFiles``.

    Attributes:
        columns: the fitted preprocessor.
        train: ``Batches``: float32 inputs ``[b, len(columns.inputs)]``, targets float32 ``[b]``
            (regression) or int32 ``[b]`` (classification).
        validation, test: likewise; ``None`` if the fraction is 0.
        task: regression or classification.

    Raises:
        AgentlabError: for missing files or columns, cells that do not match the kind of their
            column, a target of one class, or too few rows; the message names file, row and column.
    """

    def __init__(
        self,
        files: Source,
        target: str,
        task: Task | None = None,
        seed: int = 0,
        validation: float = 0.1,
        test: float = 0.2,
        memory_budget: int = MEMORY_BUDGET,
        kinds: Mapping[str, ColumnKind] | None = None,
        standardize: bool = True,
        separator: str | None = None,
        decimal: str | None = None,
        missing: Sequence[str] = (),
        encoding: str | None = None,
    ) -> None:
        check_type("task", task, Task | None)
        check_fractions(seed, validation, test)
        keep = memory_budget // 2  # rows as read take twice the bytes of encoded ones
        self.files = CSVFiles(files, separator, decimal, missing, encoding, keep)
        self.files.need([target, *(kinds or {})])
        for name, kind in (kinds or {}).items():
            check_type(f"the kind of column {name!r}", kind, ColumnKind)
        self._splitter = _Splitter(seed, validation, test)
        task = task or _task_of(kinds, target)
        exact = (kinds or {}).get(target) == "category"
        goal = TargetColumn(target, task, len(SPLITS), exact)
        fitted = fit_columns(self.files, goal, kinds or {}, self._splitter.parts)
        columns = fitted.columns if standardize else unscaled(fitted.columns)
        self.columns = Columns(columns, fitted.target, missing)
        self._target, self.notes = fitted.target, fitted.notes
        self._types = {**fitted.types, target: str}
        self.task: Task = fitted.target.task
        self._inferred = task is None
        self._missing = goal.missing
        sizes = goal.sizes(fitted.target)
        self._unknown = [n - size for n, size in zip(goal.present, sizes, strict=True)]
        for name, fraction, size in zip(SPLITS, self._splitter.fractions, sizes, strict=True):
            if fraction > 0 and not size:
                raise AgentlabError(
                    f"{self.files.paths[0]} has too few rows for a {name} split of {fraction:.3g}"
                )
        self._row_bytes = 4 * (len(self.columns.inputs) + 2)
        kept = choose_kept([size * self._row_bytes for size in sizes], memory_budget)
        self._memory_budget = memory_budget - sum(sizes[part] for part in kept) * self._row_bytes
        arrays = self._encode(kept, sizes)
        self._batches: list[Batches | None] = [
            arrays.get(part) or (_Streamed(self, part, size) if size else None)
            for part, size in enumerate(sizes)
        ]
        if all(isinstance(batches, Arrays) for batches in self._batches if batches):
            self.files.forget()
        train, self.validation, self.test = self._batches
        assert train is not None
        first = next(iter(train.epoch(compared_rows(len(self.columns.inputs)))))
        inputs, goals = np.asarray(first.inputs), np.asarray(first.targets)
        blocks = self.task == "classification" and goal.blocks
        self.notes += leak_notes(
            self.columns.columns, inputs, goals, len(self.columns.classes), blocks
        )
        self.train: Batches = train

    def describe(self) -> str:
        """Return a summary for the user: the inputs of each column, the task and the splits."""
        target, sizes = self._target, [part.size if part else 0 for part in self._batches]
        asked = "inferred" if self._inferred else "as requested"
        what = f"{target.name!r} is a number"
        if self.task == "classification":
            listed = ", ".join(target.classes[:10]) + (", ..." if len(target.classes) > 10 else "")
            what = f"{target.name!r} is one of {listed}"
        lines = [
            self.columns.describe(),
            f"task: {self.task} ({asked}): {what}",
            f"rows: {say_sizes(sizes)}",
        ]
        if self._missing:
            lines.append(f"dropped: {self._missing:,} rows without {target.name!r}")
        for name, n in zip(SPLITS, self._unknown, strict=True):
            if n:
                lines.append(
                    f"dropped: {n:,} {name} rows of classes that are not in the training split"
                )
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)

    def _encode(self, kept: list[int], sizes: list[int]) -> dict[int, Arrays]:
        """Encode whole splits, in one pass over the files."""
        inputs = {
            part: np.empty((sizes[part], len(self.columns.inputs)), np.float32) for part in kept
        }
        dtype = np.int32 if self.task == "classification" else np.float32
        targets = {part: np.empty(sizes[part], dtype) for part in kept}
        filled = dict.fromkeys(kept, 0)
        for part, (some, their) in self._pieces(kept) if kept else ():
            rows = slice(filled[part], filled[part] + len(some))
            inputs[part][rows], targets[part][rows] = some, their
            filled[part] += len(some)
        return {part: Arrays(inputs[part], targets[part]) for part in kept}

    def _pieces(
        self, wanted: list[int], order: list[int] | None = None
    ) -> Iterator[tuple[int, Piece]]:
        """Read the files, in ``order``, and yield encoded rows of the wanted splits."""
        columns = self.columns
        for chunk in self.files.chunks(self._types, order):
            targets, present = columns.targets(chunk)
            parts = self._splitter.parts(chunk)
            for part in wanted:
                rows = np.flatnonzero(present & (parts == part))
                yield part, (columns.encode(chunk, rows), targets[rows])


def _task_of(kinds: Mapping[str, ColumnKind] | None, target: str) -> Task | None:
    """Return the task that the kind of the target implies, if the user gave it."""
    tasks: dict[str, Task] = {"number": "regression", "category": "classification"}
    return tasks.get((kinds or {}).get(target, ""))


class _Streamed:
    """``Batches`` of a split that is read from the files in each epoch."""

    ragged = False

    def __init__(self, table: Table, part: int, size: int) -> None:
        self.size = size
        self._table, self._part = table, part

    def count(self, batch: int) -> int:
        """Return the number of batches per epoch."""
        return -(-self.size // batch)

    def epoch(self, batch: int, seed: int | None = None) -> Iterator[Batch]:
        """Iterate over all rows once; see ``Batches``."""
        table, order = self._table, None
        if seed is not None:
            rng = np.random.default_rng(seed)
            order = rng.permutation(len(table.files.paths)).tolist()
        pieces: Iterator[Piece] = (piece for _, piece in table._pieces([self._part], order))
        if seed is not None:
            capacity = max(table.files.rows, table._memory_budget // table._row_bytes)
            pieces = shuffled(pieces, min(capacity, self.size), rng)
        return in_batches(pieces, batch)


class _Splitter:
    """Assigns each row to a split by its file and index alone, so that all passes agree."""

    def __init__(self, seed: int, validation: float, test: float) -> None:
        self.seed, self.fractions = seed, (1 - validation - test, validation, test)

    def parts(self, chunk: Chunk) -> npt.NDArray[np.uint8]:
        """Return the split of each row of a chunk."""
        first, end, size = chunk.first, chunk.first + len(chunk.frame), BLOCK * PAGE
        pages = [self._page(chunk.file, n) for n in range(first // size, -(-end // size))]
        split = np.concatenate([np.empty(0, np.uint8), *pages])
        return split[first % size :][: end - first]

    def _page(self, file: int, page: int) -> npt.NDArray[np.uint8]:
        """Return the splits of the rows of ``PAGE`` blocks."""
        # Rounding from a random offset gives each split its fraction on average, in short files too
        starts = np.random.default_rng([self.seed, file]).random(len(SPLITS))
        edges = np.arange(page * PAGE, (page + 1) * PAGE + 1) * BLOCK
        _, held, test = (
            np.diff(np.floor(edges * fraction + start))[:, None]
            for fraction, start in zip(self.fractions, starts, strict=True)
        )
        ranks = np.tile(np.arange(BLOCK), (PAGE, 1))
        ranks = np.random.default_rng([self.seed, file, page]).permuted(ranks, axis=1)
        return (
            np.where(ranks < test, 2, np.where(ranks < test + held, 1, 0)).astype(np.uint8).ravel()
        )


def shuffled(pieces: Iterator[Piece], capacity: int, rng: np.random.Generator) -> Iterator[Piece]:
    """Yield rows in a random order, from a shuffle buffer of ``capacity`` rows.

    Each new row replaces a random row of the buffer, which is yielded.
    """
    waiting: Piece | None = None
    filled = 0
    for inputs, targets in pieces:
        if waiting is None:
            waiting = (
                np.empty((capacity, *inputs.shape[1:]), inputs.dtype),
                np.empty(capacity, targets.dtype),
            )
        free = min(capacity - filled, len(inputs))
        waiting[0][filled : filled + free] = inputs[:free]
        waiting[1][filled : filled + free] = targets[:free]
        filled += free
        for start in range(free, len(inputs), capacity):
            chosen = slice(start, start + capacity)
            places = rng.choice(capacity, len(inputs[chosen]), replace=False)
            yield waiting[0][places], waiting[1][places]
            waiting[0][places], waiting[1][places] = inputs[chosen], targets[chosen]
    if waiting is not None:
        order = rng.permutation(filled)
        for start in range(0, filled, 10_000):
            places = order[start : start + 10_000]
            yield waiting[0][places], waiting[1][places]


def in_batches(pieces: Iterator[Piece], batch: int) -> Iterator[Batch]:
    """Cut pieces of any length into batches, each but the last of ``batch`` rows."""
    rest: list[Piece] = []
    waiting = 0
    for piece in pieces:
        rest.append(piece)
        waiting += len(piece[1])
        if waiting < batch:
            continue
        inputs, targets = (np.concatenate(arrays) for arrays in zip(*rest, strict=True))
        whole = waiting - waiting % batch
        for start in range(0, whole, batch):
            rows = slice(start, start + batch)
            yield Batch(inputs[rows], targets[rows], np.ones(batch, np.float32))
        rest, waiting = [(inputs[whole:], targets[whole:])], waiting - whole
    if waiting:
        inputs, targets = (np.concatenate(arrays) for arrays in zip(*rest, strict=True))
        yield Batch(inputs, targets, np.ones(waiting, np.float32))
