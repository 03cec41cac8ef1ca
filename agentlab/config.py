"""Configurations: frozen dataclasses that define flags, help texts and ``config.json``.

A configuration declares options with help texts and bounds, and inherits shared groups of options::

    @dataclass(frozen=True)
    class MyConfig(Optimization, Options):
        gamma: float = option(0.99, "discount factor", ge=0, le=1)
        learning_rate: float = override(Optimization, "learning_rate", 3e-4)
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import math
import re
import shlex
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from agentlab.bounds import check_bounds
from agentlab.errors import AgentlabError, InvalidArgument

T = TypeVar("T")
LARGEST = 2**63 - 1


def option(
    default: Any,
    help: str,
    *,
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
) -> Any:
    """Declare a field of a configuration.

    Args:
        default: the default value.
        help: one-line description, including the unit.
        gt: values must be greater than this.
        ge: values must be at least this.
        lt: values must be less than this.
        le: values must be at most this. Bounds apply to each item of a tuple, but not to ``None``.
    """
    limits = {"gt": gt, "ge": ge, "lt": lt, "le": le}
    bounds = {name: limit for name, limit in limits.items() if limit is not None}
    return dataclasses.field(default=default, metadata={"help": help, "bounds": bounds})


def override(group: type, name: str, default: Any) -> Any:
    """Redeclare the option ``name`` of ``group`` with another default.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Group(Options):
    ...     rate: float = option(0.1, "step size", gt=0)
    >>> @dataclasses.dataclass(frozen=True)
    ... class Mine(Group):
    ...     rate: float = override(Group, "rate", 0.5)
    >>> Mine().rate
    0.5
    """
    field = next(f for f in dataclasses.fields(group) if f.name == name)
    return dataclasses.field(default=default, metadata=field.metadata)


@dataclasses.dataclass(frozen=True)
class Options:
    """Base class of configurations and groups of options; checks the bounds of all options.

    A subclass with further checks overrides ``check`` and calls ``super().check()`` first.
    """

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Raise ``InvalidArgument`` if an option is out of bounds."""
        for field in dataclasses.fields(self):
            check_bounds(field, getattr(self, field.name))


def to_dict(config: Any) -> dict[str, Any]:
    """Return a configuration as a JSON-serializable dictionary (tuples become lists)."""
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def from_dict(cls: type[T], values: Mapping[str, Any]) -> T:
    """Create the configuration ``cls`` from a dictionary, checking names and values.

    Raises:
        InvalidArgument: for an unknown name, or a value of the wrong type or out of bounds.
    """
    hints = _hints(typing.cast(Any, cls))
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    for name in values:
        if name not in names:
            raise InvalidArgument(
                f"{cls.__name__} has no option {name!r}{did_you_mean(name, names)}"
            )
    return cls(**{name: check_type(name, value, hints[name]) for name, value in values.items()})


@functools.cache  # a wide table has thousands of columns, each a dataclass
def _hints(cls: Any) -> dict[str, Any]:
    """Return the types of the fields of a dataclass."""
    return typing.get_type_hints(cls)


def check_type(name: str, value: Any, hint: Any) -> Any:
    """Return ``value`` converted to the type ``hint``.

    Accepts the JSON forms of a configuration (lists for tuples, integers for floats).

    Raises:
        InvalidArgument: if ``value`` is not of that type.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if is_union(hint):
        for choice in arguments:
            try:
                return check_type(name, value, choice)
            except AgentlabError:
                continue
    elif origin is Literal:
        if value in arguments:
            return value
    elif origin is tuple:
        if isinstance(value, list | tuple):
            if len(arguments) == 2 and arguments[1] is Ellipsis:
                items = tuple(check_type(name, item, arguments[0]) for item in value)
                # The same object where possible, since scikit-learn's clone compares identities.
                return value if value == items and isinstance(value, tuple) else items
            if len(value) == len(arguments):
                return tuple(map(check_type, [name] * len(value), value, arguments))
    elif origin is dict:
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            return dict(value)
    elif hint is type(None):
        if value is None:
            return None
    elif hint is float:
        if isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value):
            return float(value)
    elif isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        if hint is int and abs(value) > LARGEST:
            raise InvalidArgument(f"{name}={value} is too large: integers have 64 bits")
        return value
    raise InvalidArgument(f"{name}={value!r} is not {describe_type(hint)}")


def describe_type(hint: Any) -> str:
    """Return a description of the type ``hint`` for error messages."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if is_union(hint):
        return " or ".join(map(describe_type, arguments))
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return f"a list whose items are each {describe_type(arguments[0])}"
        return f"a list of {len(arguments)} items"
    if origin is dict:
        return "a list of items NAME=VALUE"
    words = {int: "an integer", float: "a number", bool: "true or false", str: "a string"}
    return words.get(hint, "none" if hint is type(None) else str(hint))


