"""The server process: a socket, the models of a folder, and uvicorn."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentlab.deploy.serving.store import Store
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import check_modules

MODULES = {"fastapi": "fastapi", "uvicorn": "uvicorn"}  # the packages that contain them


def serve(
    folder: Path | str,
    host: str = "127.0.0.1",
    port: int = 8501,
    *,
    kept: int = 1,
    on_start: Callable[[str, Store], None] = lambda url, store: None,
    **settings: Any,
) -> None:
    """Serve the models of a folder until the process is interrupted.

    Args:
        folder: ``FOLDER/NAME/VERSION/`` with exported models, or a single export.
        host: address of the network interface to listen on.
        port: TCP port; 0 for any free port.
        kept: number of versions of each model to load, the newest ones.
        on_start: called with the server's URL and its models before the first request.
        settings: see ``agentlab.deploy.serving.app.Serving``.

    Raises:
        AgentlabError: for a missing package, a folder without a model that can be loaded, or an
            address that cannot be used.
    """
    check_modules("serving", MODULES, "serve")
    import uvicorn

    from agentlab.deploy.serving.app import Serving, make_app

    store = open_store(folder, kept)
    app = make_app(store, Serving(**settings))
    with _listening(host, port) as sock:
        name = f"[{host}]" if ":" in host else host
        on_start(f"http://{name}:{sock.getsockname()[1]}", store)
        config = uvicorn.Config(app, log_level="error", access_log=False)
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it after the last response
            uvicorn.Server(config).run(sockets=[sock])


def open_store(folder: Path | str, kept: int = 1) -> Store:
    """Load the models of a folder.

    Raises:
        AgentlabError: if there are none, or if none can be loaded.
    """
    store = Store(folder, kept)
    for change in store.load_new():
        change()
    if not store.models:
        raise AgentlabError(
            f"FOLDER={str(folder)!r} contains no exported models: `agentlab export RUN --out "
            f"{Path(folder) / 'NAME' / '1'}` writes one"
        )
    if not any(model.live for model in store.models.values()):
        name, model = next(iter(store.models.items()))
        reason, _ = next(iter(model.failed.values()))
        raise AgentlabError(f"model {name!r} cannot be served: {reason}")
    return store


def _listening(host: str, port: int) -> socket.socket:
    """Return a listening socket."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(2_048)
    except OSError as error:
        raise InvalidArgument(
            f"host={host!r}, port={port} cannot be used: {error.strerror or error}"
        ) from error
    return sock
