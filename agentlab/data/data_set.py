"""``DataSet``: training, validation and test splits of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentlab.data.batches import Array, split_indices

HELD_OUT = (0.8, 0.2)  # training and test fractions of data sets without a test split


@dataclass(frozen=True)
class DataSet:
    """The splits of a data set. Each split is what a trainer's ``fit`` takes: ``fit(*data.train)``.

    Attributes:
        train: the training split.
        test: the test split; always the same examples.
        validation: the validation split, or ``None`` if a trainer is to split it off ``train``.
        classes: names of the classes by target, or ``None``.
        names: names of the columns of the inputs, or ``None``.
        titles: titles of rated items by id, or ``None``.
        notes: lines for the user about the source of the data and differences from the original.
    """

    train: tuple[Any, ...]
    test: tuple[Any, ...]
    validation: tuple[Any, ...] | None = None
    classes: list[Any] | None = None
    names: list[str] | None = None
    notes: tuple[str, ...] = ()
    titles: dict[str, str] | None = None

    def sizes(self) -> dict[str, int]:
        """Return the number of examples (of a text: characters) of each split, by name."""
        splits = {"training": self.train, "validation": self.validation, "test": self.test}
        return {name: len(split[0]) for name, split in splits.items() if split is not None}


def split_set(x: Array, y: Array, **about: Any) -> DataSet:
    """Return a data set with a fixed random fifth of the rows as its test split.

    Args:
        x: inputs ``[n, ...]``.
        y: targets ``[n]``.
        about: ``classes`` or ``names`` of the data set.

    >>> import numpy as np
    >>> split_set(np.zeros((10, 2)), np.zeros(10)).sizes()
    {'training': 8, 'test': 2}
    """
    train, test = ((x[rows], y[rows]) for rows in split_indices(len(y), HELD_OUT, seed=0))
    return DataSet(train, test, **about)


def text_set(text: str) -> DataSet:
    """Return a data set with the last tenth of a text as its test split.

    Raises:
        ValueError: if a split would be empty.
    """
    begin = round(len(text) * 0.9)
    if not 0 < begin < len(text):
        raise ValueError(f"it holds {len(text)} characters")
    return DataSet((text[:begin],), (text[begin:],))
