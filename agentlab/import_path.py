"""Where modules are imported from: never from the current folder, unless a user names one there.

A folder that somebody sent may hold a ``numpy.py``. So ``agentlab`` keeps the current folder off
the import path, its own processes are started without it, and what a user names as ``module:...``
is found there only after everything that is installed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def allow_current_folder() -> None:
    """Let modules of the current folder be imported, after all others of the same name.

    Called where a user names ``module:Class`` or ``module:ID``, and nowhere else.
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def python_command(code: str, arguments: Sequence[str] = (), path: Sequence[str] = ()) -> list[str]:
    """Return the command that runs ``code`` by this Python, without the current folder.

    Args:
        code: of Python; ``agentlab`` can be imported in it.
        arguments: what it finds in ``sys.argv[1:]``.
        path: its import path; empty keeps what Python itself and ``PYTHONPATH`` say.
    """
    own = str(Path(__file__).parent.parent)
    lines = ["import sys"]
    if path:
        lines.append(f"sys.path[:] = {list(path)!r}")
    lines.append(f"{own!r} in sys.path or sys.path.append({own!r})")
    return [sys.executable, "-P", "-c", "\n".join([*lines, code]), *arguments]