def did_you_mean(word: str, known: typing.Iterable[str]) -> str:
    """Return ``"; did you mean 'a' or 'b'?"`` with the closest matches, or an empty string."""
    names = {name.lower(): name for name in known}
    near = [names[n] for n in difflib.get_close_matches(word.lower(), names, n=3, cutoff=0.6)]
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def flag_of(name: str) -> str:
    """Return the flag of the field ``name``."""
    return "--" + name.replace("_", "-")


def parse_value(flag: str, text: str, hint: Any) -> Any:
    """Parse ``text`` as a value of the type ``hint``.

    Items of lists are separated by commas or spaces; ``none`` is ``None``; ``1e6`` is an integer;
    a dictionary is a list of words ``NAME=VALUE``, quoted as in a shell.

    Raises:
        InvalidArgument: if ``text`` is not of that type; the message names ``flag``.
    """
    text = text.strip()
    try:
        return _read(text, hint)
    except ValueError:
        raise InvalidArgument(f"{flag} {text!r} is not {describe_type(hint)}") from None


def format_value(value: Any) -> str:
    """Format a value so that ``parse_value`` can read it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ",".join(map(format_value, value)) or "empty"
    if isinstance(value, dict):
        return shlex.join(f"{name}={_format_item(item)}" for name, item in value.items())
    return str(value)


def _format_item(value: Any) -> str:
    """Format a value of a dictionary so that ``_read_item`` reads it back."""
    return value if isinstance(value, str) and _read_item(value) == value else json.dumps(value)


def _read_pair(word: str) -> tuple[str, Any]:
    """Parse ``NAME=VALUE``, or ``NAME:VALUE`` as in RL Baselines3 Zoo."""
    pair = re.fullmatch(r"(\w+)[=:](.*)", word, re.DOTALL)
    if pair is None:
        raise ValueError(word)
    return pair[1], _read_item(pair[2])


def _read_item(text: str) -> Any:
    """Parse a value of a dictionary: true, false, none, a number, JSON or else a string."""
    words = {"true": True, "false": False, "yes": True, "no": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text


def _read(text: str, hint: Any) -> Any:
    if is_union(hint):
        choices = sorted(typing.get_args(hint), key=lambda choice: choice is not type(None))
        for choice in choices:
            try:
                return _read(text, choice)
            except ValueError:
                continue
    elif hint is type(None):
        if text.lower() == "none":
            return None
    elif typing.get_origin(hint) is Literal:
        for choice in typing.get_args(hint):
            if text == str(choice):
                return choice
    elif typing.get_origin(hint) is tuple:
        items = [] if text == "empty" else text.replace(",", " ").split()
        kinds = typing.get_args(hint)
        if kinds[-1] is Ellipsis:
            kinds = kinds[:1] * len(items)
        return tuple(_read(item, kind) for item, kind in zip(items, kinds, strict=True))
    elif typing.get_origin(hint) is dict:
        return dict(map(_read_pair, shlex.split(text)))
    elif hint is bool:
        if text.lower() in ("yes", "true", "no", "false"):
            return text.lower() in ("yes", "true")
    elif hint is int:
        if re.fullmatch(r"[-+]?[\d_]+", text):
            return int(text)
        if float(text).is_integer():
            return int(float(text))
    elif hint is float:
        number = float(text)
        if number == number:
            return number
    elif hint is str:
        return text
    raise ValueError(text)


def is_union(hint: Any) -> bool:
    """Return whether a type hint is a union."""
    return typing.get_origin(hint) in (types.UnionType, typing.Union)
