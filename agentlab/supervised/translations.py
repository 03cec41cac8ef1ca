"""Checks of sentence pairs, and metrics of translations."""

from __future__ import annotations

from collections.abc import Sequence

from agentlab.errors import InvalidArgument

Languages = tuple[Sequence[str], Sequence[str]]


def scores(translated: Sequence[str], true: Sequence[str]) -> dict[str, float]:
    """Return the corpus scores ``bleu`` (Papineni et al. 2002) and ``chrf`` (Popović 2015)."""
    from sacrebleu import corpus_bleu, corpus_chrf

    references = [list(true)]
    return {
        "bleu": corpus_bleu(list(translated), references).score,
        "chrf": corpus_chrf(list(translated), references).score,
    }


def paired(sources: Sequence[str], targets: Sequence[str]) -> Languages:
    """Return lists of sentences and translations, after a check of lengths and types."""
    sources, targets = list(sources), list(targets)
    if len(sources) != len(targets) or not sources:
        raise InvalidArgument(
            f"sources has {len(sources)} sentences and targets has {len(targets)}; both must have "
            "the same number, at least 1"
        )
    for name, texts in (("sources", sources), ("targets", targets)):
        for row, text in enumerate(texts):
            if not isinstance(text, str) or not text.strip():
                raise InvalidArgument(f"{name}[{row}]={text!r} must be a sentence")
    return sources, targets


def markdown(rows: Sequence[tuple[str, str, str]]) -> str:
    """Return a table of sentences with their true and predicted translations."""
    table = ["| source | true | translated |", "|---|---|---|"]
    return "\n".join([*table, *("| " + " | ".join(row) + " |" for row in rows)])
