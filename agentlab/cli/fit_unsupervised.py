"""``agentlab fit-unsupervised``: train an unsupervised model, or resume a run."""

from __future__ import annotations

from agentlab.cli import fit


def run(words: list[str]) -> int:
    """Train with the command line arguments ``words`` and return the exit code."""
    return fit.run(words, unsupervised=True)
