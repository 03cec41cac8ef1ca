"""Vectors of environments: many copies stepped together, in this process or in worker processes."""

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
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle
import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError
from agentlab.import_path import python_command

Array = npt.NDArray[Any]
PATIENCE = 0.0003  # seconds
MAX_ENVS = 1 << 14
_STEP = b"step"  # no pickle, so as not to be mistaken for another request
EnvMaker = Callable[[], "gymnasium.Env[Any, Any]"]


def check_num_envs(n: Any) -> int:
    """Return a number of environments, if it is one that a machine can hold.

    Raises:
        AgentlabError: for what is no whole number from 1 to 16,384.
    """
    if not isinstance(n, int) or not 1 <= n <= MAX_ENVS:
        raise AgentlabError(f"n_envs={n!r} must be a whole number from 1 to {MAX_ENVS:,}")
    return n


@dataclass(slots=True)
class Step:
    """One step of ``n`` environments.

    An episode that ends is reset within the same step, so that a reset never looks like a step:
    ``next_observations`` is then the first observation of the next episode, and the observation
    that really followed stands in ``final_observations``.

    Attributes:
        observations: what was acted on, ``[n, ...]``.
        actions: what was done, ``[n, ...]``.
        rewards: rewards to learn from, float32 ``[n]``; clipped where the preprocessing says so.
        raw_rewards: the environment's own rewards, float32 ``[n]``; what returns are reported in.
        next_observations: what to act on next, ``[n, ...]``.
        terminated: bool ``[n]``; the task itself ended: nothing follows, nothing to bootstrap.
        truncated: bool ``[n]``; the episode was cut (a time limit): bootstrap from the final
            observation.
        ended: int64 indices of the environments that terminated or were truncated.
        final_observations: the true last observations of those, ``[len(ended), ...]``.
        episode_over: bool ``[n]``; where a whole episode ended (a lost life that counts as
            termination ends none).
        extras: what the agent's ``act`` returned beside the actions, by name, each ``[n, ...]``;
            empty where it returned actions only.
    """

    observations: Array
    actions: Array
    rewards: npt.NDArray[np.float32]
    raw_rewards: npt.NDArray[np.float32]
    next_observations: Array
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]
    ended: npt.NDArray[np.int64]
    final_observations: Array
    episode_over: npt.NDArray[np.bool_]
    extras: dict[str, Any] = field(default_factory=dict)

    @property
    def true_next_observations(self) -> Array:
        """The observations that really followed the actions, ``[n, ...]``."""
        if not len(self.ended):
            return self.next_observations
        result = self.next_observations.copy()
        result[self.ended] = self.final_observations
        return result


class VectorEnv(ABC):
    """``num_envs`` copies of one environment.

    Attributes:
        id: the name that the environment was made by.
        num_envs: how many copies.
        observation_space: the space of ONE environment's observations.
        action_space: the space of ONE environment's actions.
    """

    id: str
    num_envs: int
    observation_space: gymnasium.Space[Any]
    action_space: gymnasium.Space[Any]

    @abstractmethod
    def reset(self, seed: int | None = None) -> Array:
        """Start new episodes everywhere and return the first observations, ``[n, ...]``.

        Equal seeds give equal episodes; every copy gets a seed of its own derived from ``seed``.
        """

    @abstractmethod
    def step(self, actions: Array) -> Step:
        """Take one action in each environment (``actions``: ``[n, ...]``)."""

    @abstractmethod
    def render(self) -> npt.NDArray[np.uint8]:
        """Return an image of the first environment, uint8 ``[height, width, 3]``."""

    def close(self) -> None:  # noqa: B027 - most have nothing to release
        """Release processes and windows."""

    def __enter__(self) -> VectorEnv:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Buffers:
    """The arrays that environments write a step into; over shared memory where it is given."""

    FLAGS = ("terminated", "truncated", "episode_over")

    def __init__(
        self,
        n: int,
        observation: Array,
        action: Array | None = None,
        memory: mmap.mmap | None = None,
    ) -> None:
        layout = {
            "observations": ((n, *observation.shape), observation.dtype),
            "final_observations": ((n, *observation.shape), observation.dtype),
            "rewards": ((n,), np.dtype(np.float32)),
            "raw_rewards": ((n,), np.dtype(np.float32)),
            **{flag: ((n,), np.dtype(np.bool_)) for flag in self.FLAGS},
        }
        if action is not None:
            layout["actions"] = ((n, *action.shape), action.dtype)
        self.arrays: dict[str, Array] = {}
        offset = 0
        for name, (shape, dtype) in layout.items():
            if memory is None:
                self.arrays[name] = np.zeros(shape, dtype)
            else:
                self.arrays[name] = np.ndarray(shape, dtype, memory, offset)
            offset += -(-int(np.prod(shape)) * dtype.itemsize // 64) * 64  # keep arrays aligned
        self.nbytes = offset

    def step(self, observations: Array, actions: Array, next_observations: Array) -> Step:
        """Copy the arrays out into a ``Step``, so that the next one cannot overwrite it."""
        arrays = self.arrays
        terminated, truncated = arrays["terminated"].copy(), arrays["truncated"].copy()
        ended = np.flatnonzero(terminated | truncated)
        return Step(
            observations,
            actions,
            arrays["rewards"].copy(),
            arrays["raw_rewards"].copy(),
            next_observations,
            terminated,
            truncated,
            ended,
            arrays["final_observations"][ended],
            arrays["episode_over"].copy(),
        )


class _Slice:
    """Steps some environments of a vector, from ``start`` on, and writes to its buffers."""

    def __init__(
        self, envs: Sequence[gymnasium.Env[Any, Any]], start: int, arrays: dict[str, Array]
    ):
        self.envs = envs
        stop = start + len(envs)
        self.start = start
        self.observations = arrays["observations"][start:stop]
        self.final_observations = arrays["final_observations"][start:stop]
        self.rewards = arrays["rewards"][start:stop]
        self.raw_rewards = arrays["raw_rewards"][start:stop]
        self.terminated = arrays["terminated"][start:stop]
        self.truncated = arrays["truncated"][start:stop]
        self.episode_over = arrays["episode_over"][start:stop]

    def reset(self, seed: int | None) -> None:
        for i, env in enumerate(self.envs):
            own = None if seed is None else _seed_of(seed, self.start + i)
            self.observations[i], _ = env.reset(seed=own)

    def step(self, actions: Any) -> None:
        for i, env in enumerate(self.envs):
            observation, reward, terminated, truncated, info = env.step(actions[i])
            # A wrapper that clips rewards or ends at a lost life says here what really happened.
            over = info.get("episode_over", terminated or truncated)
            self.rewards[i] = reward
            self.raw_rewards[i] = info.get("raw_reward", reward)
            self.terminated[i] = terminated
            self.truncated[i] = truncated
            self.episode_over[i] = over
            if terminated or truncated:
                self.final_observations[i] = observation
            if over:
                observation, _ = env.reset()
            self.observations[i] = observation


def _seed_of(seed: int, index: int) -> int:
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0] >> 1)


