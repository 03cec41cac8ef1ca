"""A bound on the weights that a file may ask for."""

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
    """Bound the weights that are made within by the size of the file that holds their values.

    A description of a few bytes can ask for a layer of a billion units, and Keras would make it
    before it finds that the file has no such weights.

    Args:
        path: the file; a missing one counts as empty.

    Raises:
        AgentlabError: within, before weights are made that the file cannot hold.
    """
    size = os.path.getsize(path) if path.exists() else 0
    left = unpacked_limit(size)
    make = keras.Variable.__init__

    def count(self: Any, initializer: Any, shape: Any = None, *args: Any, **kwargs: Any) -> None:
        nonlocal left
        needed = shape if shape is not None else getattr(initializer, "shape", ())
        left -= 4 * math.prod(side for side in needed if side is not None)
        if left < 0:
            raise AgentlabError(
                f"its net needs more weights than the {size:,} bytes of {path} hold"
            )
        make(self, initializer, shape, *args, **kwargs)

    keras.Variable.__init__ = count  # Keras has no hook that is called before a weight is made
    try:
        yield
    finally:
        keras.Variable.__init__ = make
