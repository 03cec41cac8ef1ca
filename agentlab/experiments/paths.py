"""Paths in the settings of a run, which can be resumed from any working directory."""

from __future__ import annotations

from pathlib import Path


def absolute(path: str) -> str:
    """Return the absolute path of an existing file or folder; other strings are returned as is."""
    return str(Path(path).absolute()) if path and Path(path).exists() else path


def in_home(path: str) -> str:
    """Return a path with the home folder in place of ``~``, which shells keep in quotes."""
    return str(Path(path).expanduser()) if path.startswith("~/") else path
