"""Vocabularies: characters, words or pieces of words as numbers, and back.

::

    words = Words.fit(training_texts, size=10_000, length=400)
    ids = words.encode(["A fine movie.", "Not my taste."])  # int32 [2, 400], 0 is padding
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from agentlab.data.subwords import Subwords
from agentlab.data.vocabulary import PADDING, Ids, Vocabulary, check_length, read_text, text_of
from agentlab.errors import AgentlabError

__all__ = ["Characters", "Ids", "Subwords", "Vocabulary", "Words", "read_text", "split_words"]

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
WORD_OR_MARK = re.compile(WORD.pattern + r"|[^\w\s]")


class Characters(Vocabulary):
    """One id for each character.

    The ids follow the order of ``characters``. With ``length`` id 0 is padding and comes before
    them, with ``unknown`` so does one id for every other character; with neither, no id is lost
    on what a model of running text never meets.

    Args:
        characters: all that are known, each once.
        length: ids of every encoded text, such as a convolutional net wants.
        unknown: whether characters that are not known share an id, or else are an error.

    Raises:
        AgentlabError: for no characters, or one twice.
    """

    kind = "characters"

    def __init__(self, characters: str, length: int | None = None, unknown: bool = False) -> None:
        if not characters or len(set(characters)) < len(characters):
            raise AgentlabError(f"characters={characters!r} must be at least one, and each once")
        check_length(length)
        self.characters, self.length, self.unknown = characters, length, unknown
        special = [""] * (length is not None) + ["\ufffd"] * unknown
        self._characters = [*special, *characters]
        self._of = {character: i for i, character in enumerate(characters, len(special))}
        self._unknown = len(special) - 1
        self.size = len(self._characters)

    @classmethod
    def fit(
        cls, texts: str | Iterable[str], length: int | None = None, unknown: bool = False
    ) -> Self:
        """Learn the characters of the training split, a text or several, in their sorted order."""
        return cls("".join(sorted(set().union(*texts))), length, unknown)

    def _ids(self, text: str) -> list[int]:
        if self.unknown:
            return [self._of.get(character, self._unknown) for character in text]
        try:
            return [self._of[character] for character in text]
        except KeyError as error:
            raise AgentlabError(
                f"the character {error.args[0]!r} does not occur in the training text"
            ) from None

    def encode(self, texts: str | Sequence[str]) -> Ids:
        """Turn a text, or several, into ids; see ``Vocabulary``.

        Raises:
            AgentlabError: for an unknown character, or texts that would need padding but have
                no id for it.
        """
        rows = [texts] if isinstance(texts, str) else texts
        if self.length is None and len({len(row) for row in rows}) > 1:
            raise AgentlabError("length=None: set it to encode texts of different lengths together")
        return super().encode(texts)

    def read(self, source: str) -> Ids:
        """Return ids as ``Vocabulary`` does; without ``length`` the text is one, ``[1, time]``."""
        return self.encode([text_of(source)]) if self.length is None else super().read(source)

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of one sequence of ids; see ``Vocabulary``."""
        return "".join(self._characters[number] for number in self._checked(ids))

    def to_json(self) -> dict[str, Any]:
        """Return all that was fitted as what JSON holds."""
        return {"characters": self.characters, "length": self.length, "unknown": self.unknown}

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """Take back what ``to_json`` gave."""
        return cls(described["characters"], described["length"], described["unknown"])


class Words(Vocabulary):
    """One id for each frequent word; 0 is padding and 1 any other word.

    A word is a run of letters and digits, apostrophes within it included: "don't" is one word.

    Args:
        words: all that are known, each once; their ids begin at 2.
        length: ids of every encoded text.
        lower: whether capitals are made small.
        punctuation: whether each mark is a word of its own, or else left out.

    Raises:
        AgentlabError: for no words, or one twice.
    """

    kind = "words"

    def __init__(
        self,
        words: Sequence[str],
        length: int | None = None,
        lower: bool = True,
        punctuation: bool = False,
    ) -> None:
        self.words = list(words)
        self._of = {word: i for i, word in enumerate(self.words, 2)}
        if not words or len(self._of) < len(words):
            raise AgentlabError(f"there are {len(words)} words; they must be some, and each once")
        check_length(length)
        self.length, self.lower, self.punctuation = length, lower, punctuation
        self.size = 2 + len(words)

    @classmethod
    def fit(
        cls,
        texts: Iterable[str],
        size: int = 10_000,
        length: int | None = None,
        lower: bool = True,
        punctuation: bool = False,
    ) -> Self:
        """Learn the most frequent words of the training split.

        Args:
            texts: the training split.
            size: ids at most, those of padding and of unknown words among them. Of equally
                frequent words the first in the alphabet are taken.
            length: see the class, as ``lower`` and ``punctuation``.

        Raises:
            AgentlabError: for texts without words, or a size below 3.
        """
        if size < 3:
            raise AgentlabError(f"size={size} must be 3 or more: padding, unknown and a word")
        counts = Counter(word for text in texts for word in split_words(text, lower, punctuation))
        if not counts:
            raise AgentlabError("the training texts hold no words")
        frequent = sorted(counts, key=lambda word: (-counts[word], word))[: size - 2]
        return cls(frequent, length, lower, punctuation)

    def _ids(self, text: str) -> list[int]:
        return [self._of.get(word, 1) for word in split_words(text, self.lower, self.punctuation)]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the words of one sequence of ids with blanks between; see ``Vocabulary``."""
        known = ["", "<unknown>", *self.words]
        return " ".join(known[number] for number in self._checked(ids) if number != PADDING)

    def to_json(self) -> dict[str, Any]:
        """Return all that was fitted as what JSON holds."""
        return {
            "words": self.words,
            "length": self.length,
            "lower": self.lower,
            "punctuation": self.punctuation,
        }

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """Take back what ``to_json`` gave."""
        return cls(
            described["words"], described["length"], described["lower"], described["punctuation"]
        )


def split_words(text: str, lower: bool = True, punctuation: bool = False) -> list[str]:
    """Return the words of a text as ``Words`` counts them."""
    return (WORD_OR_MARK if punctuation else WORD).findall(text.lower() if lower else text)
