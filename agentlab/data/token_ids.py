"""``TokenIds``: texts that are already encoded as integer ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from agentlab.data.preprocessors import Preprocessor
from agentlab.data.raw_inputs import as_numbers, check_shape
from agentlab.data.text_files import lines_of, text_of
from agentlab.data.vocabulary import PADDING, Ids, pad
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import tf


class TokenIds(Preprocessor):
    """Integer ids ``[n, time]`` of tokens from another tokenizer.

    Args:
        size: number of ids; they are 0, ..., ``size - 1``.
        length: ids per example; ``None`` for any number.

    Raises:
        InvalidArgument: if ``size`` or ``length`` is below 1.

    >>> TokenIds(size=10, length=3).transform([[1, 9, 0]])
    array([[1, 9, 0]], dtype=int32)
    """

    kind = "token_ids"
    dtype = "int32"

    def __init__(self, size: int, length: int | None = None) -> None:
        for name, value in (("size", size), ("length", length)):
            if value is not None and (not isinstance(value, int) or value < 1):
                raise InvalidArgument(f"{name}={value!r} must be 1 or more")
        self.size, self.length = size, length

    @classmethod
    def fit(cls, x: Any, size: int, any_length: bool = False) -> Self:
        """Fit the length of the training examples.

        Args:
            x: integer ids ``[n, time]``.
            size: number of ids.
            any_length: whether other examples may have another length.

        Raises:
            InvalidArgument: for another shape, fractions, or ids outside of 0 to ``size - 1``.
        """
        x = as_numbers(x)
        preprocessor = cls(size, None if any_length or x.ndim != 2 else x.shape[1])
        preprocessor.transform(x)
        return preprocessor

    def transform(self, x: Any) -> Ids:
        """Return ids as int32 ``[n, time]``.

        Raises:
            InvalidArgument: for another shape, fractions, or ids outside of 0 to ``size - 1``.
        """
        x = as_numbers(x)
        check_shape(x.shape, self.input_shape)
        wrong = (
            (x < 0) | (x >= self.size) | (x != np.round(x)) if x.dtype.kind != "b" else x & False
        )
        if wrong.any():
            place = np.argwhere(wrong)[0].tolist()
            raise InvalidArgument(
                f"x{place}={x[tuple(place)]} must be an id: a whole number from 0 to "
                f"{self.size - 1} (vocabulary={self.size})"
            )
        ids: Ids = x.astype(np.int32)
        return ids

    def read(self, source: str, encoding: str | None = None) -> Ids:
        """Return the ids in a text file or a text: whole numbers, one example per line.

        Raises:
            AgentlabError: for a file that cannot be read, or text that is not a whole number.
        """
        try:
            lines = lines_of(text_of(source, encoding))
            rows = [[int(word) for word in line.split()] for line in lines]
        except ValueError as error:
            raise AgentlabError(
                f"source={source[:40]!r} must be ids, whole numbers separated by spaces: {error}"
            ) from error
        return pad(rows, self.length, PADDING)

    def to_json(self) -> dict[str, Any]:
        """Return everything that was fitted as JSON-compatible values."""
        return {"size": self.size, "length": self.length}

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """Make a preprocessor from the output of ``to_json``."""
        return cls(described["size"], described["length"])

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """The shape of one example, ``[time]``."""
        return (self.length,)

    def transform_tensors(self, inputs: Any) -> Any:
        """Return an int32 tensor ``[n, time]`` of ids unchanged."""
        return tf.identity(inputs)
