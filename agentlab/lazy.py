"""Lazy imports of TensorFlow and Keras, without their startup messages."""

from __future__ import annotations

import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from agentlab.errors import AgentlabError

BANNER = re.compile(
    rb"WARNING: All log messages before absl::|[IWE]\d{4} \d\d:\d\d:\d\d"
    rb"|INFO: Created TensorFlow Lite"
)


class LazyModule:
    """A module that is imported when one of its attributes is first accessed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute == "__wrapped__":  # asked by inspect and doctest, even if not installed
            raise AttributeError(attribute)
        if self._name not in sys.modules and "tensorflow" not in sys.modules:
            _check_backend()
            with without_banners():
                module = importlib.import_module(self._name)
                if "tensorflow" in sys.modules:  # looks for GPUs now, while messages are hidden
                    sys.modules["tensorflow"].config.list_physical_devices()
            return getattr(module, attribute)
        return getattr(importlib.import_module(self._name), attribute)


def choose_backend() -> None:
    """Make Keras use TensorFlow, whatever its configuration says, and silence TensorFlow's log.

    Takes effect if neither has been imported yet.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"


def _check_backend() -> None:
    loaded = sys.modules.get("keras")
    backend = loaded.backend.backend() if loaded is not None else "tensorflow"
    if backend != "tensorflow":
        raise AgentlabError(
            f"Keras was imported with the backend {backend!r}, but agentlab needs 'tensorflow': "
            "import agentlab before keras, or set KERAS_BACKEND=tensorflow"
        )


def check_modules(what: str, packages: Mapping[str, str], extra: str) -> None:
    """Raise ``AgentlabError`` with the command that installs them, if modules are missing.

    Args:
        what: what needs the modules.
        packages: the packages that contain them, by module.
        extra: the extra of agentlab that installs them.
    """
    missing = [package for module, package in packages.items() if find_spec(module) is None]
    if missing:
        raise AgentlabError(
            f"{what} needs {', '.join(missing)}: run `pip install 'agentlab[{extra}]'`"
        )


tf: Any = LazyModule("tensorflow")
keras: Any = LazyModule("keras")
h5py: Any = LazyModule("h5py")


@contextmanager
def without_banners() -> Iterator[None]:
    """Remove TensorFlow's startup messages from stderr; all other output is printed at the end.

    The messages are about oneDNN and missing GPUs. ``TF_CPP_MIN_LOG_LEVEL`` does not suppress them,
    because they are written from C++ before TensorFlow's logging is initialized.
    """
    try:
        terminal = os.dup(2)
    except OSError:  # stderr is closed
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            for line in held:
                if not BANNER.match(line):
                    os.write(2, line)
