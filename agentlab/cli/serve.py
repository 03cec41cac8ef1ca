"""``agentlab serve``: serve exported models over HTTP."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.cli.report import show
from agentlab.config import Options, option
from agentlab.deploy.serving.server import serve
from agentlab.deploy.serving.store import Store
from agentlab.errors import AgentlabError, printable

DESCRIPTION = """Serve exported models over HTTP, with TensorFlow Serving's REST API.
FOLDER contains NAME/VERSION/ for each model, or is a single export."""
TOKEN = "AGENTLAB_SERVE_TOKEN"
LOCAL = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class ServeOptions(Options):
    """Options of the server."""

    port: int = option(8501, "TCP port; 0 for any free port", ge=0, le=65_535)
    host: str = option("127.0.0.1", "address to listen on; 0.0.0.0 for all network interfaces")
    token: str | None = option(
        None,
        "bearer token that requests must contain; without it, the value of the "
        f"environment variable {TOKEN}, if it is set",
    )
    kept: int = option(1, "number of versions of each model to load, the newest ones", ge=1)
    poll: float = option(2.0, "seconds between checks for new versions", gt=0)
    max_body: int = option(32 << 20, "maximum size of a request body in bytes", ge=1)
    session_seconds: float = option(600.0, "seconds after which an idle session expires", gt=0)
    max_sessions: int = option(10_000, "maximum number of sessions of recurrent agents", ge=1)


def run(words: list[str]) -> int:
    """Serve with the command line arguments ``words`` and return the exit code."""
    parser = Parser(program("serve"), DESCRIPTION, words="FOLDER")
    parser.add_argument("folder", nargs="?", metavar="FOLDER", help="folder of exported models")
    parser.add_fields(ServeOptions, "flags")
    given = parser.given(words)
    if given.pop("help", False):
        parser.print_help()
        return 0
    folder = given.pop("folder", None)
    if folder is None:
        raise AgentlabError(f"FOLDER is missing; usage: {program('serve')} FOLDER --port 8501")
    options = ServeOptions(**given)
    token = options.token or os.environ.get(TOKEN) or None
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("agentlab.serve").setLevel(logging.INFO)
    if token is None and options.host not in LOCAL:
        show("warning", f"anyone who can reach {options.host} can use the models; see --token")
    serve(folder, on_start=_announce, **{**vars(options), "token": token})
    print("stopped")
    return 0


def _announce(url: str, store: Store) -> None:
    """Print the models and how to call one."""
    for name, model in store.models.items():
        if model.live:
            version = store.newest(name)
            shapes = ", ".join(f"{i.name} {i.dtype} {list(i.shape[1:])}" for i in version.inputs)
            show("model", printable(f"{name}, version {version.number}: {shapes}"))
        else:
            show("warning", printable(f"{name} cannot be loaded"))
    first = next(name for name, model in store.models.items() if model.live)
    agent = any(info.name == "actions" for info in store.newest(first).outputs)
    show("try", printable(f"curl {url}/v1/models/{first}/metadata"))
    show("predict", f"POST {url}/v1/models/{first}:{'act' if agent else 'predict'}")
    print("serving; Ctrl-C stops", flush=True)
