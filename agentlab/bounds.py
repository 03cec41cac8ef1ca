"""The bounds of options: their check, and how messages state them."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Mapping
from typing import Any

from agentlab.errors import InvalidArgument

BOUNDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def check_bounds(field: dataclasses.Field[Any], value: Any) -> None:
    """Raise ``InvalidArgument`` if ``value`` is outside the bounds of ``field``."""
    bounds = field.metadata.get("bounds", {})
    for item in value if isinstance(value, tuple) else (value,):
        if not isinstance(item, int | float) or _within(item, bounds):
            continue
        each = "each item of " if isinstance(value, tuple) else ""
        none = ", or none" if "None" in str(field.type) and not each else ""
        raise InvalidArgument(f"{each}{field.name}={value} must be {_in_words(bounds)}{none}")


def _within(value: float, bounds: Mapping[str, float]) -> bool:
    tests = {"gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le}
    return all(tests[name](value, limit) for name, limit in bounds.items())


def _in_words(bounds: Mapping[str, float]) -> str:
    if set(bounds) == {"ge", "le"}:
        return f"between {_written(bounds['ge'])} and {_written(bounds['le'])}"
    if set(bounds) == {"ge"}:
        return f"{_written(bounds['ge'])} or more"
    return " and ".join(f"{BOUNDS[name]} {_written(limit)}" for name, limit in bounds.items())


def _written(limit: float) -> str:
    return f"{limit:,.0f}" if float(limit).is_integer() else f"{limit:g}"


def check_counts(**counts: int) -> None:
    """Raise ``InvalidArgument`` for a count below 1.

    >>> check_counts(episodes=0)
    Traceback (most recent call last):
    agentlab.errors.InvalidArgument: episodes=0 must be 1 or more
    """
    for name, value in counts.items():
        if value < 1:
            raise InvalidArgument(f"{name}={value} must be 1 or more")
