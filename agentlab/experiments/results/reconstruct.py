"""Reconstructions of inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from agentlab.experiments.results.loading import load_with, read_inputs
from agentlab.experiments.results.writing import are_images, write_examples, write_images


def reconstruct(
    path: Path | str, source: str, out: Path | str, n: int = 16, encoding: str | None = None
) -> Path:
    """Write reconstructions: of images, below the originals in a PNG file; of tables, as CSV.

    Args:
        path: the folder of a run or of a saved learner with ``reconstruct``.
        source: the inputs, see ``read_inputs``.
        out: the file to write.
        n: maximum number of images to show; all rows of a table are written.
        encoding: of a CSV file of inputs; ``None`` infers it.

    Returns:
        The file.

    Raises:
        AgentlabError: for another suffix, an unsuitable learner or unreadable inputs.
    """
    learner = load_with(path, "reconstruct", "reconstruct inputs")
    inputs = read_inputs(learner, source, encoding)
    if are_images(inputs):
        inputs = inputs[:n]
    found = np.asarray(learner.reconstruct(inputs))
    if not are_images(found):
        return write_examples(out, found)
    shown = np.asarray(inputs).reshape(found.shape)
    return write_images(out, np.concatenate([shown, found]), len(found))
