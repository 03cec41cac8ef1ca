"""The learner's end of the connection to an actor that steps environments."""

from __future__ import annotations

import contextlib
import pickle
import sys
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from typing import Any, Protocol

from agentlab.envs.failures import EnvFailure
from agentlab.scale.env_actor import ENDED, FAILURE, STEPPED, ActorLost, use_promptly


class Actor(Protocol):
    """A process that runs ``EnvActor``, such as ``RayActor``."""

    key: bytes
    address: tuple[str, int]

    def end(self) -> None:
        """End the process."""


class Cluster(Protocol):
    """Starts actors, like ``RayCluster``."""

    cpus: int

    def start_actor(self) -> Actor:
        """Start an actor; it waits for a connection."""

    def close(self) -> None:
        """Disconnect."""


class ActorLink:
    """An actor and the connection to it; both can be replaced.

    Args:
        cluster: starts the actor.
        description: the first message to it: what it steps.

    Attributes:
        losses: number of actors that were lost since the last reply.
    """

    def __init__(self, cluster: Cluster, description: bytes) -> None:
        self._cluster, self._description = cluster, description
        self._actor: Actor | None = None
        self._connection: Connection | None = None
        self.losses = 0

    def start(self) -> None:
        """Start an actor in place of the last one, and describe its environments to it.

        Raises:
            ActorLost: if it was lost while it started.
            EnvFailure: if the cluster has no free CPU for it, or it cannot be reached.
        """
        self.end()
        actor = self._actor = self._cluster.start_actor()
        try:
            self._connection = Client(actor.address, authkey=actor.key)
        except (EOFError, ConnectionResetError, ConnectionRefusedError):
            raise ActorLost from None
        except (OSError, AuthenticationError) as error:
            raise EnvFailure(
                f"the Ray actor at {actor.address[0]} cannot be reached ({error}); the learner "
                "must run on a machine of the cluster"
            ) from error
        use_promptly(self._connection)
        self.send(self._description)

    def end(self) -> None:
        """End the actor, if there is one."""
        if self._connection is not None:
            self._connection.close()  # the actor then closes its environments
        if self._actor is not None:
            self._actor.end()
        self._connection = self._actor = None

    def send(self, message: bytes) -> None:
        """Send a message; if the actor was lost, ``receive`` raises ``ActorLost``."""
        with contextlib.suppress(OSError):
            if self._connection is not None:
                self._connection.send_bytes(message)

    def receive(self) -> Any:
        """Return the actor's reply.

        Returns:
            The result of a command. After a step, a tuple: its arrays as bytes, the offset at which
            they begin, and details of the episodes that ended, or ``None``.

        Raises:
            ActorLost: if the actor was lost.
            EnvFailure: if an environment failed.
        """
        if self._connection is None:
            raise ActorLost
        try:
            message = self._connection.recv_bytes()
        except (EOFError, OSError):
            raise ActorLost from None
        if message.startswith(STEPPED):
            return message, 1, None
        content = pickle.loads(memoryview(message)[1:])
        if message.startswith(ENDED):
            return content[0], 0, content[1:]
        if not message.startswith(FAILURE):
            return content
        # The file name that cloudpickle gives to code that it sends by value: the script's own.
        script = getattr(sys.modules["__main__"], "__file__", None)
        failure = EnvFailure(content.message.replace("<dynamic-code>", script or "script"))
        failure.add_note(content.traceback)  # for --debug
        raise failure
