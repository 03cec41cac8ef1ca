"""Writing the codes of inputs to a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from agentlab.experiments.results.loading import load_with, read_inputs
from agentlab.experiments.results.writing import check_suffix, write_table
from agentlab.runs.files import reporting, write_arrays


def encode(path: Path | str, source: str, out: Path | str, encoding: str | None = None) -> Path:
    """Write the codes of inputs to a file.

    Args:
        path: the folder of a run or of a saved learner with ``encode``.
        source: the inputs, see ``read_inputs``.
        out: the file to write: ``.npz`` with an array ``codes``, or ``.csv``.
        encoding: of a CSV file of inputs; ``None`` infers it.

    Returns:
        The file.

    Raises:
        AgentlabError: for another suffix, an unsuitable learner or unreadable inputs.
    """
    file = check_suffix(out, (".npz", ".csv"))
    learner = load_with(path, "encode", "encode inputs")
    codes = np.asarray(learner.encode(read_inputs(learner, source, encoding)))
    if file.suffix.lower() == ".csv":
        return write_table(file, [f"code_{i + 1}" for i in range(codes.shape[1])], codes)
    with reporting(f"out={str(out)!r} cannot be written"):
        write_arrays(file, {"codes": codes})
    return file
