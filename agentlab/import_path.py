"""Import path of agentlab's processes, which excludes the current folder for security.

The current folder may contain an untrusted ``numpy.py``, for example. Therefore ``agentlab``
removes it from the import path and starts its subprocesses without it. Only when the user names a
module as ``module:...`` is it appended to the path, after all installed packages.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def allow_current_folder() -> None:
    """Append the current folder to the import path, so that installed modules take precedence.

    Called only when the user names ``module:Class`` or ``module:ID``.
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def python_command(code: str, arguments: Sequence[str] = (), path: Sequence[str] = ()) -> list[str]:
    """Return a command that runs ``code`` with this Python, without the current folder.

    Args:
        code: Python code; it can import ``agentlab``.
        arguments: the contents of ``sys.argv[1:]``.
        path: the import path; empty for the default one, including ``PYTHONPATH``.
    """
    own = str(Path(__file__).parent.parent)
    lines = ["import sys"]
    if path:
        lines.append(f"sys.path[:] = {list(path)!r}")
    lines.append(f"{own!r} in sys.path or sys.path.append({own!r})")
    return [sys.executable, "-P", "-c", "\n".join([*lines, code]), *arguments]
