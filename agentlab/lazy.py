"""Lazy imports of TensorFlow and Keras, without their startup messages."""

from __future__ import annotations

import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BANNER = re.compile(rb"WARNING: All log messages before absl::|[IWE]\d{4} \d\d:\d\d:\d\d")


class LazyModule:
    """A module that is imported when one of its attributes is first accessed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)


tf: Any = LazyModule("tensorflow")
keras: Any = LazyModule("keras")
h5py: Any = LazyModule("h5py")


@contextmanager
def without_banners() -> Iterator[None]:
    """Remove TensorFlow's startup messages from stderr; all other output is printed at the end.

    The messages are about oneDNN and missing GPUs. ``TF_CPP_MIN_LOG_LEVEL`` does not suppress them,
    because they are written from C++ before TensorFlow's logging is initialized.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            for line in held:
                if not BANNER.match(line):
                    os.write(2, line)
