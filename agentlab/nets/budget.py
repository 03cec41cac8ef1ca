"""A limit on the weights that are created while a file is loaded."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentlab.errors import AgentlabError
from agentlab.lazy import keras
from agentlab.runs.reading import unpacked_limit


@contextmanager
def weights_within(path: Path) -> Iterator[None]:
    """Limit the weights that Keras creates within to those that a file can hold.

    A configuration of a few bytes can describe a layer of a billion units, which Keras would create
    before it notices that the file does not contain such weights.

    Args:
        path: the file with the values of the weights; a missing file counts as empty.

    Raises:
        AgentlabError: before weights are created that the file cannot hold.
    """
    size = os.path.getsize(path) if path.exists() else 0
    remaining = unpacked_limit(size)
    original = keras.Variable.__init__

    def checked(self: Any, initializer: Any, shape: Any = None, *args: Any, **kwargs: Any) -> None:
        nonlocal remaining
        needed = shape if shape is not None else getattr(initializer, "shape", ())
        remaining -= 4 * math.prod(side for side in needed if side is not None)
        if remaining < 0:
            raise AgentlabError(
                f"its net needs more weights than the {size:,} bytes of {path} hold"
            )
        original(self, initializer, shape, *args, **kwargs)

    keras.Variable.__init__ = checked  # Keras has no hook for the creation of variables
    try:
        yield
    finally:
        keras.Variable.__init__ = original
