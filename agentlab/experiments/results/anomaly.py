"""Anomaly scores of inputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agentlab.data.batches import Array
from agentlab.data.image_files import find_images
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.experiments.results.loading import load_with, read_inputs
from agentlab.experiments.results.writing import write_table


@dataclass(frozen=True)
class Anomalies:
    """Anomaly scores of inputs.

    Attributes:
        names: names of the inputs: file names or row numbers.
        scores: float ``[n]``; higher means less like the training data.
        threshold: the given quantile of the scores of the held-out part of the training data.
    """

    names: list[str]
    scores: Array
    threshold: float

    @property
    def above(self) -> Array:
        """Whether each score is above the threshold, ``[n]``."""
        return np.asarray(self.scores > self.threshold)


def anomalies(
    path: Path | str, source: str, quantile: float = 0.99, encoding: str | None = None
) -> Anomalies:
    """Return the anomaly score of each input, and the threshold.

    Args:
        path: the folder of a run or of a saved learner with ``anomaly_scores``.
        source: the inputs, see ``read_inputs``.
        quantile: the fraction of the held-out part whose scores are below the threshold.
        encoding: of a CSV file of inputs; ``None`` infers it.

    Raises:
        AgentlabError: for an unsuitable learner, quantile or source.
    """
    if not 0 < quantile < 1:
        raise InvalidArgument(f"quantile={quantile} must be between 0 and 1")
    learner: Any = load_with(path, "anomaly_scores", "score anomalies")
    scores = np.asarray(learner.anomaly_scores(read_inputs(learner, source, encoding)))
    known = learner.error_quantiles
    if known is None:
        raise AgentlabError(f"{str(path)!r} has no anomaly scores of held-out data; train it again")
    threshold = float(np.quantile(known, quantile))
    folder = Path(source).is_dir() and find_images(Path(source))
    names = [str(file) for file in folder] if folder else [str(i + 1) for i in range(len(scores))]
    if len(names) == 1:
        names = [source]
    return Anomalies(names, scores, threshold)


def write_anomalies(found: Anomalies, out: Path | str) -> Path:
    """Write the scores as a CSV file: the input, its score, and whether it is an anomaly."""
    words = np.where(found.above, "yes", "no")
    rows = zip(found.names, found.scores, words, strict=True)
    return write_table(out, ["input", "score", "anomaly"], rows)
