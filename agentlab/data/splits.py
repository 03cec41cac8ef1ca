"""The splits of a data set, and which of them fit into memory."""

from __future__ import annotations

from collections.abc import Sequence

from agentlab.errors import AgentlabError

SPLITS = ("training", "validation", "test")
MEMORY_BUDGET = 512_000_000  # bytes for decoded data by default


def check_fractions(seed: int, validation: float, test: float) -> None:
    """Check the seed and the fractions of a split.

    Raises:
        AgentlabError: for a negative seed, or fractions that leave nothing to train on.
    """
    if seed < 0:
        raise AgentlabError(f"seed={seed} must be 0 or more")
    for name, fraction in (("validation", validation), ("test", test)):
        if not 0 <= fraction < 1:
            raise AgentlabError(
                f"{name}={fraction} must be a fraction of the data, from 0 to below 1"
            )
    if validation + test >= 1:
        raise AgentlabError(
            f"validation={validation} and test={test} leave nothing to train on; lower one"
        )


def choose_kept(sizes: Sequence[int], memory_budget: int) -> list[int]:
    """Return which parts ``memory_budget`` has room for, the small ones first.

    Args:
        sizes: of each part, in bytes; parts of 0 do not exist.
        memory_budget: bytes.
    """
    kept: list[int] = []
    for part in sorted(range(len(sizes)), key=sizes.__getitem__):
        if sizes[part] and sum(sizes[i] for i in kept) + sizes[part] <= memory_budget:
            kept.append(part)
    return kept


def say_sizes(sizes: Sequence[int]) -> str:
    """Return how large each part is, in words."""
    named = zip(SPLITS, sizes, strict=True)
    return ", ".join(f"{size:,} for {name}" for name, size in named if size)
