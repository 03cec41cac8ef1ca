"""The code of a Ray actor that steps some of the environments of a ``RayVector``."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import traceback
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener
from typing import cast

import cloudpickle
import numpy as np

from agentlab.envs.failures import EnvFailure, describe_error
from agentlab.envs.registrations import register
from agentlab.envs.replayed_vector import ReplayedVector
from agentlab.envs.vector import Step, zeros_of
from agentlab.envs.worker import STEP, Failure
from agentlab.errors import AgentlabError

STEPPED, ENDED, RESULT, FAILURE = b"s", b"e", b"r", b"f"  # the first byte of a reply
# The arrays in the reply to a step, one after the other.
ARRAYS = ("next_observations", "raw_rewards", "rewards", "terminated", "truncated", "episode_over")
# TCP keepalive: seconds before the first probe and between probes, and the number of probes.
IDLE, INTERVAL, PROBES = 10, 5, 3


class ActorLost(Exception):
    """An actor was lost: its process was killed, or its machine failed."""


class EnvActor:
    """Steps environments for a learner that connects to it.

    It imports no TensorFlow and runs at normal priority.

    Args:
        key: the secret that the learner must know to connect.
        host: the address of this machine in the cluster's network.
    """

    def __init__(self, key: bytes, host: str) -> None:
        with contextlib.suppress(OSError):  # only root may raise the priority
            os.setpriority(os.PRIO_PROCESS, 0, 0)
        self._listener = Listener((host, 0), authkey=key)

    def address(self) -> tuple[str, int]:
        """Return the host and the port at which the learner connects."""
        return cast(tuple[str, int], self._listener.address)

    def serve(self) -> None:
        """Wait for the learner, and step environments until it closes the connection."""
        while True:
            try:
                connection = self._listener.accept()
                break
            except (AuthenticationError, OSError, EOFError):  # not the learner: keep waiting
                continue
        with self._listener, connection:
            use_promptly(connection)
            serve(connection)


def use_promptly(connection: Connection) -> None:
    """Send small messages at once, and notice when the other machine is switched off."""
    with socket.socket(fileno=os.dup(connection.fileno())) as own:
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("IDLE", IDLE), ("INTVL", INTERVAL), ("CNT", PROBES)):
            if hasattr(socket, f"TCP_KEEP{name}"):  # Linux
                own.setsockopt(socket.IPPROTO_TCP, getattr(socket, f"TCP_KEEP{name}"), value)


def serve(connection: Connection) -> None:
    """Make the environments that the learner describes, and reply to its commands."""
    envs: ReplayedVector | None = None
    try:
        start, count, make, specs = pickle.loads(connection.recv_bytes())
        register(specs)
        envs = cloudpickle.loads(make)(start, count)
        _reply(connection, envs)
    except (EOFError, ConnectionError):
        pass  # the learner has closed the connection, or exited
    except AgentlabError as error:
        _send_failure(connection, error, str(error))
    except BaseException as error:
        _send_failure(connection, error, describe_error(error))
    if envs is not None:
        with contextlib.suppress(EnvFailure):
            envs.close()


def _reply(connection: Connection, envs: ReplayedVector) -> None:
    """Reply to commands until the connection is closed."""
    action = zeros_of(envs.action_space, "action", envs.id)
    shape = (envs.num_envs, *action.shape)
    reply = RESULT + pickle.dumps(None)
    while True:
        connection.send_bytes(reply)
        command = connection.recv_bytes()
        if command.startswith(STEP):
            actions = np.frombuffer(command, action.dtype, offset=len(STEP)).reshape(shape)
            reply = _stepped(envs, envs.step(actions))
            continue
        name, arguments = pickle.loads(command)
        result = getattr(envs, name)(*arguments)
        if name in ("reset", "begin", "replay"):
            result = (result, *envs.group_states()[0])
        reply = RESULT + pickle.dumps(result)


def _stepped(envs: ReplayedVector, step: Step) -> bytes:
    """Return the reply to a step: its arrays, and the new episodes where one ended."""
    arrays = b"".join(getattr(step, name).tobytes() for name in ARRAYS)
    if not len(step.ended):
        return STEPPED + arrays
    ((_, episodes, origins),) = envs.group_states()
    over = np.flatnonzero(step.episode_over).tolist()
    begun = {i: (int(episodes[i]), origins[i]) for i in over}
    return ENDED + pickle.dumps((arrays, step.ended, step.final_observations, begun))


def _send_failure(connection: Connection, error: BaseException, message: str) -> None:
    text = "".join(traceback.format_exception(error))
    with contextlib.suppress(OSError):  # the learner may be gone
        connection.send_bytes(FAILURE + pickle.dumps(Failure(message, text)))
