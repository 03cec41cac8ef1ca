"""Vectorized environments in worker processes that share memory with this one."""

from __future__ import annotations

import contextlib
import itertools
import mmap
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle
import numpy as np
import numpy.typing as npt

from agentlab.envs.env_group import EnvGroup, StepBuffers
from agentlab.envs.episodes import ActionLog, Origin, Unfinished
from agentlab.envs.rendering import rgb_image
from agentlab.envs.replayed_vector import ReplayedVector
from agentlab.envs.vector import Array, EnvMaker, Step, zeros_of
from agentlab.errors import AgentlabError
from agentlab.import_path import python_command

SPIN_SECONDS = 0.0003
_STEP = b"step"  # not a pickle, so it cannot be confused with another command


class WorkerVector(ReplayedVector):
    """Environments stepped by worker processes that write to shared memory.

    Best for slow environments and for those that hold Python's global interpreter lock while they
    step, such as the Atari emulator. Each worker steps a fixed subset of the environments, so
    results do not depend on timing. Workers are new Python processes, not forks or re-imports of
    the main module, so scripts need no ``if __name__ == "__main__"`` guard. They exit when this
    process does.

    Args:
        makers: functions that make the environments, one for each; sent to the workers by
            cloudpickle.
        id: id of the environment, for messages.
        workers: number of worker processes.

    Raises:
        AgentlabError: if an environment cannot be made in its worker.
    """

    def __init__(self, makers: Sequence[EnvMaker], id: str, workers: int) -> None:
        self.id, self.num_envs = id, len(makers)
        self._workers: list[subprocess.Popen[bytes]] = []
        self._pipes: list[Connection] = []
        env = makers[0]()  # only to learn its spaces
        self.observation_space, self.action_space = env.observation_space, env.action_space
        env.close()
        examples = (
            zeros_of(self.observation_space, "observations", id),
            zeros_of(self.action_space, "actions", id),
        )
        # An unnamed file, so nothing is left behind even if this process is killed.
        shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._file = tempfile.TemporaryFile(dir=shm)  # noqa: SIM115 - close() closes it
        self._file.truncate(StepBuffers(self.num_envs, *examples).nbytes)
        self._buffers = StepBuffers(self.num_envs, *examples, mmap.mmap(self._file.fileno(), 0))
        bounds = np.linspace(0, self.num_envs, min(workers, self.num_envs) + 1).astype(int).tolist()
        self._slices = [slice(*pair) for pair in itertools.pairwise(bounds)]
        for rows in self._slices:
            own_end, worker_end = multiprocessing.Pipe()
            fds = (worker_end.fileno(), self._file.fileno())
            code = f"from agentlab.envs.worker_vector import run_worker; run_worker{fds}"
            command = python_command(code, path=sys.path)
            self._workers.append(subprocess.Popen(command, pass_fds=fds, env=_worker_environ()))
            worker_end.close()
            self._pipes.append(own_end)
            own_end.send((rows.start, self.num_envs, *examples))
            own_end.send_bytes(cloudpickle.dumps(makers[rows]))
        try:
            self._receive_all()
        except AgentlabError:
            self.close()
            raise
        self._observations = self._buffers.arrays["observations"].copy()
        self._log = ActionLog(self.num_envs)

    def reset(self, seed: int | None = None) -> Array:
        self._log.reset()
        self._call("reset", [(seed,)] * len(self._pipes))
        self._observations = self._buffers.arrays["observations"].copy()
        return self._observations

    def step(self, actions: Array) -> Step:
        self._buffers.arrays["actions"][:] = actions
        for pipe in self._pipes:
            self._send(pipe, _STEP)
        observations = self._buffers.arrays["observations"]
        next_observations = np.empty_like(observations)
        for pipe, rows in zip(self._pipes, self._slices, strict=True):
            self._receive(pipe)
            next_observations[rows] = observations[rows]  # while later workers still step
        step = self._buffers.step(self._observations, actions, next_observations)
        self._log.add(actions, step.episode_over)
        self._observations = next_observations
        return step

    def group_states(self) -> list[tuple[int | None, Array, list[Origin]]]:
        return self._call("state", [()] * len(self._pipes))

    def replay(self, unfinished: Unfinished) -> Array:
        self._call("replay", [(unfinished.of(rows),) for rows in self._slices])
        return self._buffers.arrays["observations"].copy()

    def begin(self, envs: npt.NDArray[np.bool_]) -> Array:
        self._call("begin", [(envs[rows],) for rows in self._slices])
        return self._buffers.arrays["observations"].copy()

    def render(self) -> npt.NDArray[np.uint8]:
        self._send(self._pipes[0], pickle.dumps(("render", ())))
        return rgb_image(self._receive(self._pipes[0]), self.id)

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()  # the worker exits when its pipe is closed
        for worker in self._workers:
            worker.wait()
        self._pipes, self._workers = [], []
        self._file.close()

    def _call(self, command: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Let each worker run a command with its arguments, and return their replies."""
        for pipe, given in zip(self._pipes, arguments, strict=True):
            self._send(pipe, pickle.dumps((command, given)))
        return self._receive_all()

    def _receive_all(self) -> list[Any]:
        return [self._receive(pipe) for pipe in self._pipes]

    def _send(self, pipe: Connection, message: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            pipe.send_bytes(message)  # _receive reports a dead worker

    def _receive(self, pipe: Connection) -> Any:
        try:
            message = pipe.recv_bytes()
            reply = pickle.loads(message) if message else None
        except (EOFError, ConnectionResetError):
            reply = _Failure("its worker process died")
        if isinstance(reply, _Failure):
            raise AgentlabError(f"env={self.id!r} failed while it ran: {reply.message}")
        return reply


@dataclass
class _Failure:
    """An error in a worker, sent to the main process instead of a reply."""

    message: str


def _worker_environ() -> dict[str, str]:
    # One thread for linear algebra in each worker, so that workers do not compete for cores.
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def run_worker(pipe_fd: int, memory_fd: int) -> None:
    """Step a subset of the environments until the pipe is closed: the body of a worker process.

    Args:
        pipe_fd: file descriptor of the worker's end of the pipe.
        memory_fd: file descriptor of the shared memory.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process handles Ctrl-C
    pipe = Connection(pipe_fd)
    try:
        start, n, observation, action = pipe.recv()
        envs = [make() for make in cloudpickle.loads(pipe.recv_bytes())]
        arrays = StepBuffers(n, observation, action, mmap.mmap(memory_fd, 0)).arrays
        group, actions = EnvGroup(envs, start, arrays), arrays["actions"][start : start + len(envs)]
        reply = b""
        while True:
            pipe.send_bytes(reply)
            # An idle core takes long to wake up: spin for a moment before blocking, but yield the
            # core to other threads.
            deadline = time.perf_counter() + SPIN_SECONDS
            while not pipe.poll() and time.perf_counter() < deadline:
                os.sched_yield()
            message, reply = pipe.recv_bytes(), b""
            if message == _STEP:
                # A copy, since an environment may keep a reference to its action.
                group.step(actions.copy())
                continue
            command, arguments = pickle.loads(message)
            if command == "state":
                reply = pickle.dumps((group.seed, group.episodes, group.origins))
            elif command == "render":
                reply = pickle.dumps(envs[0].render())
            else:
                getattr(group, command)(*arguments)
    except (EOFError, ConnectionResetError, BrokenPipeError):
        pass  # the main process has exited
    except Exception as error:
        traceback.print_exc()
        pipe.send(_Failure(f"{type(error).__name__}: {error}"))
