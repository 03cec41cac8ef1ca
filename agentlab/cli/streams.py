"""Standard streams that tolerate closed pipes, limited encodings and missing descriptors."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from typing import Any

_PLAIN = str.maketrans("←↑→↓·…±×–—‘’“”█│─", "<^>v-.+x--''\"\"#|-")
ERRORS = "agentlab.plain"  # the name of the handler of characters that cannot be encoded


class Output:
    """A text stream that drops its output once the reader of its pipe has exited.

    ``agentlab train ... | head -3`` prints three lines and continues training.

    Args:
        stream: the stream to write to.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text."""
        try:
            return int(self._stream.write(text))
        except BrokenPipeError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._drop()

    def _drop(self) -> None:
        """Redirect the rest of the output to the null device."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


def prepare_streams() -> None:
    """Make stdout and stderr safe to print anything to, whatever they are.

    Closed descriptors are opened on the null device, so that no file of a run gets their numbers.
    Characters that the encoding of a stream lacks are replaced by similar ones, or by ``?``.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    codecs.register_error(ERRORS, _replace)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream: Any = getattr(sys, name)
        if stream is None:
            stream = open(descriptor, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(ValueError):  # closed
                stream.reconfigure(errors=ERRORS)
            setattr(sys, name, Output(stream))


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Return plain characters for those that cannot be encoded."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_PLAIN)
    return "".join(c if c.isascii() else "?" for c in text), error.end
