"""Renaming files and folders that are in the way of a run's own, with a warning."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from agentlab.errors import printable

FILES = (
    *(".lock", "metrics.csv", "timings.csv", "evaluations.csv", "episodes.csv"),
    *("evaluation.json", "test.json"),
)
FOLDERS = ("tensorboard", "checkpoints", "learner", "best", "plots", "videos")


def tell(line: str) -> None:
    """Print a warning to stderr."""
    print(printable(line), file=sys.stderr, flush=True)


def set_aside(path: Path, told: str) -> Path:
    """Rename a file or folder that is in the way, with a warning.

    Args:
        path: the file or folder, which gets the suffix ``.other``, repeated if necessary.
        told: why it is in the way, such as ``"is not a folder"``.

    Returns:
        Its new path.

    Raises:
        OSError: if it cannot be renamed.
    """
    aside = path.with_name(f"{path.name}.other")
    while os.path.lexists(aside):
        aside = aside.with_name(f"{aside.name}.other")
    os.rename(path, aside)
    tell(f"{path} {told}; it was renamed to {aside.name}")
    return aside


def make_way(run: Path) -> None:
    """Set aside folders where a run needs a file, and files where it needs a folder.

    Raises:
        OSError: if they cannot be renamed.
    """
    for name in FILES:
        if (run / name).is_dir():
            set_aside(run / name, "is a folder")
    for name in FOLDERS:
        if os.path.lexists(run / name) and not (run / name).is_dir():
            set_aside(run / name, "is not a folder")
