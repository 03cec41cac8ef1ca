"""``Column`` and ``Target``: fitted columns of a table, and their cells as numbers or texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from agentlab.data.csv_form import MISSING
from agentlab.data.dates import ISO, DateForm
from agentlab.data.number_forms import NumberForm

Kind = Literal["number", "date", "boolean", "category", "dropped"]
Task = Literal["regression", "classification"]
Floats = npt.NDArray[np.float32]
NumberArray = npt.NDArray[np.float64]
TextArray = npt.NDArray[np.object_]  # strings, NaN where missing
MISSING_CELLS = frozenset(MISSING)


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
        note: why it is dropped, or what was done with some of its cells.
        mean: mean of numbers or dates; replaces missing cells.
        deviation: standard deviation of numbers or dates, 1 if they are all equal.
        categories: the categories, sorted; for a boolean, the false and the true word in lower
            case.
        usual: index of the most frequent category, which replaces missing ones.
        decimal, thousands, unit: how numbers are written, see ``NumberForm``.
        format: format of dates, see ``DateForm``.
        folded: whether categories ignore case.
        width: number of digits of categories that are codes such as 007; 0 if they are not codes.
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
    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    format: str = ISO
    folded: bool = False
    width: int = 0

    @property
    def form(self) -> NumberForm:
        """How the numbers are written."""
        return NumberForm(self.decimal, self.thousands, self.unit)

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
            "date": f"{DateForm(self.format).words}, days standardized: deviation "
            f"{self.deviation:.4g}",
            "boolean": f"{' and '.join(self.categories)} as 0 and 1",
            "category": f"{len(self.categories)} inputs, one per category",
            "dropped": f"dropped: {self.note}",
        }[self.kind]
        if self.kind == "number" and (written := say_form(self.form)):
            word = f"{written}; {word}"
        if self.kind != "dropped" and self.note:
            word += f"; {self.note}"
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
        decimal, thousands, unit, folded: as in ``Column``.
    """

    name: str
    task: Task
    classes: tuple[str, ...] = ()
    missing: int = 0
    examples: tuple[str, ...] = ()
    mean: float = 0.0
    deviation: float = 1.0
    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    folded: bool = False

    @property
    def form(self) -> NumberForm:
        """How the numbers of a regression are written."""
        return NumberForm(self.decimal, self.thousands, self.unit)


def say_form(form: NumberForm) -> str:
    """Return how numbers are written, in words; empty for plain ones such as ``1234.5``."""
    marks = {",": "comma", ".": "point", " ": "space", "'": "apostrophe"}
    words = [f"decimal {marks[form.decimal]}"] if form.decimal != "." else []
    words += [f"thousands {marks[form.thousands]}"] if form.thousands else []
    return ", ".join([*words, *([f"unit {form.unit}"] if form.unit else [])])


def not_finite(text: str) -> str:
    """Return why a text is not a finite number, as a relative clause for a message."""
    infinite = text.strip().lower().lstrip("+-") in ("inf", "infinity")
    return "which is not a finite number" if infinite else "which is not a number"


def numbers_of(texts: Any, form: NumberForm) -> NumberArray:
    """Return numbers or texts as numbers; missing cells are NaN, other texts infinite.

    Args:
        texts: a pandas Series, or an array of texts of any shape.
        form: how texts are written.
    """
    import pandas as pd

    if isinstance(texts, np.ndarray):
        return numbers_of(pd.Series(texts.ravel(), dtype=object), form).reshape(texts.shape)
    if texts.dtype.kind in "iufb":
        numbers: NumberArray = texts.to_numpy(np.float64, na_value=np.nan)
        return numbers
    if form.plain and form.decimal == ".":
        numbers = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64, copy=True)
        rest = np.flatnonzero(np.isnan(numbers) & texts.notna().to_numpy())
        numbers[rest] = form.parse(map(str, texts.iloc[rest]))
        return numbers
    codes, values = pd.factorize(texts)
    numbers = np.append(form.parse(map(str, values)), np.nan)[codes]
    return numbers


def number_cells(cells: Any, form: NumberForm | None = None) -> NumberArray:
    """Return cells as numbers; missing is NaN, any other text infinite.

    Durations become seconds.

    Args:
        cells: a column of a DataFrame, or an array of objects of any shape.
        form: how texts are written; ``None`` for plain numbers such as ``1234.5``.
    """
    import pandas as pd

    if isinstance(cells, np.ndarray):
        return number_cells(pd.Series(cells.ravel(), dtype=object), form).reshape(cells.shape)
    if cells.dtype.kind == "m":
        seconds: NumberArray = (cells / pd.Timedelta(seconds=1)).to_numpy(np.float64)
        return seconds
    if cells.dtype.kind == "M":
        return np.where(cells.isna(), np.nan, np.inf)
    if cells.dtype.kind not in "iufb":
        cells = cells.astype(object).where(~cells.isin(MISSING), np.nan)
    return numbers_of(cells, form or NumberForm())


def text_cells(cells: Any, pair: Sequence[str] = ()) -> TextArray:
    """Return the cells of a pandas Series as texts; missing is NaN.

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
    missing = cells.isna().tolist()
    texts: TextArray = np.empty(len(missing), object)
    texts[:] = [
        np.nan if absent or (isinstance(cell, str) and cell in MISSING_CELLS) else text(cell)
        for cell, absent in zip(cells.tolist(), missing, strict=True)
    ]
    return texts
