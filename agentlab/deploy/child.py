"""Running code that may crash in a separate process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from agentlab.errors import AgentlabError

MINUTES = 30  # after which a process has failed


def run_child(command: Sequence[str], failure: str) -> None:
    """Run a command that may crash in a separate process.

    Args:
        command: the program and its arguments.
        failure: the beginning of the error message.

    Raises:
        AgentlabError: if it failed, with the last line that it wrote, or how it ended.
    """
    places = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, places)),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True
    ) as child:
        try:
            output, _ = child.communicate(timeout=60 * MINUTES)
        except BaseException as error:
            child.kill()
            if isinstance(error, subprocess.TimeoutExpired):
                raise AgentlabError(f"{failure}: it took more than {MINUTES} minutes") from None
            raise
    if child.returncode == 0:
        return
    if child.returncode < 0:
        name = str(-child.returncode)
        with contextlib.suppress(ValueError):
            name = signal.Signals(-child.returncode).name
        raise AgentlabError(f"{failure}: the converter crashed ({name})")
    lines = [line for line in output.splitlines() if line.strip()]
    last = lines[-1] if lines else f"exit code {child.returncode}"
    raise AgentlabError(last if last.startswith(failure) else f"{failure}: {last}")
