"""``agentlab serve``: serve exported models over HTTP."""

from __future__ import annotations

import logging
import os
from dataclasses import replace

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.cli.report import show
from agentlab.deploy.serving.server import serve
from agentlab.deploy.serving.settings import TOKEN, Serving
from agentlab.deploy.serving.store import Store
from agentlab.errors import printable

DESCRIPTION = """Serve exported models over HTTP, with TensorFlow Serving's REST API.
FOLDER contains NAME/VERSION/ for each model, or is a single export."""
LOCAL = ("127.0.0.1", "::1", "localhost")


def run(words: list[str]) -> int:
    """Serve with the command line arguments ``words`` and return the exit code."""
    parser = Parser(program("serve"), DESCRIPTION, words="FOLDER")
    parser.add_fields(Serving, "flags")
    arguments = parser.given_with("FOLDER", "folder of exported models", words)
    if arguments is None:
        return 0
    folder, given = arguments
    settings = Serving(**given)
    settings = replace(settings, token=settings.token or os.environ.get(TOKEN) or None)
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("agentlab.serve").setLevel(logging.INFO)
    if settings.token is None and settings.host not in LOCAL:
        show("warning", f"anyone who can reach {settings.host} can use the models; see --token")
    serve(folder, settings, _announce)
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
