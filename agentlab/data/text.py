"""``Characters`` and ``Words``: texts as ids of characters or words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from agentlab.data.subwords import Subwords
from agentlab.data.text_files import text_of
from agentlab.data.vocabulary import PADDING, Ids, Vocabulary, check_length
from agentlab.errors import AgentlabError
from agentlab.lazy import keras, tf

__all__ = ["Characters", "Ids", "Subwords", "Vocabulary", "Words", "split_words"]

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
WORD_OR_MARK = re.compile(WORD.pattern + r"|[^\w\s]")
# The same as TensorFlow regular expressions, applied in order until spaces separate all words.
SPLIT = (
    (r"[^\pL\pN'’]+", " "),
    (r"['’]{2,}", " "),
    (r"(^| )['’]", " "),
    (r"['’]( |$)", " "),
)
SPLIT_MARKS = (
    (r"([\pL\pN]+(?:['’][\pL\pN]+)*|[^\pL\pN_\s\pZ\x0b\x1c-\x1f\x{85}])", r" \1 "),
    (r"[_\pZ\x0b\x1c-\x1f\x{85}]", " "),
)


class Characters(Vocabulary):
    """One id per character.

    The ids follow the order of ``characters``. With ``length``, they are preceded by id 0 for
    padding; with ``unknown``, by an id for all other characters. Without both, as for a language
    model, there are no unused ids.

    Args:
        characters: all known characters, each once.
        length: ids of every encoded text, as a convolutional network needs.
        unknown: whether unknown characters share an id; otherwise they raise an error.

    Raises:
        AgentlabError: for no characters, or duplicates.

    >>> characters = Characters.fit("banana")
    >>> characters.encode("nab")
    array([2, 0, 1], dtype=int32)
    >>> characters.decode([2, 0, 1])
    'nab'
    """

    kind = "characters"

    def __init__(self, characters: str, length: int | None = None, unknown: bool = False) -> None:
        if not characters or len(set(characters)) < len(characters):
            raise AgentlabError(
                f"characters={characters!r} must be one or more distinct characters"
            )
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
        """Fit the sorted characters of the training split, a text or several."""
        return cls("".join(sorted(set().union(*texts))), length, unknown)

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of a whole text, neither cut nor padded."""
        if self.unknown:
            return [self._of.get(character, self._unknown) for character in text]
        try:
            return [self._of[character] for character in text]
        except KeyError as error:
            raise AgentlabError(
                f"the character {error.args[0]!r} does not occur in the training text"
            ) from None

    def encode(self, texts: str | Sequence[str]) -> Ids:
        """Encode one text or several as ids; see ``Vocabulary``.

        Raises:
            AgentlabError: for an unknown character, or texts of different lengths without
                ``length``, so that there is no id for padding.
        """
        rows = [texts] if isinstance(texts, str) else texts
        if self.length is None and len({len(row) for row in rows}) > 1:
            raise AgentlabError("length=None: set it to encode texts of different lengths together")
        return super().encode(texts)

    def read(self, source: str, encoding: str | None = None) -> list[str]:
        """Return texts as ``Vocabulary`` does; without ``length`` the whole file is one text."""
        if self.length is None:
            return [text_of(source, encoding)]
        return super().read(source, encoding)

    def transform_tensors(self, inputs: Any) -> Any:
        """Return the output of ``transform`` for a tensor of strings ``[n]``."""
        points = tf.strings.unicode_decode(inputs, "UTF-8")  # ragged [n, time]
        order = sorted(self._of)
        known = tf.constant([ord(character) for character in order], tf.int32)
        places = tf.minimum(tf.searchsorted(known, points.flat_values), len(order) - 1)
        found = tf.gather(known, places) == points.flat_values
        if not self.unknown:
            tf.debugging.Assert(
                tf.reduce_all(found), ["a character does not occur in the training text"]
            )
        ids = tf.gather(tf.constant([self._of[c] for c in order], tf.int32), places)
        rows = points.with_flat_values(tf.where(found, ids, self._unknown))
        if self.length is None:
            lengths = points.row_lengths()
            tf.debugging.Assert(
                tf.reduce_all(lengths == lengths[:1]), ["the texts have different lengths"]
            )
        return rows.to_tensor(default_value=PADDING, shape=[None, self.length])

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of one sequence of ids; see ``Vocabulary``."""
        return "".join(self._characters[number] for number in self.check_ids(ids))

    def to_json(self) -> dict[str, Any]:
        """Return everything that was fitted as JSON-compatible values."""
        return {"characters": self.characters, "length": self.length, "unknown": self.unknown}

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """Make a preprocessor from the output of ``to_json``."""
        return cls(described["characters"], described["length"], described["unknown"])


class Words(Vocabulary):
    """One id per frequent word; 0 is padding and 1 any other word.

    A word is a run of letters and digits, apostrophes inside included: "don't" is one word.

    Args:
        words: all known words, each once; their ids begin at 2.
        length: ids of every encoded text.
        lower: whether texts are lower-cased.
        punctuation: whether each punctuation mark is a word; otherwise marks are ignored.

    Raises:
        AgentlabError: for no words, or duplicates.

    >>> words = Words.fit(["a fine movie", "a dull movie"], length=4)
    >>> words.words
    ['a', 'movie', 'dull', 'fine']
    >>> words.transform(["A fine day!"])
    array([[2, 5, 1, 0]], dtype=int32)
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
            raise AgentlabError(
                f"words has {len(words)} entries; it must be one or more distinct words"
            )
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
        """Fit the most frequent words of the training split.

        Args:
            texts: the training split.
            size: maximum number of ids, including those of padding and of unknown words. Ties in
                frequency are broken alphabetically.
            length: maximum words per text; see the class.
            lower: whether words are lower-cased.
            punctuation: whether punctuation marks are words, too.

        Raises:
            AgentlabError: for texts without words, or a size below 3.
        """
        if size < 3:
            raise AgentlabError(f"size={size} must be 3 or more: padding, unknown and a word")
        counts = Counter(word for text in texts for word in split_words(text, lower, punctuation))
        if not counts:
            raise AgentlabError("the training texts contain no words")
        frequent = sorted(counts, key=lambda word: (-counts[word], word))[: size - 2]
        return cls(frequent, length, lower, punctuation)

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of a whole text, neither cut nor padded."""
        return [self._of.get(word, 1) for word in split_words(text, self.lower, self.punctuation)]

    def transform_tensors(self, inputs: Any) -> Any:
        """Return the words of texts ``[n]`` as strings ``[n, time]``, padded with ""."""
        texts = tf.strings.lower(inputs, encoding="utf-8") if self.lower else inputs
        for pattern, replacement in SPLIT_MARKS if self.punctuation else SPLIT:
            texts = tf.strings.regex_replace(texts, pattern, replacement)
        return tf.strings.split(texts).to_tensor(default_value="", shape=[None, self.length])

    def inference(self, inputs: Any) -> Any:
        """Return ids, int32 ``[n, time]``, of texts; see ``Preprocessor``."""
        lookup = keras.layers.StringLookup(vocabulary=self.words, mask_token="")
        return keras.ops.cast(lookup(super().inference(inputs)), "int32")

    def decode(self, ids: Iterable[int]) -> str:
        """Return the words of one sequence of ids, joined by spaces; see ``Vocabulary``."""
        known = ["", "<unknown>", *self.words]
        return " ".join(known[number] for number in self.check_ids(ids) if number != PADDING)

    def to_json(self) -> dict[str, Any]:
        """Return everything that was fitted as JSON-compatible values."""
        return {
            "words": self.words,
            "length": self.length,
            "lower": self.lower,
            "punctuation": self.punctuation,
        }

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """Make a preprocessor from the output of ``to_json``."""
        return cls(
            described["words"], described["length"], described["lower"], described["punctuation"]
        )


def split_words(text: str, lower: bool = True, punctuation: bool = False) -> list[str]:
    """Return the words of a text, as in ``Words``."""
    return (WORD_OR_MARK if punctuation else WORD).findall(text.lower() if lower else text)
