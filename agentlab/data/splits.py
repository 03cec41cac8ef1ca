"""Splits of a data set: checks of their fractions, and which of them fit into memory."""

from __future__ import annotations

from collections.abc import Sequence

from agentlab.errors import AgentlabError

SPLITS = ("training", "validation", "test")
MEMORY_BUDGET = 512_000_000  # bytes for decoded data by default


def check_fractions(seed: int, validation: float, test: float) -> None:
    """Check the seed and the fractions of a split.

    Raises:
        AgentlabError: for a negative seed, or fractions that leave no training data.
    """
    if seed < 0:
        raise AgentlabError(f"seed={seed} must be 0 or more")
    for name, fraction in (("validation", validation), ("test", test)):
        if not 0 <= fraction < 1:
            raise AgentlabError(
                f"{name}={fraction} must be a fraction of the data, at least 0 and less than 1"
            )
    if validation + test >= 1:
        raise AgentlabError(f"validation={validation} and test={test} must sum to less than 1")


def choose_kept(sizes: Sequence[int], memory_budget: int) -> list[int]:
    """Return the indices of the splits that fit into ``memory_budget``, the smallest first.

    Args:
        sizes: size of each split in bytes; splits of 0 bytes do not exist.
        memory_budget: bytes.

    >>> choose_kept([700, 100, 200], 400)
    [1, 2]
    """
    kept: list[int] = []
    for part in sorted(range(len(sizes)), key=sizes.__getitem__):
        if sizes[part] and sum(sizes[i] for i in kept) + sizes[part] <= memory_budget:
            kept.append(part)
    return kept


def say_sizes(sizes: Sequence[int]) -> str:
    """Return the size of each split, in words."""
    named = zip(SPLITS, sizes, strict=True)
    return ", ".join(f"{size:,} for {name}" for name, size in named if size)
