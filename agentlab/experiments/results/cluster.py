"""Writing the clusters of inputs to a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from agentlab.data.image_files import find_images
from agentlab.experiments.results.loading import load_with, read_inputs
from agentlab.experiments.results.writing import check_suffix, write_table


def cluster(
    path: Path | str, source: str, out: Path | str, encoding: str | None = None
) -> dict[int, int]:
    """Write the cluster of each input, and its distance to the center, to a CSV file.

    Args:
        path: the folder of a run or of a saved learner with ``clusters``.
        source: the inputs, see ``read_inputs``.
        out: the CSV file.
        encoding: of a CSV file of inputs; ``None`` infers it.

    Returns:
        The number of inputs in each cluster.

    Raises:
        AgentlabError: for an unsuitable learner, unreadable inputs, or another suffix of ``out``.
    """
    check_suffix(out, (".csv",))
    learner = load_with(path, "clusters", "cluster inputs")
    found, distances = learner.clusters(read_inputs(learner, source, encoding))
    files = find_images(Path(source)) if Path(source).is_dir() else []
    names = [str(file) for file in files] or [str(i + 1) for i in range(len(found))]
    write_table(out, ["input", "cluster", "distance"], zip(names, found, distances, strict=True))
    numbers, counts = np.unique(found, return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))
