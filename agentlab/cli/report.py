"""Output of the commands."""

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
    """Print a name and a value, above the progress bar if there is one."""
    tqdm.write(printable(f"{what:<12}{value}"))
    sys.stdout.flush()


def show_run(path: Path) -> None:
    """Print the run's folder, and the TensorBoard command that monitors it."""
    show("run", path)
    show("monitor", f"tensorboard --logdir {shlex.quote(str(path.parent))}")


def print_settings(values: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    """Print the name, value and origin of every setting."""
    rows = [
        (flag_of(name)[2:], printable(format_value(value)), origins.get(name, "default"))
        for name, value in values.items()
    ]
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    for name, value, origin in rows:
        print(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}")
