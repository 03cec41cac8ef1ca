"""``Column`` and ``Target``: fitted columns of a table, and their cells as numbers or texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from agentlab.data.csv_files import MISSING

Kind = Literal["number", "date", "boolean", "category", "dropped"]
Task = Literal["regression", "classification"]
Floats = npt.NDArray[np.float32]
NumberArray = npt.NDArray[np.float64]

INFINITE = "which is not a finite number"
# Pairs of words, false first; a column with only the words of one pair is boolean.
BOOLEANS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"), ("off", "on"))


@dataclass(frozen=True)
class Column:
    """A column of a table, as fitted on the training split.

    Attributes:
        name: name in the header.
        kind: ``number`` and ``date`` (days since 1970) become one standardized input, ``boolean``
            one input of 0 or 1, ``category`` one input per category, ``dropped`` none. If the
            training split has missing cells, another input is 1 for missing cells.
        missing: number of missing cells in the training split.
        examples: some of its values.
        note: why it is dropped.
        mean: mean of numbers or dates; replaces missing cells.
        deviation: standard deviation of numbers or dates, 1 if they are all equal.
        categories: the categories, sorted; for a boolean, the false and the true word in lower
            case.
        usual: index of the most frequent category, which replaces missing ones.
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
        """The names of the inputs made from the column."""
        if self.kind == "dropped":
            return ()
        values: tuple[str, ...] = (self.name,)
        if self.kind == "category":
            values = tuple(f"{self.name}={category}" for category in self.categories)
        return (*values, f"{self.name} is missing") if self.missing else values

    @property
    def becomes(self) -> str:
        """The inputs made from the column, in words for the user."""
        word = {
            "number": f"standardized: mean {self.mean:.4g}, deviation {self.deviation:.4g}",
            "date": f"days, standardized: deviation {self.deviation:.4g}",
            "boolean": f"{' and '.join(self.categories)} as 0 and 1",
            "category": f"{len(self.categories)} inputs, one per category",
            "dropped": f"dropped: {self.note}",
        }[self.kind]
        return f"{word}; one more input for missing cells" if self.inputs and self.missing else word


@dataclass(frozen=True)
class Target:
    """The column to predict.

    Attributes:
        name: name in the header.
        task: ``regression`` predicts a number, ``classification`` one of ``classes``.
        classes: the labels in the training split as texts, sorted (numbers by value).
        missing: number of missing cells in the training split; their rows are left out.
        examples: some of its values.
        mean, deviation: mean and standard deviation of the training split, for regression.
    """

    name: str
    task: Task
    classes: tuple[str, ...] = ()
    missing: int = 0
    examples: tuple[str, ...] = ()
    mean: float = 0.0
    deviation: float = 1.0


def find(known: Sequence[str], texts: Any) -> npt.NDArray[np.intp]:
    """Return the index of each text in ``known``, -1 where it is unknown or missing."""
    import pandas as pd

    places: npt.NDArray[np.intp] = pd.Index(list(known), dtype=object).get_indexer(texts)
    return places


def days(texts: Any) -> NumberArray:
    """Return dates (ISO 8601, perhaps with a time) as days since 1970, NaN for anything else."""
    import pandas as pd

    times = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)
    since = (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
    numbers: NumberArray = since.to_numpy(np.float64, copy=True)
    return numbers


def truths(pair: Sequence[str], texts: Any) -> NumberArray:
    """Return 0 or 1 for the first or second word of a pair, in any case, and -1 for others."""
    import pandas as pd

    codes, words = pd.factorize(texts)
    places = find(pair, [word.strip().lower() for word in words])
    truths: NumberArray = np.append(places, -1)[codes].astype(np.float64)
    return truths


def number_cells(cells: Any) -> NumberArray:
    """Return the cells of a pandas Series as numbers; missing is NaN, any other text infinite."""
    import pandas as pd

    if cells.dtype.kind in "iufb":
        numbers: NumberArray = cells.to_numpy(np.float64, na_value=np.nan)
        return numbers
    missing = (cells.isna() | cells.isin(MISSING)).to_numpy(bool)
    if cells.dtype.kind in "mM":
        return np.where(missing, np.nan, np.inf)
    numbers = pd.to_numeric(cells.astype(object), errors="coerce").to_numpy(np.float64, copy=True)
    numbers[np.isnan(numbers)] = np.inf
    numbers[missing] = np.nan
    return numbers


def text_cells(cells: Any, pair: Sequence[str] = ()) -> Any:
    """Return the cells of a pandas Series as a Series of texts; missing is NaN.

    Args:
        cells: numbers become texts as Python writes them, whole ones without a point; dates become
            ISO 8601.
        pair: the two words of a column of booleans, which ``False`` and ``True`` (or 0 and 1) mean.
    """

    def text(cell: Any) -> str:
        if isinstance(cell, str):
            return cell
        if pair and cell in (0, 1):
            return pair[int(cell)]
        if isinstance(cell, bool | np.bool_):
            return str(bool(cell))
        return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)

    if cells.dtype.kind == "M":
        cells = cells.dt.strftime("%Y-%m-%dT%H:%M:%S.%f%z")
    cells = cells.astype(object)
    missing = cells.isna() | cells.isin(MISSING)
    return cells.map(text, na_action="ignore").astype(object).where(~missing, np.nan)
