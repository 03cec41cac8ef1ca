"""The parts that data are dealt into, and which of them memory has room for."""

from __future__ import annotations

from collections.abc import Sequence

from agentlab.errors import AgentlabError

PARTS = ("training", "validation", "test")
MEMORY = 512_000_000  # bytes that data may take unless something else is asked


def check_shares(seed: int, validation: float, test: float) -> None:
    """Check what data are dealt by.

    Raises:
        AgentlabError: for a negative seed, or shares that leave nothing to train on.
    """
    if seed < 0:
        raise AgentlabError(f"seed={seed} must be 0 or more")
    for name, share in (("validation", validation), ("test", test)):
        if not 0 <= share < 1:
            raise AgentlabError(f"{name}={share} must be a share of the data, from 0 to below 1")
    if validation + test >= 1:
        raise AgentlabError(
            f"validation={validation} and test={test} leave nothing to train on; lower one"
        )


def choose_kept(sizes: Sequence[int], memory: int) -> list[int]:
    """Return which parts ``memory`` has room for, the small ones first.

    Args:
        sizes: of each part, in bytes; parts of 0 do not exist.
        memory: bytes.
    """
    kept: list[int] = []
    for part in sorted(range(len(sizes)), key=sizes.__getitem__):
        if sizes[part] and sum(sizes[i] for i in kept) + sizes[part] <= memory:
            kept.append(part)
    return kept


def say_sizes(sizes: Sequence[int]) -> str:
    """Return how large each part is, in words."""
    named = zip(PARTS, sizes, strict=True)
    return ", ".join(f"{size:,} for {name}" for name, size in named if size)
