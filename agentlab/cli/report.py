"""What the commands print."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from agentlab.config import flag_of, format_value
from agentlab.errors import printable


def show(what: str, value: object) -> None:
    """Print a value beside its name, above a progress line where there is one."""
    tqdm.write(printable(f"{what:<12}{value}"))
    sys.stdout.flush()


def show_run(path: Path) -> None:
    """Print where a run is recorded, and how to watch it."""
    show("run", path)
    show("watch it", f"tensorboard --logdir {shlex.quote(str(path.parent))}")


def print_settings(values: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    """Print every setting, its value and where the value comes from."""
    rows = [
        (flag_of(name)[2:], printable(format_value(value)), origins.get(name, "default"))
        for name, value in values.items()
    ]
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    for name, value, origin in rows:
        print(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}")
