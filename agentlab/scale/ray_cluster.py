"""Connections to a Ray cluster, and the actors in it that step environments."""

from __future__ import annotations

import contextlib
import importlib
import os
import secrets
import socket
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentlab.envs.failures import EnvFailure
from agentlab.errors import InvalidArgument
from agentlab.lazy import LazyModule, check_modules
from agentlab.scale.env_actor import ActorLost, EnvActor

ray: Any = LazyModule("ray")

STORE_BYTES = 100 << 20  # memory of Ray's object store, which is not used
CONNECT_SECONDS = 10.0  # how long the head of a cluster may take to answer
START_SECONDS = 60.0  # how long a new actor may take to start
TOKEN = ".ray/auth_token"
ENVIRON = {
    "RAY_worker_niceness": "0",  # normal priority for actors; the default is 15
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
}


class RayCluster:
    """A connection to a Ray cluster, or to a new one on this machine.

    Args:
        address: ``"local"`` starts Ray on this machine; otherwise the address of a cluster, such as
            ``"10.0.0.1:6379"`` or ``"auto"`` for the one on this machine.
        cpus: with ``"local"``, at least this many actors may run, even on fewer cores.

    Attributes:
        cpus: number of CPUs of the cluster.

    Raises:
        AgentlabError: if Ray is not installed, or the cluster cannot be reached.
    """

    def __init__(self, address: str = "local", cpus: int = 1) -> None:
        check_modules(f"ray={address!r}", {"ray": "ray"}, "ray")
        with _environ(address):  # Ray reads some of it when it is imported
            self._own = not ray.is_initialized()
            if self._own:
                _connect(address, cpus)
        self.cpus = int(ray.cluster_resources().get("CPU", 0))

    def start_actor(self) -> RayActor:
        """Start an actor; it waits for a connection."""
        return RayActor()

    def close(self) -> None:
        """Disconnect, and stop a cluster that was started here."""
        if self._own and ray.is_initialized():
            ray.shutdown()


class RayActor:
    """A Ray actor that steps environments.

    Attributes:
        key: the secret with which to connect.
        address: host and port at which to connect.

    Raises:
        ActorLost: if it was killed while it started, or could not be made.
        EnvFailure: if the cluster has no free CPU for it.
    """

    def __init__(self) -> None:
        self.key = secrets.token_bytes(32)
        remote = ray.remote(num_cpus=1, max_restarts=0)(_RemoteEnvs)
        self._actor = remote.remote(self.key, os.getcwd(), sys.path)
        try:
            self.address = ray.get(self._actor.address.remote(), timeout=START_SECONDS)
        except ray.exceptions.GetTimeoutError:
            self.end()
            raise EnvFailure(
                f"the Ray cluster started no actor within {START_SECONDS:g} s: "
                f"{_free_cpus()} CPUs are free; pass fewer --workers"
            ) from None
        except ray.exceptions.RayError as error:
            raise ActorLost(_lines(error)[-1].rstrip(".")) from None
        self._actor.serve.remote()

    def end(self) -> None:
        """End the actor's process."""
        with contextlib.suppress(Exception):  # it may be gone, as may the cluster
            ray.kill(self._actor)


class _RemoteEnvs(EnvActor):
    """An ``EnvActor`` that listens in the network of its Ray cluster.

    Args:
        key: the secret that the learner must know to connect.
        folder: the learner's working directory; used if it exists on this machine.
        path: the learner's import path, whose folders are searched last.
    """

    def __init__(self, key: bytes, folder: str, path: list[str]) -> None:
        with contextlib.suppress(OSError):
            os.chdir(folder)
        sys.path.extend(place for place in path if place and place not in sys.path)
        super().__init__(key, ray.util.get_node_ip_address())


def _connect(address: str, cpus: int) -> None:
    """Connect to a cluster, or start one."""
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    _check_address(address)
    # Ray puts the working directory first on the import path of its processes; it may be untrusted.
    with contextlib.chdir(os.sep):
        try:
            if address == "local":
                ray.init(
                    address="local",
                    num_cpus=max(cpus, os.cpu_count() or 1),
                    include_dashboard=False,
                    object_store_memory=STORE_BYTES,
                    **quiet,
                )
            else:
                ray.init(address=address, **quiet)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise _unreachable(address, f": {_lines(error)[0].rstrip('.')}") from None
    # Ray has no option that turns off its long message about each lost process.
    with contextlib.suppress(ImportError):
        vars(importlib.import_module("ray._private.worker"))["print_to_stdstream"] = _ignore


def _check_address(address: str) -> None:
    """Raise ``InvalidArgument`` unless something listens at an address; Ray retries for minutes."""
    if address in ("local", "auto"):
        return
    host, _, port = address.rpartition(":")
    try:
        if not host or not port.isdecimal() or "/" in host:
            raise ValueError(address)
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        why = f": {error.strerror or error}" if isinstance(error, OSError) else ""
        raise _unreachable(address, why) from None


def _unreachable(address: str, why: str) -> InvalidArgument:
    return InvalidArgument(
        f"ray={address!r} cannot be reached{why}; pass the address of a running cluster, such as "
        "10.0.0.1:6379, or local"
    )


def _ignore(*arguments: Any, **options: Any) -> None:
    """Print nothing."""


@contextlib.contextmanager
def _environ(address: str) -> Iterator[None]:
    """Set variables that Ray reads, and that the processes of a new cluster inherit."""
    wanted = dict(ENVIRON)
    if address != "local" and (Path.home() / TOKEN).is_file():
        # `ray start` asks for it.
        wanted["RAY_AUTH_MODE"] = os.environ.get("RAY_AUTH_MODE", "token")
    own = str(Path(__file__).parents[2])
    if own != sysconfig.get_path("purelib"):  # a script in a folder that is not installed
        given = os.environ.get("PYTHONPATH")
        wanted["PYTHONPATH"] = f"{given}{os.pathsep}{own}" if given else own
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _free_cpus() -> str:
    return f"{ray.available_resources().get('CPU', 0.0):g}"


def _lines(error: BaseException) -> list[str]:
    """Return the lines of an error's message; without a message, its type."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines or [type(error).__name__]
