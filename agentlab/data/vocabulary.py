"""What all vocabularies have in common: texts become ids of one length, and ids texts again."""

from __future__ import annotations

import io
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError
from agentlab.runs.reading import open_regular

Ids = npt.NDArray[np.int32]

PADDING = 0
MAX_LENGTH = 1_000_000


def read_text(path: Path | str) -> str:
    """Return what a text file holds; each kind of line end becomes ``"\\n"``.

    Raises:
        AgentlabError: where it cannot be read, is not UTF-8, or holds nothing but blanks.
    """
    try:
        with open_regular(path) as file:
            text = io.TextIOWrapper(file, encoding="utf-8-sig").read()
    except UnicodeDecodeError as error:
        raise AgentlabError(
            f"{path} is no text in UTF-8: byte {error.start} is {error.object[error.start]:#04x}"
        ) from error
    except OSError as error:
        raise AgentlabError(f"{path} cannot be read: {error.strerror}") from error
    if not text.strip():
        raise AgentlabError(f"{path} is empty; it must hold text")
    return text


def text_of(source: str) -> str:
    """Return the text of the file that ``source`` names, or ``source`` itself if it names none.

    Raises:
        AgentlabError: for a file that cannot be read, or a name in ``.txt`` that no file has.
    """
    if os.path.exists(source) or re.fullmatch(r"\S+\.txt", source):
        return read_text(source)
    if not source.strip():
        raise AgentlabError(f"the text {source!r} is empty")
    return source


class Vocabulary(ABC):
    """What the vocabularies have in common; each is an ``Encoder``.

    Attributes:
        size: how many ids there are; they are 0, ..., ``size - 1``.
        length: every encoded text is cut or padded to so many ids; ``None`` leaves it as it is.
    """

    kind: ClassVar[str]
    size: int
    length: int | None

    @abstractmethod
    def _ids(self, text: str) -> Sequence[int]:
        """Return the ids of a whole text."""

    @abstractmethod
    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of one sequence of ids; padding becomes nothing.

        Raises:
            AgentlabError: for an id that the vocabulary does not have.
        """

    def encode(self, texts: str | Sequence[str]) -> Ids:
        """Turn a text, or several, into ids.

        Returns:
            int32 ``[time]`` for one text and ``[n, time]`` for several, where ``time`` is
            ``length``; if that is ``None``, the text's own, or the longest's of the several.
            Shorter ones are padded with 0 at their end, longer ones lose their end.

        Raises:
            AgentlabError: for what the vocabulary cannot express.
        """
        several = [texts] if isinstance(texts, str) else texts
        ids = self._padded([self._ids(text) for text in several])
        return ids[0] if isinstance(texts, str) else ids

    def _padded(self, rows: Sequence[Sequence[int]]) -> Ids:
        longest = max(map(len, rows), default=0)
        ids = np.full((len(rows), self.length or longest), PADDING, np.int32)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row[: self.length]
        return ids

    def read(self, source: str) -> Ids:
        """Return the ids of a text file with one text a line, or of the text itself.

        Returns:
            int32 ``[n, time]``, see ``encode``.

        Raises:
            AgentlabError: for a file that cannot be read, or what has no id.
        """
        return self.encode(text_of(source).rstrip("\n").split("\n"))

    def _checked(self, ids: Iterable[int]) -> list[int]:
        checked = [int(number) for number in ids]
        for number in checked:
            if not 0 <= number < self.size:
                raise AgentlabError(f"id {number} is none of the vocabulary's {self.size}")
        return checked

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return all that was fitted as what JSON holds."""

    @classmethod
    @abstractmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """Take back what ``to_json`` gave."""


def check_length(length: int | None) -> None:
    """Refuse a length that no text can have.

    Raises:
        AgentlabError: where it is below 1 or above 1,000,000.
    """
    if length is not None and not 1 <= length <= MAX_LENGTH:
        raise AgentlabError(f"length={length} must be from 1 to {MAX_LENGTH:,}, or None")
