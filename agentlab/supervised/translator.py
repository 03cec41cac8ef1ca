"""``Translator``: neural machine translation, recurrent or by a Transformer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from agentlab.config import option
from agentlab.data import Batch, Batches, split_indices
from agentlab.data.sentence_pairs import SentencePairs
from agentlab.data.subwords import START, Subwords
from agentlab.data.text_files import lines_of, text_of
from agentlab.data.vocabulary import Ids
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import tf
from agentlab.runs import Run
from agentlab.supervised.translations import Languages, markdown, paired, scores
from agentlab.training.callbacks import Callback
from agentlab.training.losses import cross_entropy
from agentlab.training.optimization import Optimization
from agentlab.training.presented import Table
from agentlab.training.trainer import Trainer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AT_A_TIME, SHOWN = 64, 4  # sentences translated in one batch, and shown in plots and texts


@dataclass(frozen=True)
class TranslatorConfig(Optimization):
    """Hyperparameters of ``translator``."""

    net: Literal["luong", "bahdanau", "none", "transformer"] = option(
        "luong", "a recurrent net with this attention or with none, or a transformer"
    )
    units: int = option(256, "units per layer, total over both directions and all heads", ge=1)
    layers: int = option(1, "layers of the encoder and of the decoder", ge=1)
    cell: Literal["gru", "lstm", "peephole", "simple"] = option("gru", "cell of a recurrent net")
    bidirectional: bool = option(True, "whether a recurrent net's encoder is bidirectional")
    embedding: int = option(256, "dimensions of a recurrent net's token embedding", ge=1)
    heads: int = option(4, "attention heads of a transformer", ge=1)
    feed_forward: int = option(512, "units of a transformer's feed-forward layers", ge=1)
    dropout: float = option(0.2, "dropout rate", ge=0, lt=1)
    vocabulary: int = option(6000, "maximum size of the subword vocabulary", ge=1)
    joint: bool = option(True, "whether both languages share subwords and embedding")
    tied: bool = option(
        True, "whether the output layer shares its weights with the target embedding"
    )
    max_length: int = option(128, "maximum subwords per sentence, end token included", ge=2)
    label_smoothing: float = option(
        0.1, "label smoothing: fraction of each target spread over all subwords", ge=0, lt=1
    )
    bleu_every: int = option(1, "epochs between BLEU evaluations; 0 for none", ge=0)
    bleu_sentences: int = option(
        300, "validation sentences of a BLEU evaluation, decoded greedily", ge=1
    )
    length_penalty: float = option(0.6, "exponent of the length penalty of beam search", ge=0)


class Translator(Trainer):
    """Minimizes the cross-entropy of each subword of the translation, given the previous ones.

    Attributes:
        preprocessor: the subwords of the source language.
    """

    name = "translator"
    Config: ClassVar[type] = TranslatorConfig
    score_metric = "bleu"
    data_keys = ("preprocessor", "target")
    config: TranslatorConfig
    preprocessor: Subwords | None
    _target: Subwords | None = None
    _held_out: Languages | None = None

    @property
    def target_tokenizer(self) -> Subwords | None:
        """The subwords of the target language; the same object as ``preprocessor`` if shared."""
        return self._target or self.preprocessor

    @property
    def _tokenizers(self) -> tuple[Subwords, Subwords]:
        assert self.preprocessor is not None
        return self.preprocessor, self._target or self.preprocessor

    def fit(  # type: ignore[override]
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        *,
        validation_data: Languages | None = None,
        run: Run | None = None,
        quiet: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train the network.

        Args:
            sources: sentences.
            targets: their translations.
            validation_data: ``(sources, targets)``; ``None`` holds out ``validation_split``.
            run: saves metrics and checkpoints; training resumes from its newest checkpoint.
            quiet: show no progress.
            callbacks: called during training.

        Raises:
            AgentlabError: for lists of different lengths, or a sentence that is empty or longer
                than ``max_length``.
        """
        sources, targets = paired(sources, targets)
        if validation_data is None and self.config.validation_split:
            fractions = (1 - self.config.validation_split, self.config.validation_split)
            rows, held = split_indices(len(sources), fractions, self.seed)
            validation_data = [sources[i] for i in held], [targets[i] for i in held]
            sources, targets = [sources[i] for i in rows], [targets[i] for i in rows]
        self._learn_subwords(sources, targets)
        train = self._pairs(sources, targets)
        held_out = None
        if validation_data is not None:
            self._held_out = paired(*validation_data)
            held_out = self._pairs(*self._held_out).by_length()
        return self.train(train, held_out, run, quiet, callbacks)

    def _learn_subwords(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        size = self.config.vocabulary
        if self.config.joint:
            self.preprocessor, self._target = Subwords.fit([*sources, *targets], size, "bpe"), None
        else:
            learned = (Subwords.fit(texts, size, "bpe") for texts in (sources, targets))
            self.preprocessor, self._target = learned

    def build(self, data: Batches) -> None:
        """Build the network that the configuration names, for the fitted subwords."""
        config = self.config
        source, target = self._tokenizers
        common: dict[str, Any] = {
            "source_vocabulary": source.size,
            "target_vocabulary": target.size,
            "layers": config.layers,
            "dropout": config.dropout,
            "shared": config.joint,
            "tied": config.tied,
            "seed": self.seed,
        }
        if config.net == "transformer":
            from agentlab.nets.transformer import Transformer

            common |= {"width": config.units, "heads": config.heads, "limit": config.max_length}
            self.net = Transformer(**common, feed_forward=config.feed_forward)
        else:
            from agentlab.nets.seq2seq import Seq2Seq

            common |= {"embedding": config.embedding, "units": config.units, "cell": config.cell}
            self.net = Seq2Seq(**common, attention=config.net, bidirectional=config.bidirectional)
        self.net.build(((None, None), (None, None)))

    def _pairs(self, sources: Sequence[str], targets: Sequence[str]) -> SentencePairs:
        source, target = self._tokenizers
        ids = self._ids("sources", sources, source), self._ids("targets", targets, target)
        return SentencePairs(*ids)

    def _ids(self, name: str, texts: Sequence[str], tokenizer: Subwords) -> Ids:
        """Return ids with end tokens, int32 ``[n, time]``, after a check of ``max_length``."""
        ids, limit = tokenizer.encode(texts, end=True), self.config.max_length
        if ids.shape[1] > limit:
            row = int((ids != 0).sum(axis=1).argmax())
            raise AgentlabError(
                f"{name}[{row}] has {(ids[row] != 0).sum()} subwords, more than "
                f"max_length={limit}: {texts[row][:40]!r}..."
            )
        return ids

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        """Return ``loss`` of each subword (nats), ``[b, time]``, and smoothed ``objective``."""
        logits = self.forward(batch.inputs, training)  # [b, time, vocabulary]
        smoothed = cross_entropy(logits, batch.targets, self.config.label_smoothing)
        return {"loss": cross_entropy(logits, batch.targets), "objective": smoothed}

    def predict(self, texts: str | Sequence[str], beam: int = 5) -> list[str]:
        """Translate sentences by beam search.

        Args:
            texts: a sentence or a list of sentences.
            beam: number of hypotheses; 1 is greedy decoding.

        Raises:
            AgentlabError: for a sentence that is longer than ``max_length``.
        """
        self.check_fitted()
        source, target = self._tokenizers
        texts = [texts] if isinstance(texts, str) else list(texts)
        if beam < 1:
            raise InvalidArgument(f"beam={beam} must be 1 or more")
        ids = self._ids("texts", texts, source)
        lengths = (ids != 0).sum(axis=1)
        order, search = np.argsort(lengths, kind="stable"), self._search(beam)
        translated = [""] * len(texts)
        for start in range(0, len(order), AT_A_TIME):
            rows = order[start : start + AT_A_TIME]
            longest = int(lengths[rows].max())
            limit = min(self.config.max_length, 2 * longest + 10)
            for row, tokens in zip(rows, search(ids[rows, :longest], limit).numpy(), strict=True):
                if texts[row].strip():
                    translated[row] = target.decode(tokens)
        return translated

    def _search(self, beam: int) -> Any:
        """Return the compiled beam search, from source ids and a limit to int32 ``[n, time]``."""
        from agentlab.nets.decoding import beam_search, compiled, greedy

        def best(net: Any, source_ids: Any, limit: Any) -> Any:
            found = beam_search(net, source_ids, limit, beam, self.config.length_penalty)
            return found.tokens[:, 0]

        return self.compiled(
            ("search", beam), lambda: compiled(greedy if beam == 1 else best, self.net)
        )

    def inference_model(self) -> Any:
        """Return a Keras model from source ids to greedy translations; see ``greedy_model``."""
        from agentlab.nets.decoding import greedy_model

        self.check_fitted()
        return greedy_model(self.net)

    def tabulate(
        self, source: str, *, beam: int = 5, encoding: str | None = None, **options: Any
    ) -> Table:
        """Return a sentence, or the lines of a file, with their translations."""
        lines = lines_of(text_of(source, encoding))
        pairs = zip(lines, self.predict(lines, beam), strict=True)
        return ["text", "prediction"], [[text, translated] for text, translated in pairs]

    def format_prediction(self, source: str, **options: Any) -> list[str]:
        """Return the translations of a sentence, or of a file with one sentence per line."""
        return [translated for _, translated in self.tabulate(source, **options)[1]]

    def evaluate(
        self, sources: Sequence[str], targets: Sequence[str], beam: int = 5
    ) -> dict[str, float]:
        """Evaluate translations against references.

        Returns:
            The corpus scores ``bleu`` and ``chrf`` (0 to 100), by sacreBLEU on cased, detokenized
            text (Post 2018), and ``loss``, nats per subword without label smoothing.
        """
        self.check_fitted()
        sources, targets = paired(sources, targets)
        loss = self.evaluate_batches(self._pairs(sources, targets).by_length())
        return {**scores(self.predict(sources, beam), targets), **loss}

    def epoch_end(self, epoch: int, run: Run | None) -> dict[str, float]:
        """Compute BLEU on some validation sentences, and show translations in TensorBoard."""
        every, some = self.config.bleu_every, self.config.bleu_sentences
        if not every or epoch % every or self._held_out is None:
            return {}
        sources, targets = (part[:some] for part in self._held_out)
        translated = self.predict(sources, beam=1)
        if run is not None:
            rows = list(zip(sources, targets, translated, strict=True))[:SHOWN]
            run.text("translations", epoch, markdown(rows))
        return {"validation/bleu": scores(translated, targets)["bleu"]}

    def plots(self, sources: Sequence[str], targets: Sequence[str]) -> dict[str, Figure]:
        """Plot the attention weights of some sentences, if the network has attention."""
        from agentlab.plots.matrices import attention_map

        self.check_fitted()
        if self.config.net == "none":
            return {}
        drawn, tokenizers = {}, self._tokenizers
        ids = tf.TensorSpec((None, None), tf.int32)
        attention = tf.function(lambda *ids: self.net.attention(ids), input_signature=[ids, ids])
        for number, source in enumerate(sources[:SHOWN], 1):
            texts = source, self.predict(source)[0]
            read, written = (e.encode(t, end=True) for e, t in zip(tokenizers, texts, strict=True))
            shifted = np.concatenate([[START], written[:-1]]).astype(np.int32)
            weights = attention(read[None], shifted[None]).numpy()[0]
            names = (e.pieces(ids) for e, ids in zip(tokenizers, (read, written), strict=True))
            drawn[f"attention_{number}"] = attention_map(weights, *names)
        return drawn

    def specification(self) -> dict[str, Any]:
        """Return the fitted state other than weights: the subwords."""
        target = None if self._target is None else self._target.to_json()
        return {**super().specification(), "target": target}

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Make a translator from its ``specification``."""
        trainer = super().from_specification(specification, config, seed, models)
        target = specification["target"]
        trainer._target = None if target is None else Subwords.from_json(target)
        return trainer
