"""Python subprocesses whose output is appended to a file."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentlab.import_path import python_command
from agentlab.runs.files import open_append


def start_logged(
    code: str, words: Sequence[str], log: Path, **options: Any
) -> subprocess.Popen[bytes]:
    """Start Python code as a subprocess in a new session, which Ctrl-C does not reach.

    Args:
        code: Python code; it can import ``agentlab``.
        words: the contents of ``sys.argv[1:]``.
        log: the file to which its output is appended.
        options: further arguments of ``subprocess.Popen``.
    """
    with open_append(log) as file:
        return subprocess.Popen(
            python_command(code, words),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )
