"""TensorFlow and Keras, loaded when something first uses them, so that ``--help`` is quick."""

from __future__ import annotations

import importlib
from typing import Any


class LazyModule:
    """Stands for a module until an attribute of it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)


tf: Any = LazyModule("tensorflow")
keras: Any = LazyModule("keras")
