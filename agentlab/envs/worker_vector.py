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
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle
import numpy as np
import numpy.typing as npt

from agentlab.envs.copies import EnvMaker, make_one
from agentlab.envs.episodes import ActionLog, Origin, Unfinished
from agentlab.envs.failures import EnvFailure
from agentlab.envs.registrations import registrations
from agentlab.envs.replayed_vector import ReplayedVector
from agentlab.envs.shared_memory import shared_file
from agentlab.envs.step_buffers import StepBuffers
from agentlab.envs.vector import Array, Step, zeros_of
from agentlab.envs.worker import STEP, Failure
from agentlab.errors import InvalidArgument
from agentlab.import_path import python_command

CLOSE_SECONDS = 2.0  # how long workers may take to close their environments


class WorkerVector(ReplayedVector):
    """Environments stepped by worker processes that write to shared memory.

    Best for slow environments and for those that hold Python's global interpreter lock while they
    step, such as the Atari emulator. Each worker steps a fixed subset of the environments, so
    results do not depend on timing. Workers are new Python processes, not forks or re-imports of
    the main module, so scripts need no ``if __name__ == "__main__"`` guard; they know the
    environments that the script has registered. They end when this process does, even if an
    environment hangs.

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
        self._lifelines: list[int] = []
        self._failure: EnvFailure | None = None
        env = make_one(makers[0], id)  # only to learn its spaces
        self.observation_space, self.action_space = env.observation_space, env.action_space
        with contextlib.suppress(Exception):
            env.close()
        examples = (
            zeros_of(self.observation_space, "observation", id),
            zeros_of(self.action_space, "action", id),
        )
        self._slices = split_evenly(self.num_envs, workers)
        pickled = [pickled_for_process(list(makers[rows]), id) for rows in self._slices]
        self._file = shared_file(StepBuffers(self.num_envs, *examples).nbytes)
        self._buffers = StepBuffers(self.num_envs, *examples, mmap.mmap(self._file.fileno(), 0))
        specs = registrations()
        try:
            for rows, own in zip(self._slices, pickled, strict=True):
                pipe = self._start_worker()
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    pipe.send((id, rows.start, self.num_envs, *examples, specs))
                    pipe.send_bytes(own)
            self._receive_all()
        except BaseException:
            self.close()
            raise
        self._observations = self._buffers.arrays["observations"].copy()
        self._log = ActionLog(self.num_envs)

    def _start_worker(self) -> Connection:
        """Start a worker and return this process's end of the pipe to it."""
        own_end, worker_end = multiprocessing.Pipe()
        life, lifeline = os.pipe()  # when lifeline is closed, the kernel ends the worker
        fds = (worker_end.fileno(), self._file.fileno(), life)
        code = f"from agentlab.envs.worker import run_worker; run_worker{fds}"
        command = python_command(code, path=sys.path)
        self._pipes.append(own_end)
        self._lifelines.append(lifeline)
        self._workers.append(subprocess.Popen(command, pass_fds=fds, env=_worker_environ()))
        worker_end.close()
        os.close(life)
        return own_end

    def reset(self, seed: int | None = None) -> Array:
        self._log.reset()
        self._call("reset", [(seed,)] * len(self._pipes))
        self._observations = self._buffers.arrays["observations"].copy()
        return self._observations

    def step(self, actions: Array) -> Step:
        self._buffers.arrays["actions"][:] = actions
        for pipe in self._pipes:
            self._send(pipe, STEP)
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
        return np.asarray(self._receive(self._pipes[0]), np.uint8)

    def render_final(self) -> npt.NDArray[np.uint8] | None:
        self._send(self._pipes[0], pickle.dumps(("render_final", ())))
        frame: npt.NDArray[np.uint8] | None = self._receive(self._pipes[0])
        return frame

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()  # the worker then closes its environments and exits
        with contextlib.suppress(subprocess.TimeoutExpired):
            for worker in self._workers:
                worker.wait(CLOSE_SECONDS)
        for lifeline in self._lifelines:
            os.close(lifeline)
        for worker in self._workers:
            worker.kill()  # if the kernel does not signal that a lifeline is closed
            worker.wait()
        self._pipes, self._workers, self._lifelines = [], [], []
        self._failure = self._failure or EnvFailure(f"env={self.id!r} is closed")
        self._file.close()

    def _call(self, command: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Let each worker run a command with its arguments, and return their replies."""
        if self._failure is not None:
            raise self._failure
        for pipe, given in zip(self._pipes, arguments, strict=True):
            self._send(pipe, pickle.dumps((command, given)))
        return self._receive_all()

    def _receive_all(self) -> list[Any]:
        return [self._receive(pipe) for pipe in self._pipes]

    def _send(self, pipe: Connection, message: bytes) -> None:
        if self._failure is not None:  # the replies of other workers have not been read
            raise self._failure
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            pipe.send_bytes(message)  # _receive reports a dead worker

    def _receive(self, pipe: Connection) -> Any:
        try:
            message = pipe.recv_bytes()
            reply = pickle.loads(message) if message else None
        except (EOFError, ConnectionResetError):
            reply = Failure(self._death_of(self._pipes.index(pipe)))
        if isinstance(reply, Failure):
            script = getattr(sys.modules["__main__"], "__file__", None)
            # The file name that cloudpickle gives to code that it sends by value: the script's own.
            self._failure = EnvFailure(reply.message.replace("<dynamic-code>", script or "script"))
            if reply.traceback:
                self._failure.add_note(reply.traceback)  # for --debug
            raise self._failure
        return reply

    def _death_of(self, index: int) -> str:
        """Return the message for a worker that ended."""
        envs, how = in_words(self._slices[index]), ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._workers[index].wait(1)
            how = f" with exit code {code}"
            if code < 0:
                how = f" from signal {signal.Signals(-code).name}"
                if code == -signal.SIGKILL:
                    how += ", which the system sends when memory runs out"
        return f"env={self.id!r}: the worker process of {envs} died{how}"


def split_evenly(n: int, processes: int) -> list[slice]:
    """Split ``n`` environments among processes, at least one each; return the rows of each.

    >>> split_evenly(5, 2)
    [slice(0, 2, None), slice(2, 5, None)]
    """
    bounds = np.linspace(0, n, min(processes, n) + 1).astype(int).tolist()
    return [slice(*pair) for pair in itertools.pairwise(bounds)]


def in_words(rows: slice) -> str:
    """Return ``"environments 0 to 3"`` or ``"environment 0"``, for messages."""
    last = rows.stop - 1
    return f"environments {rows.start} to {last}" if last > rows.start else f"environment {last}"


def pickled_for_process(makers: Any, id: str) -> bytes:
    """Pickle what makes environments, for ``cloudpickle.loads`` in another process.

    Raises:
        InvalidArgument: if one of them refers to something that cannot be sent to a process.
    """
    try:
        pickled: bytes = cloudpickle.dumps(makers)
        return pickled
    except Exception as error:  # pickling an object can raise anything
        why = f"{type(error).__name__}: {error}"
        raise InvalidArgument(
            f"env={id!r} cannot be sent to worker processes ({why}); pass a function that creates "
            "everything it needs, or workers=0"
        ) from error


def _worker_environ() -> dict[str, str]:
    # One thread for linear algebra in each worker, so that workers do not compete for cores.
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
