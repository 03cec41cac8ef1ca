"""Configurations: frozen dataclasses from which flags, help texts and ``config.json`` are made."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from agentlab.errors import AgentlabError

T = TypeVar("T")


def option(default: Any, help: str) -> Any:
    """Declare a field of a configuration with its default and its one-line help."""
    return dataclasses.field(default=default, metadata={"help": help})


def to_dict(config: Any) -> dict[str, Any]:
    """Return a configuration as a dictionary that JSON can hold (tuples become lists)."""
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def from_dict(cls: type[T], values: Mapping[str, Any]) -> T:
    """Build the configuration ``cls`` from names and values, checking both.

    Raises:
        AgentlabError: for a name that ``cls`` has no field for, or a value of the wrong type.
    """
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    for name in values:
        if name not in names:
            raise AgentlabError(f"{cls.__name__} has no option {name!r}{did_you_mean(name, names)}")
    return cls(**{name: check_type(name, value, hints[name]) for name, value in values.items()})


def check_type(name: str, value: Any, hint: Any) -> Any:
    """Return ``value`` as the type ``hint`` asks for.

    Accepts what JSON makes of a configuration (lists for tuples, integers for floats).

    Raises:
        AgentlabError: where ``value`` is not of that type.
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
                return tuple(check_type(name, item, arguments[0]) for item in value)
            if len(value) == len(arguments):
                return tuple(map(check_type, [name] * len(value), value, arguments))
    elif hint is type(None):
        if value is None:
            return None
    elif hint is float:
        if isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value):
            return float(value)
    elif isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise AgentlabError(f"{name}={value!r} is not {describe_type(hint)}")


def describe_type(hint: Any) -> str:
    """Say in words what values the type ``hint`` takes."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if is_union(hint):
        return " or ".join(map(describe_type, arguments))
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return f"a list of items that are each {describe_type(arguments[0])}"
        return f"a list of {len(arguments)} items"
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    return words.get(hint, "none" if hint is type(None) else str(hint))


def did_you_mean(word: str, known: typing.Iterable[str]) -> str:
    """Return ``"; did you mean 'a' or 'b'?"`` with the nearest known words, or an empty text."""
    near = difflib.get_close_matches(word, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def flag_of(name: str) -> str:
    """Return the flag of the field ``name``."""
    return "--" + name.replace("_", "-")


def parse_value(flag: str, text: str, hint: Any) -> Any:
    """Read ``text`` as a value of the type ``hint``.

    Lists are separated by commas or spaces; ``none`` is ``None``; ``1e6`` is a whole number too.

    Raises:
        AgentlabError: where it is none, naming ``flag``.
    """
    text = text.strip()
    try:
        return _read(text, hint)
    except ValueError:
        raise AgentlabError(f"{flag} {text!r} is not {describe_type(hint)}") from None


def format_value(value: Any) -> str:
    """Write a value as ``parse_value`` reads it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ",".join(map(format_value, value)) or "empty"
    return str(value)


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
    """Whether a type is one of several."""
    return typing.get_origin(hint) in (types.UnionType, typing.Union)
