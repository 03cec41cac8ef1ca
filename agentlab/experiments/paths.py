"""Paths in the settings of a run, which is resumed from any folder."""

from __future__ import annotations

from pathlib import Path


def absolute(path: str) -> str:
    """Return the absolute path of a file or folder that exists; other texts as they are."""
    return str(Path(path).absolute()) if path and Path(path).exists() else path