def _blank(space: gymnasium.Space[Any], what: str, env_id: str) -> Array:
    """Return an array of the shape and dtype of one element of ``space``."""
    if space.shape is None or space.dtype is None:
        hint = "; flatten it with gymnasium.wrappers.FlattenObservation"
        raise AgentlabError(
            f"env={env_id!r} has {what} of the space {space}, which is not an array"
            f"{hint if what == 'observations' else ''}"
        )
    return np.zeros(space.shape, space.dtype)


def _actions_for_env(actions: Array, space: gymnasium.Space[Any]) -> Any:
    """Environments with discrete actions want plain integers, the others arrays."""
    return actions.tolist() if isinstance(space, gymnasium.spaces.Discrete) else actions


class LocalVector(VectorEnv):
    """Environments stepped one after the other in this process: best for the quick ones.

    Args:
        makers: one function for each environment that makes it.
        id: the name to report.
    """

    def __init__(self, makers: Sequence[EnvMaker], id: str) -> None:
        self.id, self.num_envs = id, len(makers)
        self._envs = [make() for make in makers]
        self.observation_space = self._envs[0].observation_space
        self.action_space = self._envs[0].action_space
        observation = _blank(self.observation_space, "observations", id)
        self._buffers = _Buffers(self.num_envs, observation)
        self._slice = _Slice(self._envs, 0, self._buffers.arrays)
        self._observations = self._buffers.arrays["observations"].copy()

    def reset(self, seed: int | None = None) -> Array:
        self._slice.reset(seed)
        self._observations = self._buffers.arrays["observations"].copy()
        return self._observations

    def step(self, actions: Array) -> Step:
        self._slice.step(_actions_for_env(actions, self.action_space))
        next_observations = self._buffers.arrays["observations"].copy()
        step = self._buffers.step(self._observations, actions, next_observations)
        self._observations = next_observations
        return step

    def render(self) -> npt.NDArray[np.uint8]:
        try:
            return np.asarray(self._envs[0].render(), np.uint8)
        except Exception as error:  # whatever a user's environment raises
            why = f"{type(error).__name__}: {error}"
            raise AgentlabError(f"env={self.id!r} cannot be drawn: {why}") from error

    def close(self) -> None:
        for env in self._envs:
            env.close()


