"""A data set in its splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentlab.data.batches import Array, split_indices

HELD_OUT = (0.8, 0.2)  # training and test fraction of sets that name no test split


@dataclass(frozen=True)
class DataSet:
    """A set in its splits. Each split is what a trainer's ``fit`` takes: ``fit(*data.train)``.

    Attributes:
        train: the training split.
        test: what is kept for the end; always the same part.
        validation: held out for choosing, where the set names such a split; where it is ``None``,
            a trainer splits it off ``train``.
        classes: names of the classes that the targets count, or ``None``.
        names: of the inputs' columns, or ``None``.
        notes: lines that tell what was loaded, from where, and what differs from the original.
    """

    train: tuple[Any, ...]
    test: tuple[Any, ...]
    validation: tuple[Any, ...] | None = None
    classes: list[Any] | None = None
    names: list[str] | None = None
    notes: tuple[str, ...] = ()

    def sizes(self) -> dict[str, int]:
        """Return how many examples (of a text: characters) each part has, by its name."""
        parts = {"training": self.train, "validation": self.validation, "test": self.test}
        return {name: len(part[0]) for name, part in parts.items() if part is not None}


def split_set(x: Array, y: Array, **about: Any) -> DataSet:
    """Return a set whose test split is a fifth of the rows, always the same.

    Args:
        x: inputs ``[n, ...]``.
        y: targets ``[n]``.
        about: ``classes`` or ``names`` of the set.
    """
    train, test = ((x[rows], y[rows]) for rows in split_indices(len(y), HELD_OUT, seed=0))
    return DataSet(train, test, **about)


def text_set(text: str) -> DataSet:
    """Return a text whose last tenth is the test split.

    Raises:
        ValueError: where that leaves a part empty.
    """
    begin = round(len(text) * 0.9)
    if not 0 < begin < len(text):
        raise ValueError(f"it holds {len(text)} characters")
    return DataSet((text[:begin],), (text[begin:],))
