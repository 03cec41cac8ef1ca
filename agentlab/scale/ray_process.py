"""Processes on the machines of a Ray cluster."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentlab.lazy import LazyModule
from agentlab.runs.logged_process import start_logged

ray: Any = LazyModule("ray")


class RayProcess:
    """A Python process on a CPU of the Ray cluster to which this process is connected.

    It starts when a CPU is free, and ends when this process does. It has the methods of
    ``subprocess.Popen`` that a search needs.

    Args:
        code: Python code; it can import ``agentlab``.
        words: the contents of ``sys.argv[1:]``.
        log: the file to which its output is appended, in a folder that all machines share.

    Attributes:
        lost: whether it was killed, or its machine was lost.
    """

    lost = False

    def __init__(self, code: str, words: Sequence[str], log: Path) -> None:
        remote = ray.remote(num_cpus=1, max_restarts=0, max_concurrency=2)(Supervisor)
        self._supervisor = remote.remote(code, list(words), str(log.absolute()), os.getcwd())
        self._waiting = self._supervisor.wait.remote()
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative after a signal; ``None`` before the process has ended."""
        if self._code is None and ray.wait([self._waiting], timeout=0)[0]:
            try:
                self._code = int(ray.get(self._waiting))
            except ray.exceptions.RayError:
                self._code = -signal.SIGKILL
            self.lost = self._code == -signal.SIGKILL
            self.kill()  # frees the CPU
        return self._code

    def terminate(self) -> None:
        """Send SIGTERM to the process."""
        self._supervisor.terminate.remote()

    def kill(self) -> None:
        """End the process at once."""
        with contextlib.suppress(Exception):  # it may be gone, as may the cluster
            ray.kill(self._supervisor)


class Supervisor:
    """The actor that starts a process on its machine; the process ends when the actor does."""

    def __init__(self, code: str, words: list[str], log: str, folder: str) -> None:
        with contextlib.suppress(OSError):  # only root may raise the priority
            os.setpriority(os.PRIO_PROCESS, 0, 0)
        life, self._lifeline = os.pipe()
        code = f"from agentlab.envs.worker import die_with; die_with({life})\n{code}"
        self._child = start_logged(code, words, Path(log), pass_fds=(life,), cwd=folder)
        os.close(life)

    def wait(self) -> int:
        """Wait until the process has ended, and return its exit code."""
        return self._child.wait()

    def terminate(self) -> None:
        """Send SIGTERM to the process."""
        self._child.terminate()
