"""Codes of inputs, in a file."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from agentlab.errors import AgentlabError
from agentlab.experiments.results.loading import load_with, read_inputs
from agentlab.runs.files import reporting, write_arrays, write_text

SUFFIXES = (".npz", ".csv")


def encode(path: Path | str, source: str, out: Path | str, encoding: str | None = None) -> Path:
    """Write the codes of the inputs in a file.

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
    out = Path(out)
    if out.suffix not in SUFFIXES:
        raise AgentlabError(f"out={str(out)!r} must end in {' or '.join(SUFFIXES)}")
    learner = load_with(path, "encode", "encode inputs")
    codes = np.asarray(learner.encode(read_inputs(learner, source, encoding)))
    with reporting(f"out={str(out)!r} cannot be written"):
        if out.suffix == ".npz":
            write_arrays(out, {"codes": codes})
        else:
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow([f"code_{i + 1}" for i in range(codes.shape[1])])
            writer.writerows([f"{value:.6g}" for value in row] for row in codes)
            write_text(out, text.getvalue())
    return out
