"""``Subwords``: texts as ids of subwords, by sentencepiece."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Self

from agentlab.data.vocabulary import PADDING, Ids, Vocabulary, check_length, pad
from agentlab.errors import AgentlabError
from agentlab.lazy import keras, tf

START, END, UNKNOWN = 1, 2, 3


class Subwords(Vocabulary):
    """One id per subword, so that only characters not in the training split are unknown.

    Frequent words are one subword, rare ones several. 0 is padding, 1 the start of a sentence,
    2 its end and 3 an unknown character. Unicode is normalized (NFKC), so that decoding returns
    the text except for extra spaces and forms such as "…" for "...".

    There are no TensorFlow operations for sentencepiece: the raw inputs of an inference model are
    not texts but ids, int32 ``[n, time]``, as returned by ``transform``.

    Args:
        model: a sentencepiece model, as made by ``fit``.
        length: ids of every encoded text.

    Raises:
        AgentlabError: if ``model`` is invalid or has other ids for padding, start and end.

    >>> subwords = Subwords.fit(["a dog runs", "two dogs run"], size=20)
    >>> subwords.decode(subwords.encode("a dog runs"))
    'a dog runs'
    """

    kind = "subwords"

    def __init__(self, model: bytes, length: int | None = None) -> None:
        from sentencepiece import SentencePieceProcessor

        try:
            self._processor = SentencePieceProcessor(model_proto=model)
        except RuntimeError as error:
            raise AgentlabError("the model of subwords is damaged") from error
        p = self._processor
        if (p.pad_id(), p.bos_id(), p.eos_id(), p.unk_id()) != (PADDING, START, END, UNKNOWN):
            raise AgentlabError(
                "the model of subwords is damaged, or has other ids for padding, start and end"
            )
        check_length(length)
        self.model, self.length = model, length
        self.size: int = p.get_piece_size()

    @classmethod
    def fit(
        cls,
        texts: Iterable[str],
        size: int = 8_000,
        method: Literal["unigram", "bpe"] = "unigram",
        length: int | None = None,
    ) -> Self:
        """Fit the subwords on the training split; equal texts give equal subwords.

        Args:
            texts: sentences of the training split, of one or several languages.
            size: maximum number of ids, including the four special ones.
            method: unigram (Kudo 2018) or bpe, byte-pair encoding (Sennrich et al. 2016).
            length: see the class.

        Raises:
            AgentlabError: for texts without characters, or a size too small for all characters.
        """
        from sentencepiece import SentencePieceTrainer

        if method not in ("unigram", "bpe"):
            raise AgentlabError(f"method={method!r} must be unigram or bpe")
        texts = [text for text in texts if text.strip()]
        if not texts:
            raise AgentlabError("the training texts are empty")
        model = io.BytesIO()
        try:
            SentencePieceTrainer.train(
                sentence_iterator=iter(texts),
                model_writer=model,
                vocab_size=size,
                model_type=method,
                pad_id=PADDING,
                bos_id=START,
                eos_id=END,
                unk_id=UNKNOWN,
                character_coverage=1.0,
                hard_vocab_limit=False,
                max_sentence_length=1 << 20,  # longer sentences would be ignored silently
                num_threads=1,
                minloglevel=2,
            )
        except RuntimeError as error:
            characters = len(set().union(*texts))
            raise AgentlabError(
                f"size={size} is too small for texts of {characters} different characters"
            ) from error
        return cls(model.getvalue(), length)

    def tokenize(self, text: str, start: bool = False, end: bool = False) -> list[int]:
        """Return the ids of a whole text; see ``encode``."""
        ids: list[int] = self._processor.encode(text, add_bos=start, add_eos=end)
        return ids

    def encode(self, texts: str | Sequence[str], start: bool = False, end: bool = False) -> Ids:
        """Encode one text or several as ids; see ``Vocabulary``.

        Args:
            texts: a text or several.
            start: whether to prepend the id 1.
            end: whether to append the id 2; truncation to ``length`` removes it.
        """
        several = [texts] if isinstance(texts, str) else list(texts)
        ids = pad([self.tokenize(text, start, end) for text in several], self.length, PADDING)
        return ids[0] if isinstance(texts, str) else ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of one sequence of ids up to the first 2; see ``Vocabulary``."""
        known = self.check_ids(ids)
        known = known[: known.index(END)] if END in known else known
        text: str = self._processor.decode(known)
        return text

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """Return the subword of each id; ``▁`` marks the start of a word."""
        pieces: list[str] = self._processor.id_to_piece(self.check_ids(ids))
        return pieces

    def to_json(self) -> dict[str, Any]:
        """Return everything that was fitted as JSON-compatible values."""
        return {"model": base64.b64encode(self.model).decode("ascii"), "length": self.length}

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """Make a preprocessor from the output of ``to_json``."""
        return cls(base64.b64decode(described["model"], validate=True), described["length"])

    def inference_inputs(self) -> Any:
        """Return a ``keras.Input`` of ids, int32 ``[n, time]``; see the class."""
        return keras.Input(self.input_shape, dtype="int32", name="inputs")

    def transform_tensors(self, inputs: Any) -> Any:
        """Return an int32 tensor ``[n, time]`` of ids unchanged."""
        return tf.identity(inputs)
