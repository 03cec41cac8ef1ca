"""What the commands print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentlab.config import flag_of, format_value
from agentlab.errors import printable


def show(what: str, value: object) -> None:
    """Print a value beside its name."""
    print(printable(f"{what:<12}{value}"), flush=True)


def print_settings(values: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    """Print every setting, its value and where the value comes from."""
    rows = [
        (flag_of(name)[2:], printable(format_value(value)), origins.get(name, "default"))
        for name, value in values.items()
    ]
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    for name, value, origin in rows:
        print(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}")
