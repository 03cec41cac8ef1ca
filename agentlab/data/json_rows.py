"""Rows of a table as JSON: an object on each line, or a list of objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agentlab.data.encodings import encoding_of, undecodable
from agentlab.errors import AgentlabError
from agentlab.runs.reading import read_bytes

SUFFIXES = (".jsonl", ".ndjson", ".json")
MAX_BYTES = 1 << 28


def is_json(source: Any) -> bool:
    """Return whether a source is a file of JSON rows, by its name."""
    return isinstance(source, str | Path) and str(source).lower().endswith(SUFFIXES)


def is_json_lines(path: str) -> bool:
    """Return whether a path has the suffix of a JSON Lines file."""
    return path.lower().endswith(SUFFIXES[:2])


def read_json_rows(path: str) -> Any:
    """Return the rows of a file as a DataFrame.

    Raises:
        AgentlabError: for a file that cannot be read, or a row that is not an object.
    """
    import pandas as pd

    try:
        content = read_bytes(path, MAX_BYTES)
        text = content.decode(encoding_of(content[:4])).strip()
    except UnicodeError as error:
        raise undecodable(path, error) from None
    except OSError as error:
        raise AgentlabError(f"{path} cannot be read: {error.strerror}") from error
    rows: list[Any] = []
    try:
        if text.startswith("["):
            rows = json.loads(text)
        else:
            rows = [json.loads(line) for line in text.split("\n") if line.strip()]
    except (ValueError, RecursionError) as error:
        raise AgentlabError(f"{path} contains a row that is not JSON: {error}") from None
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise AgentlabError(f"{path}, row {number} must be a JSON object with named columns")
    if not rows:
        raise AgentlabError(f"{path} has no rows")
    return pd.DataFrame(rows)
