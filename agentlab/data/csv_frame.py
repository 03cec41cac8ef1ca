"""Whole CSV files as a DataFrame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentlab.data.csv_files import CSVFiles
from agentlab.data.csv_form import Source
from agentlab.errors import AgentlabError


def read_frame(
    source: Source,
    decimal: str | None = None,
    missing: Sequence[str] = (),
    encoding: str | None = None,
    kinds: Mapping[str, str] | None = None,
) -> Any:
    """Return the rows of CSV files as a pandas DataFrame.

    Args:
        source: a CSV file, a folder of them, or several with the same columns.
        decimal: as for ``CSVFiles``.
        missing: as for ``CSVFiles``.
        encoding: as for ``CSVFiles``.
        kinds: ``number``, ``category`` or ``drop`` by column; ``None`` infers them. Codes with
            leading zeros are categories.

    Raises:
        AgentlabError: for an unknown kind or column, missing or damaged files, or files without
            rows.
    """
    import pandas as pd

    files = CSVFiles(source, decimal=decimal, missing=missing, encoding=encoding)
    kinds = kinds or {}
    files.need(list(kinds))
    for name, kind in kinds.items():
        if kind not in ("number", "category", "drop"):
            raise AgentlabError(
                f"--kind {name}={kind} has no effect here; it must be number, category or drop"
            )
    types: dict[str, type | None] = {
        name: None for name in files.names if kinds.get(name) != "drop"
    }
    written = {name for name, width in files.widths.items() if width == 1} - kinds.keys()
    written |= {name for name, kind in kinds.items() if kind == "category"}
    types |= {
        name: float if kind == "number" else str for name, kind in kinds.items() if name in types
    }
    types |= dict.fromkeys(written, str)
    frames = [chunk.frame for chunk in files.chunks(types)]
    if not sum(map(len, frames)):
        raise AgentlabError(f"{files.paths[0]} has no rows below its header")
    return pd.concat(frames, ignore_index=True)
