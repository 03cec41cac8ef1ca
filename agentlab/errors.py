"""Exceptions for users of agentlab, and escaping of text for terminals."""

from __future__ import annotations

import unicodedata

_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format, surrogate, line and paragraph separator
_JOINERS = "\u200c\u200d"  # part of the spelling of Persian and of many emoji


class AgentlabError(Exception):
    """An error caused by the user's input, described in one sentence.

    The message names the argument, its value and what would be valid. The command line prints it
    without a traceback and exits with code 2.
    """


class InvalidArgument(AgentlabError, ValueError):
    """An argument whose value is unknown, out of range or of the wrong type."""


class HardExit(SystemExit):
    """``os._exit`` was called by code outside agentlab."""


def exit_call(error: SystemExit) -> str:
    """Return the call that raised ``error``, such as ``"sys.exit(0)"``."""
    function = "os._exit" if isinstance(error, HardExit) else "sys.exit"
    return f"{function}({'' if error.code is None else repr(error.code)})"


def text_of(error: BaseException) -> str:
    """Return the message of an exception on one line, even if its ``__str__`` fails."""
    try:
        return " ".join(str(error).split())
    except Exception as failure:
        return f"no message, since its __str__ raised {type(failure).__name__}"


def printable(text: object) -> str:
    r"""Return a text that is safe to print to a terminal.

    Control characters (except tabs and newlines) and characters that change the direction of
    writing become escapes such as ``\\x1b``, since they could hide or forge output.
    """
    shown = str(text)
    if shown.isascii() and shown.isprintable():
        return shown
    return "".join(
        c.encode("unicode_escape").decode()
        if unicodedata.category(c) in _HIDDEN and c not in "\t\n" and c not in _JOINERS
        else c
        for c in shown
    )
