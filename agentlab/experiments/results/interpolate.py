"""Latent interpolation between two images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.experiments.results.loading import load_with, read_inputs
from agentlab.experiments.results.writing import write_examples


def interpolate(
    path: Path | str, first: str, second: str, out: Path | str, steps: int = 10
) -> Path:
    """Write what a model decodes along the line between the codes of two inputs.

    A learner with a method ``between``, such as a GAN, chooses another path.

    Args:
        path: the folder of a run or of a saved learner with ``encode`` and ``decode``.
        first: an image, or a CSV file with one row.
        second: likewise.
        out: the file to write.
        steps: number of images, including the first and the last.

    Returns:
        The file.

    Raises:
        AgentlabError: for fewer than 2 steps, several inputs, or an unsuitable learner.
    """
    if steps < 2:
        raise InvalidArgument(f"steps={steps} must be 2 or more")
    learner = load_with(path, "decode", "interpolate between inputs")
    codes = []
    for source in (first, second):
        inputs = read_inputs(learner, source)
        if len(inputs) != 1:
            raise AgentlabError(
                f"{source} has {len(inputs)} examples; pass two files with one each"
            )
        codes.append(np.asarray(learner.encode(inputs))[0])
    if hasattr(learner, "between"):
        between = learner.between(*codes, steps)
    else:
        between = np.linspace(codes[0], codes[1], steps, dtype=np.float32)  # [steps, code_size]
    return write_examples(out, learner.decode(between), steps)
