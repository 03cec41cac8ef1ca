"""Command line flags, generated from the dataclasses that declare the settings."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import re
import shlex
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn

from agentlab.cli.other_flags import advice
from agentlab.config import flag_of, format_value, is_union, parse_value
from agentlab.errors import AgentlabError

_ENDS = (("ge", "gt"), ("le", "lt"))
METAVARS = {int: "N", float: "X", str: "TEXT", bool: "BOOL", type(None): "none"}


class Parser(argparse.ArgumentParser):
    """A parser whose flags are the fields of dataclasses and whose errors are one sentence.

    Args:
        prog: the command as the user called it.
        description: text at the start of the help.
        epilog: text at the end of the help.
        words: positional arguments, as shown in the usage.
    """

    def __init__(self, prog: str, description: str, epilog: str = "", words: str = "") -> None:
        super().__init__(
            prog=prog,
            usage=f"{prog} {words} [flags]".replace("  ", " "),
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            add_help=False,
        )
        self.hints: dict[str, Any] = {"help": bool}
        self.fields: dict[str, dataclasses.Field[Any]] = {}
        self.add_argument(
            "-h", "--help", action="store_const", const=True, help="show this help and exit"
        )

    def add_fields(
        self,
        cls: type,
        title: str,
        defaults: Mapping[str, Any] | None = None,
        sources: Mapping[str, str] | None = None,
    ) -> None:
        """Add one flag for each field of the dataclass ``cls``.

        Args:
            cls: a dataclass whose fields all have defaults.
            title: the heading of the flags in the help.
            defaults: defaults to show instead of those of ``cls``.
            sources: the sources of these defaults, by field.

        Raises:
            AgentlabError: if ``cls`` is not such a dataclass, or if a flag already exists.
        """
        values = {**default_values(cls), **(defaults or {})}
        hints = typing.get_type_hints(cls)
        group = self.add_argument_group(title)
        for field in dataclasses.fields(cls):
            flag = flag_of(field.name)
            if field.name in self.hints:
                raise AgentlabError(
                    f"{cls.__qualname__}.{field.name} needs another name: {flag} is taken"
                )
            hint = self.hints[field.name] = hints[field.name]
            self.fields[field.name] = field
            default = format_value(values[field.name])
            origin = (sources or {}).get(field.name, "")
            note = f"{_range_of(field)}default: {default}" + (f", {origin}" if origin else "")
            text = f"{field.metadata.get('help', '')} ({note})".strip().replace("%", "%%")
            if hint in (bool, bool | None):
                group.add_argument(flag, action=argparse.BooleanOptionalAction, help=text)
            else:
                nargs = "+" if _is(tuple, hint) or _is(dict, hint) else None
                metavar = _metavar(hint)
                # A repeated flag adds to its values.
                action = "extend" if _is_texts(hint) or _is(dict, hint) else "store"
                group.add_argument(flag, nargs=nargs, action=action, metavar=metavar, help=text)

    def given(self, words: Sequence[str]) -> dict[str, Any]:
        """Return the flags given in ``words``, by field name, without defaults.

        Raises:
            AgentlabError: for an unknown flag (suggesting the closest match) or an invalid value.
        """
        given, rest = self.split(words)
        if rest:
            raise AgentlabError(self._unknown(rest))
        return given

    def given_with(
        self, name: str, about: str, words: Sequence[str]
    ) -> tuple[str, dict[str, Any]] | None:
        """Return the only positional argument and the flags given in ``words``.

        Args:
            name: the argument's name in the help, such as ``RUN``.
            about: its help text.
            words: the command line arguments.

        Returns:
            ``None`` if help was requested, which is printed.

        Raises:
            AgentlabError: if the argument is missing, or from ``given``.
        """
        self.add_argument("argument", nargs="?", metavar=name, help=about)
        given = self.given(words)
        if given.pop("help", False):
            self.print_help()
            return None
        argument = given.pop("argument", None)
        if argument is None:
            raise AgentlabError(f"{name} is missing; usage: {self.prog} {name}")
        return argument, given

    def given_among_others(self, words: Sequence[str]) -> dict[str, Any]:
        """Return the flags given in ``words`` that this parser knows, ignoring all others."""
        return self.split(words)[0]

    def error(self, message: str) -> NoReturn:
        message = message.removeprefix("argument ")
        if given := re.fullmatch(
            r"(\S+)/(\S+): ignored explicit argument (.*)", message, re.DOTALL
        ):
            message = f"{given[1]} takes no value, but got {given[3]}; {given[2]} turns it off"
        raise AgentlabError(message)

    def split(self, words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
        """Return the flags given in ``words`` that this parser knows, and the remaining words."""
        # A leading space prevents argparse from reading a number such as -1e-3 as a flag.
        # The same holds for a lone dash, which means a missing cell or standard input.
        shielded = [f" {word}" if re.match(r"-\.?\d|-+$", word) else word for word in words]
        parsed, rest = self.parse_known_args(shielded)
        given = {}
        for name, value in vars(parsed).items():
            if value is None:
                continue  # not given
            if name in self.fields and not isinstance(value, bool):
                value = self._parsed(name, value)
            given[name] = value
        return given, rest

    def _parsed(self, name: str, value: str | list[str]) -> Any:
        """Return the value of a flag; the words of a list of strings are its items, unchanged."""
        hint = self.hints[name]
        if isinstance(value, str):
            return parse_value(flag_of(name), value, hint)
        if _is_texts(hint) and value not in (["none"], ["empty"]):
            # Paths and names of columns may contain spaces and commas.
            return tuple(re.sub("^ (?=-)", "", word) for word in value)
        join = shlex.join if _is(dict, hint) else ",".join
        return parse_value(flag_of(name), join(value), hint)

    def _unknown(self, rest: list[str]) -> str:
        """Return the error message for arguments that the parser does not know."""
        word = next((word for word in rest if word.startswith("-")), None)
        if word is None:
            return f"{rest[0].strip()!r} is unexpected; pass flags as --name value"
        word = word.split("=")[0]
        known = [flag for action in self._actions for flag in action.option_strings]
        if hint := advice(word, known):
            return f"{word} is unknown; {hint}"
        near = difflib.get_close_matches(word.lower(), known, n=1)
        return f"{word} is unknown; " + (
            f"did you mean {near[0]}?" if near else f"see {self.prog} --help"
        )


def default_values(cls: type) -> dict[str, Any]:
    """Return the defaults of a dataclass by field name.

    Raises:
        AgentlabError: if ``cls`` is not a dataclass or a field has no default.
    """
    try:
        made = cls()
        return {field.name: getattr(made, field.name) for field in dataclasses.fields(made)}
    except TypeError as error:
        raise AgentlabError(
            f"{cls.__module__}:{cls.__qualname__} must be a dataclass whose fields all have "
            f"defaults: {error}"
        ) from None


def _range_of(field: dataclasses.Field[Any]) -> str:
    """Return the range of a field for the help; empty unless it has a minimum and a maximum."""
    bounds = field.metadata.get("bounds", {})
    low, high = (next((bounds[k] for k in pair if k in bounds), None) for pair in _ENDS)
    if low is None or high is None:
        return ""
    without = [f"{end:g}" for end, k in ((low, "gt"), (high, "lt")) if k in bounds]
    excluded = f" excluding {' and '.join(without)}" if without else ""
    return f"{low:g} to {high:g}{excluded}; "


def _is(kind: type, hint: Any) -> bool:
    """Return whether a type hint is ``kind``, such as ``tuple``, or a union with it."""
    choices = typing.get_args(hint) if is_union(hint) else (hint,)
    return any(typing.get_origin(choice) is kind for choice in choices)


def _is_texts(hint: Any) -> bool:
    """Return whether a type hint is a list of strings, or a union with one."""
    choices = typing.get_args(hint) if is_union(hint) else (hint,)
    return (str, Ellipsis) in [typing.get_args(choice) for choice in choices]


def _metavar(hint: Any) -> str:
    if is_union(hint):
        return "|".join(map(_metavar, typing.get_args(hint)))
    if typing.get_origin(hint) is Literal:
        return "{" + ",".join(map(str, typing.get_args(hint))) + "}"
    if typing.get_origin(hint) is tuple:
        return _metavar(typing.get_args(hint)[0])
    if typing.get_origin(hint) is dict:
        return "NAME=VALUE"
    return METAVARS.get(hint, "VALUE")
