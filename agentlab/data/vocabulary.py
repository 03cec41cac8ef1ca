"""``Vocabulary``: encoding of texts as ids, and decoding."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.data.preprocessors import Preprocessor
from agentlab.data.raw_inputs import as_texts
from agentlab.data.text_files import lines_of, text_of
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import keras

Ids = npt.NDArray[np.int32]

PADDING = 0
MAX_LENGTH = 1_000_000


class Vocabulary(Preprocessor):
    """The base class of ``Characters``, ``Words`` and ``Subwords``.

    Attributes:
        size: number of ids; they are 0, ..., ``size - 1``.
        length: ids to which texts are truncated or padded; ``None`` pads to the longest text.
    """

    dtype = "int32"
    size: int
    length: int | None

    @abstractmethod
    def tokenize(self, text: str) -> Sequence[int]:
        """Return the ids of a whole text, neither cut nor padded."""

    @abstractmethod
    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of one sequence of ids, without the padding.

        Raises:
            AgentlabError: for an id that the vocabulary does not have.
        """

    def encode(self, texts: str | Sequence[str]) -> Ids:
        """Encode one text or several as ids.

        Returns:
            int32 ``[time]`` for one text and ``[n, time]`` for several, where ``time`` is
            ``length`` or, if that is ``None``, the number of ids of the (longest) text. Shorter
            texts are padded with 0 at the end; longer ones are truncated at the end.

        Raises:
            AgentlabError: for texts that the vocabulary cannot encode.
        """
        several = [texts] if isinstance(texts, str) else texts
        ids = pad([self.tokenize(text) for text in several], self.length, PADDING)
        return ids[0] if isinstance(texts, str) else ids

    def transform(self, x: Any) -> Ids:
        """Return the ids of texts, int32 ``[n, time]``; see ``encode``.

        Args:
            x: a text, or a flat list, array or Series of texts.

        Raises:
            AgentlabError: for numbers, or texts that the vocabulary cannot encode.
        """
        return self.encode(as_texts(x))

    def read(self, source: str, encoding: str | None = None) -> list[str]:
        """Return the texts of a file with one text per line, or the text itself.

        Raises:
            AgentlabError: for a file that cannot be read.
        """
        return lines_of(text_of(source, encoding))

    def check_ids(self, ids: Iterable[int]) -> list[int]:
        """Return ids as a list.

        Raises:
            AgentlabError: for an id that the vocabulary does not have.
        """
        checked = [int(number) for number in ids]
        for number in checked:
            if not 0 <= number < self.size:
                raise AgentlabError(f"id {number} is not one of the vocabulary's {self.size} ids")
        return checked

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """The shape of the ids of one text, ``[time]``."""
        return (self.length,)

    def inference_inputs(self) -> Any:
        """Return a ``keras.Input`` of texts, strings ``[n]``."""
        return keras.Input((), dtype="string", name="inputs")


def pad(rows: Sequence[Sequence[int]], length: int | None, padding: int) -> Ids:
    """Return rows of ids as int32 ``[n, length]``, truncated or padded at the end.

    Args:
        rows: rows of any lengths.
        length: ``None`` is the length of the longest row.
        padding: the id of padding.

    >>> pad([[5, 6, 7], [8]], 2, 0)
    array([[5, 6],
           [8, 0]], dtype=int32)
    """
    longest = max(map(len, rows), default=0)
    ids = np.full((len(rows), length or longest), padding, np.int32)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row[:length]
    return ids


def check_length(length: int | None) -> None:
    """Raise ``InvalidArgument`` for a length below 1 or above 1,000,000."""
    if length is not None and not 1 <= length <= MAX_LENGTH:
        raise InvalidArgument(f"length={length} must be from 1 to {MAX_LENGTH:,}, or None")