class WorkerVector(VectorEnv):
    """Environments stepped by worker processes that write into shared memory.

    Best for slow environments and for those whose step holds Python's interpreter lock, as the
    Atari emulator's does. Each worker steps a fixed share of the environments, so that the
    result does not depend on timing. The workers are processes of their own, started afresh, so
    that a script needs no ``if __name__ == "__main__"`` guard, and end when this process does.

    Args:
        makers: one function for each environment that makes it; sent to the workers by cloudpickle.
        id: the name to report.
        workers: how many processes.
    """

    def __init__(self, makers: Sequence[EnvMaker], id: str, workers: int) -> None:
        self.id, self.num_envs = id, len(makers)
        self._workers: list[subprocess.Popen[bytes]] = []
        self._pipes: list[Connection] = []
        probe = makers[0]()
        self.observation_space, self.action_space = probe.observation_space, probe.action_space
        probe.close()
        blanks = (
            _blank(self.observation_space, "observations", id),
            _blank(self.action_space, "actions", id),
        )
        # A file without a name: nothing is left behind however this process ends.
        shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._file = tempfile.TemporaryFile(dir=shm)  # noqa: SIM115 - close() closes it
        self._file.truncate(_Buffers(self.num_envs, *blanks).nbytes)
        self._buffers = _Buffers(self.num_envs, *blanks, mmap.mmap(self._file.fileno(), 0))
        edges = np.linspace(0, self.num_envs, min(workers, self.num_envs) + 1).astype(int).tolist()
        self._shares = [slice(*edge) for edge in itertools.pairwise(edges)]
        for share in self._shares:
            here, there = multiprocessing.Pipe()
            fds = (there.fileno(), self._file.fileno())
            code = f"from agentlab.envs.vector import _work; _work({fds[0]}, {fds[1]})"
            command = python_command(code, path=sys.path)
            self._workers.append(subprocess.Popen(command, pass_fds=fds, env=_worker_environ()))
            there.close()
            self._pipes.append(here)
            here.send((share.start, self.num_envs, *blanks))
            here.send_bytes(cloudpickle.dumps(makers[share]))
        try:
            self._wait()
        except AgentlabError:
            self.close()
            raise
        self._observations = self._buffers.arrays["observations"].copy()

    def reset(self, seed: int | None = None) -> Array:
        for pipe in self._pipes:
            self._ask(pipe, pickle.dumps(("reset", seed)))
        self._wait()
        self._observations = self._buffers.arrays["observations"].copy()
        return self._observations

    def step(self, actions: Array) -> Step:
        self._buffers.arrays["actions"][:] = actions
        for pipe in self._pipes:
            self._ask(pipe, _STEP)
        fresh = self._buffers.arrays["observations"]
        next_observations = np.empty_like(fresh)
        for pipe, share in zip(self._pipes, self._shares, strict=True):
            self._answer(pipe)
            next_observations[share] = fresh[share]  # while the next worker is still at it
        step = self._buffers.step(self._observations, actions, next_observations)
        self._observations = next_observations
        return step

    def render(self) -> npt.NDArray[np.uint8]:
        self._ask(self._pipes[0], pickle.dumps(("render", None)))
        return np.asarray(self._answer(self._pipes[0]), np.uint8)

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()  # a worker whose pipe closes ends by itself
        for worker in self._workers:
            worker.wait()
        self._pipes, self._workers = [], []
        self._file.close()

    def _wait(self) -> None:
        for pipe in self._pipes:
            self._answer(pipe)

    def _ask(self, pipe: Connection, message: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            pipe.send_bytes(message)  # where the worker is dead, _answer says so

    def _answer(self, pipe: Connection) -> Any:
        try:
            message = pipe.recv_bytes()
            answer = pickle.loads(message) if message else None
        except (EOFError, ConnectionResetError):
            answer = _Failure("its worker process died")
        if isinstance(answer, _Failure):
            raise AgentlabError(f"env={self.id!r} failed while it ran: {answer.text}")
        return answer


@dataclass
class _Failure:
    """What went wrong in a worker, on its way to the process that waits for it."""

    text: str


def _worker_environ() -> dict[str, str]:
    # An environment's own linear algebra must not fight the other workers for cores.
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _work(pipe_fd: int, memory_fd: int) -> None:
    """Body of a worker process: serve its share of the environments until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the trainer's to handle
    pipe = Connection(pipe_fd)
    try:
        start, n, observation, action = pipe.recv()
        envs = [make() for make in cloudpickle.loads(pipe.recv_bytes())]
        arrays = _Buffers(n, observation, action, mmap.mmap(memory_fd, 0)).arrays
        piece, actions = _Slice(envs, start, arrays), arrays["actions"][start : start + len(envs)]
        space, answer = envs[0].action_space, b""
        while True:
            pipe.send_bytes(answer)
            # A core that falls asleep between two steps takes long to wake: wait a little, busily,
            # but let whatever else wants the core have it.
            patience = time.perf_counter() + PATIENCE
            while not pipe.poll() and time.perf_counter() < patience:
                os.sched_yield()
            message, answer = pipe.recv_bytes(), b""
            if message == _STEP:
                # An environment may keep its action, so it gets one that nobody overwrites.
                piece.step(_actions_for_env(actions.copy(), space))
                continue
            verb, seed = pickle.loads(message)
            if verb == "reset":
                piece.reset(seed)
            else:
                answer = pickle.dumps(envs[0].render())
    except (EOFError, ConnectionResetError, BrokenPipeError):
        pass  # the trainer is gone, and so are we
    except Exception as error:
        traceback.print_exc()
        pipe.send(_Failure(f"{type(error).__name__}: {error}"))
