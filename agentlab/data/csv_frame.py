"""Whole CSV files as a DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentlab.data.csv_files import CSVFiles
from agentlab.data.csv_form import Source
from agentlab.errors import AgentlabError


def read_frame(
    source: Source,
    decimal: str | None = None,
    missing: Sequence[str] = (),
    encoding: str | None = None,
) -> Any:
    """Return the rows of CSV files as a pandas DataFrame.

    Args:
        source: a CSV file, a folder of them, or several with the same columns.
        decimal: as for ``CSVFiles``.
        missing: as for ``CSVFiles``.
        encoding: as for ``CSVFiles``.

    Raises:
        AgentlabError: for missing or damaged files, or files without rows.
    """
    import pandas as pd

    files = CSVFiles(source, decimal=decimal, missing=missing, encoding=encoding)
    frames = [chunk.frame for chunk in files.chunks(dict.fromkeys(files.names))]
    if not sum(map(len, frames)):
        raise AgentlabError(f"{files.paths[0]} has no rows below its header")
    return pd.concat(frames, ignore_index=True)
