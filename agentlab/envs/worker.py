"""The code of a worker process, which steps some of the environments of a ``WorkerVector``."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import pickle
import signal
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection

import cloudpickle

from agentlab.envs.copies import make_one
from agentlab.envs.env_group import EnvGroup
from agentlab.envs.failures import EnvFailure, describe_error
from agentlab.envs.registrations import register
from agentlab.envs.step_buffers import StepBuffers
from agentlab.errors import AgentlabError

SPIN_SECONDS = 0.0003
STEP = b"step"  # not a pickle, so it cannot be confused with another command


@dataclass
class Failure:
    """An error in a worker, sent to the main process instead of a reply."""

    message: str
    traceback: str = ""


def run_worker(pipe_fd: int, memory_fd: int, life_fd: int) -> None:
    """Step a subset of the environments until the pipe is closed.

    Args:
        pipe_fd: file descriptor of the worker's end of the pipe.
        memory_fd: file descriptor of the shared memory.
        life_fd: file descriptor of a pipe whose other end only the main process holds.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process handles Ctrl-C
    die_with(life_fd)
    pipe = Connection(pipe_fd)
    group: EnvGroup | None = None
    try:
        group = _make_group(pipe, mmap.mmap(memory_fd, 0))
        _serve(pipe, group)
    except (EOFError, ConnectionResetError, BrokenPipeError):
        pass  # the main process has closed the pipe, or exited
    except AgentlabError as error:
        _send_failure(pipe, error, str(error))
    except BaseException as error:
        _send_failure(pipe, error, describe_error(error))
    if group is not None:
        try:
            group.close()
        except EnvFailure as error:
            _send_failure(pipe, error, str(error))


def die_with(life_fd: int) -> None:
    """Make the kernel end this process when the other end of a pipe is closed.

    This works even if the environment hangs while it holds the global interpreter lock.
    """
    fcntl.fcntl(life_fd, fcntl.F_SETOWN, os.getpid())
    signal.signal(signal.SIGIO, signal.SIG_DFL)  # which ends the process
    fcntl.fcntl(life_fd, fcntl.F_SETFL, fcntl.fcntl(life_fd, fcntl.F_GETFL) | os.O_ASYNC)


def _make_group(pipe: Connection, memory: mmap.mmap) -> EnvGroup:
    """Make the environments that the main process describes."""
    id, start, n, observation, action, specs = pipe.recv()
    register(specs)
    envs = [make_one(make, id) for make in cloudpickle.loads(pipe.recv_bytes())]
    arrays = StepBuffers(n, observation, action, memory).arrays
    stop = start + len(envs)
    return EnvGroup(envs, start, {name: array[start:stop] for name, array in arrays.items()}, id)


def _serve(pipe: Connection, group: EnvGroup) -> None:
    """Reply to commands until the pipe is closed."""
    assert group.actions is not None
    reply = b""
    while True:
        pipe.send_bytes(reply)
        # An idle core takes long to wake up: spin for a moment before blocking, but yield the
        # core to other threads.
        deadline = time.perf_counter() + SPIN_SECONDS
        while not pipe.poll() and time.perf_counter() < deadline:
            os.sched_yield()
        message, reply = pipe.recv_bytes(), b""
        if message == STEP:
            group.step(group.actions)
            continue
        command, arguments = pickle.loads(message)
        if command == "state":
            reply = pickle.dumps((group.seed, group.episodes, group.origins))
        elif command == "render":
            reply = pickle.dumps(group.render())
        elif command == "render_final":
            reply = pickle.dumps(group.final_frame)
        else:
            getattr(group, command)(*arguments)


def _send_failure(pipe: Connection, error: BaseException, message: str) -> None:
    text = "".join(traceback.format_exception(error))
    with contextlib.suppress(OSError):  # the main process may be gone
        pipe.send(Failure(message, text))
