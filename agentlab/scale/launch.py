"""Processes of one training on this machine, each with its own ``TF_CONFIG``."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from agentlab.errors import AgentlabError
from agentlab.import_path import python_command
from agentlab.runs.task import VARIABLE

PATIENCE = 20.0  # seconds that processes have to end by themselves after another has ended
POLL = 0.2  # seconds between looks at the processes


@dataclass
class Process:
    """A task and its process."""

    name: str
    child: subprocess.Popen[bytes]

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        code = self.child.poll()
        if code is not None and code < 0:
            return f"{self.name} was ended by {signal.Signals(-code).name}"
        return f"{self.name} ended with exit code {code}"


def launch(
    words: Sequence[str],
    workers: int,
    servers: int = 0,
    report: Callable[[str], None] = lambda text: None,
) -> int:
    """Run an agentlab command in several processes, and return the exit code.

    The output of the first process, the chief, is shown, and the errors of all. If a worker ends
    early, the others end too, unless parameter servers make it dispensable.

    Args:
        words: the words of the command, such as ``["fit", "--recipe", "mnist-mlp"]``.
        workers: number of processes that train. With servers, there is a chief besides.
        servers: number of parameter servers.
        report: called with a sentence about a process that ended early.

    Returns:
        The exit code of the chief, or 2 if another process ended early.
    """
    count = {"worker": workers} if not servers else {"chief": 1, "worker": workers, "ps": servers}
    cluster = addresses(count)
    with ExitStack() as stack:
        processes: list[Process] = []
        for kind, hosts in cluster.items():
            for index in range(len(hosts)):
                first = not processes
                child = stack.enter_context(_started(words, cluster, kind, index, first))
                processes.append(Process(f"{kind} {index}", child))
        with _forwarded(processes[0].child):
            return _watch(processes, bool(servers), report)


def addresses(count: dict[str, int]) -> dict[str, list[str]]:
    """Return an address with a free port for each task.

    >>> [len(hosts) for hosts in addresses({"worker": 2, "ps": 1}).values()]
    [2, 1]
    """
    with ExitStack() as stack:  # all ports are held until all are chosen, so that they differ

        def address() -> str:
            held = stack.enter_context(socket.socket())
            held.bind(("127.0.0.1", 0))
            return f"127.0.0.1:{held.getsockname()[1]}"

        return {kind: [address() for _ in range(number)] for kind, number in count.items()}


@contextmanager
def _started(
    words: Sequence[str], cluster: dict[str, list[str]], kind: str, index: int, first: bool
) -> Iterator[subprocess.Popen[bytes]]:
    task = {"cluster": cluster, "task": {"type": kind, "index": index}}
    child = subprocess.Popen(
        python_command("from agentlab.cli import run_process; run_process()", words),
        env={**os.environ, VARIABLE: json.dumps(task)},
        stdin=subprocess.DEVNULL,
        stdout=None if first else subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C reaches the chief alone, which saves and ends the training
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


@contextmanager
def _forwarded(chief: subprocess.Popen[bytes]) -> Iterator[None]:
    """Forward Ctrl-C and SIGTERM to the chief."""

    def forward(number: int, frame: Any) -> None:
        chief.send_signal(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, forward) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch(processes: list[Process], survive: bool, report: Callable[[str], None]) -> int:
    """Wait for the chief, or for a process without which training cannot go on."""
    chief, others = processes[0], processes[1:]
    spare = [process for process in others if survive and process.name.startswith("worker")]
    needed = [process for process in others if process not in spare]
    while chief.child.poll() is None:
        for process in [process for process in spare if process.child.poll() is not None]:
            report(f"{process.ending}; the other workers do its part")
            spare.remove(process)
        if survive and not spare:
            raise AgentlabError("all workers ended, so training stopped; resume with --resume")
        lost = next((process for process in needed if process.child.poll() is not None), None)
        if lost is not None:
            _wait([chief, *needed])
            if chief.child.poll() != 0:
                raise AgentlabError(f"{lost.ending}, so training stopped; resume with --resume")
        time.sleep(POLL)
    if chief.child.returncode < 0:
        raise AgentlabError(f"{chief.ending}, so training stopped; resume with --resume")
    return int(chief.child.returncode)


def _wait(processes: Sequence[Process]) -> None:
    """Wait until all have ended, at most ``PATIENCE`` seconds."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and any(p.child.poll() is None for p in processes):
        time.sleep(POLL)
