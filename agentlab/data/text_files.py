"""Text files: their encoding and lines, and texts that may be file names."""

from __future__ import annotations

import os
import re
from pathlib import Path

from agentlab.data.encodings import encoding_of, refuse_nul, undecodable
from agentlab.errors import AgentlabError
from agentlab.runs.reading import open_regular

FILE_NAME = re.compile(
    r"(?i)(?s:(?!.*\n).{1,250})\."
    r"(txt|text|md|csv|tsv|jsonl?|log|xml|html?|docx?|pdf|gz|zip|dat|rtf|odt|tex|ya?ml)"
    r"|[\w.~-]*/[\w./-]*\.\w{1,5}|(\.{1,2}|~)?/\S+"
)


def read_text(path: Path | str, encoding: str | None = None) -> str:
    r"""Return the content of a text file; ``"\\r\\n"`` becomes ``"\\n"``.

    A carriage return alone ends lines only in files without line feeds.

    Args:
        path: the file.
        encoding: ``None`` for that of its byte order mark, or UTF-8.

    Raises:
        AgentlabError: if it cannot be read, is not in its encoding, or contains only whitespace.
    """
    try:
        with open_regular(path) as file:
            content = file.read()
        text = content.decode(encoding_of(content[:4], encoding)).removeprefix("\ufeff")
    except UnicodeError as error:
        raise undecodable(path, error) from error
    except OSError as error:
        raise AgentlabError(f"{path} cannot be read: {error.strerror}") from error
    refuse_nul(path, text)
    if not text.strip():
        raise AgentlabError(f"{path} is empty; it must contain text")
    text = text.replace("\r\n", "\n")
    return text if "\n" in text else text.replace("\r", "\n")


def lines_of(text: str) -> list[str]:
    r"""Return the lines of a text, which end at line feeds only.

    >>> lines_of("one\u2028still one\n\nthree\n")
    ['one\u2028still one', '', 'three']
    """
    return text.removesuffix("\n").split("\n")


def text_of(source: str, encoding: str | None = None) -> str:
    """Return the text of the file ``source``, or ``source`` itself if there is no such file.

    Raises:
        AgentlabError: for a file that cannot be read, or the name of a file that does not exist.
    """
    if os.path.exists(source):
        return read_text(source, encoding)
    if FILE_NAME.fullmatch(source):
        raise AgentlabError(
            f"there is no file {source!r}; a text that looks like a file name is treated as one"
        )
    if not source.strip():
        raise AgentlabError(f"the text {source!r} is empty")
    return source
