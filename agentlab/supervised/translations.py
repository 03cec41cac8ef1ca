"""Sentences and their translations: whether they belong together, and how good they are."""

from __future__ import annotations

from collections.abc import Sequence

from agentlab.errors import InvalidArgument

Languages = tuple[Sequence[str], Sequence[str]]


def scores(translated: Sequence[str], true: Sequence[str]) -> dict[str, float]:
    """Return ``bleu`` (Papineni et al. 2002) and ``chrf`` (Popović 2015) of a whole text."""
    from sacrebleu import corpus_bleu, corpus_chrf

    references = [list(true)]
    return {
        "bleu": corpus_bleu(list(translated), references).score,
        "chrf": corpus_chrf(list(translated), references).score,
    }


def paired(sources: Sequence[str], targets: Sequence[str]) -> Languages:
    """Return sentences and their translations, after a check that they belong together."""
    sources, targets = list(sources), list(targets)
    if len(sources) != len(targets) or not sources:
        raise InvalidArgument(
            f"there are {len(sources)} sources and {len(targets)} targets; "
            "each sentence needs its translation"
        )
    for name, texts in (("sources", sources), ("targets", targets)):
        for row, text in enumerate(texts):
            if not isinstance(text, str) or not text.strip():
                raise InvalidArgument(f"{name}[{row}] is {text!r}, but must be a sentence")
    return sources, targets
