"""The exceptions that a user of agentlab is meant to see, and texts that are safe to print."""

from __future__ import annotations

import unicodedata

_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format, surrogate, line and paragraph separator
_JOINERS = "\u200c\u200d"  # part of the spelling of Persian and of many emoji


class AgentlabError(Exception):
    """A mistake in what was given, told in one sentence.

    The message names the argument, its value and what would be right. The command line prints it
    without a traceback and exits with code 2.
    """


class InvalidArgument(AgentlabError, ValueError):
    """An argument whose value is unknown, out of range or of the wrong kind."""


def printable(text: object) -> str:
    r"""Return a text that does nothing to a terminal but appear on it.

    Control characters, but for tabs and line ends, and those that change the direction of writing
    are shown as escapes such as ``\\x1b``: a file's text could else hide or fake what is printed.
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
