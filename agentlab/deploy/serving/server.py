"""The server process: a socket, the models of a folder, and uvicorn."""

from __future__ import annotations

import contextlib
import gc
import socket
from collections.abc import Callable
from pathlib import Path

from agentlab.deploy.serving.settings import Serving
from agentlab.deploy.serving.store import Store
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import check_modules, without_banners

MODULES = {"starlette": "starlette", "uvicorn": "uvicorn"}  # the packages that contain them


def serve(
    folder: Path | str,
    settings: Serving | None = None,
    on_start: Callable[[str, Store], None] = lambda url, store: None,
) -> None:
    """Serve the models of a folder until the process is interrupted.

    Args:
        folder: ``FOLDER/NAME/VERSION/`` with exported models, or a single export.
        settings: the address, the limits and so on; ``None`` for the defaults.
        on_start: called with the server's URL and its models before the first request.

    Raises:
        AgentlabError: for a missing package, a folder without a model that can be loaded, or an
            address that cannot be used.
    """
    check_modules("serving", MODULES, "serve")
    import uvicorn

    from agentlab.deploy.serving.app import make_app

    settings = settings or Serving()
    with without_banners():
        store = open_store(folder, settings.kept)
    app = make_app(store, settings)
    gc.collect()
    gc.freeze()  # later collections skip the modules and models loaded so far
    with _listening(settings.host, settings.port) as sock:
        name = f"[{settings.host}]" if ":" in settings.host else settings.host
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
