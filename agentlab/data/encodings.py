"""Encodings of text files: byte order marks, and the error for bytes that do not fit."""

from __future__ import annotations

import codecs
from pathlib import Path

from agentlab.errors import AgentlabError

MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
UTF8 = "utf-8-sig"


def encoding_of(start: bytes, encoding: str | None = None) -> str:
    """Return the encoding of a file: the user's, that of a byte order mark, or UTF-8.

    Args:
        start: the first bytes of the file.
        encoding: as the user named it, or ``None``.

    Raises:
        AgentlabError: for an encoding that Python does not know.
    """
    if encoding is None:
        return next((name for mark, name in MARKS if start.startswith(mark)), UTF8)
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)  # not all codecs are text encodings
    except LookupError:
        raise AgentlabError(
            f"encoding={encoding!r} is unknown; use a name such as utf-8, cp1252 or utf-16"
        ) from None
    return UTF8 if name == "utf-8" else name


def refuse_nul(path: Path | str, text: str) -> None:
    """Raise ``AgentlabError`` for a text with NUL characters, such as UTF-16 read as UTF-8."""
    if "\0" in text:
        raise AgentlabError(
            f"{path} contains NUL characters: it is not text, or not in this encoding; if it is "
            "UTF-16, pass --encoding utf-16-le or utf-16-be"
        )


def undecodable(path: Path | str, error: UnicodeError) -> AgentlabError:
    """Return the error for a file that is not in the encoding in which it was read."""
    name, where = "UTF-8", ""
    if isinstance(error, UnicodeDecodeError):
        name = "UTF-8" if error.encoding in ("utf-8", UTF8) else error.encoding
        found = error.object[error.start : error.start + 1].hex()
        where = f": byte {error.start} is 0x{found}" if found else ""
    return AgentlabError(
        f"{path} is not {name}{where}; name its encoding with --encoding, such as cp1252 or utf-16"
    )
