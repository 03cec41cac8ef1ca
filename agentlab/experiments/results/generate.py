"""Samples from a generative model."""

from __future__ import annotations

from pathlib import Path

from agentlab.errors import InvalidArgument
from agentlab.experiments.results.loading import load_with
from agentlab.experiments.results.writing import write_examples


def generate(path: Path | str, out: Path | str, n: int = 64, seed: int = 0) -> Path:
    """Write samples from a model: images to one PNG file, tabular data to a CSV file.

    Args:
        path: the folder of a run or of a saved learner with ``sample``.
        out: the file to write.
        n: number of samples.
        seed: of the samples.

    Returns:
        The file.

    Raises:
        AgentlabError: for ``n`` below 1, another suffix, or a learner that cannot sample.
    """
    if n < 1:
        raise InvalidArgument(f"n={n} must be 1 or more")
    learner = load_with(path, "sample", "generate examples; train a VAE or a GAN, for example")
    return write_examples(out, learner.sample(n, seed=seed))
