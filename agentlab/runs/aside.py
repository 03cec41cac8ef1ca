"""Files and folders that are in the way of a run's own: renamed, and told."""

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
    """Rename an entry that is in the way, and say so.

    Args:
        path: the entry, which gets the suffix ``.other``, repeated if necessary.
        told: why it is in the way, such as ``"is no folder"``.

    Returns:
        Its new path.

    Raises:
        OSError: if it cannot be renamed.
    """
    aside = path.with_name(f"{path.name}.other")
    while os.path.lexists(aside):
        aside = aside.with_name(f"{aside.name}.other")
    os.rename(path, aside)
    tell(f"{path} {told}, and was renamed to {aside.name}")
    return aside


def make_way(run: Path) -> None:
    """Set aside folders in a run that have the name of a file of it, and the reverse.

    Raises:
        OSError: if they cannot be renamed.
    """
    for name in FILES:
        if (run / name).is_dir():
            set_aside(run / name, "is a folder")
    for name in FOLDERS:
        if os.path.lexists(run / name) and not (run / name).is_dir():
            set_aside(run / name, "is no folder")
