"""The dtype in which new layers compute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from agentlab.lazy import keras


@contextmanager
def layers_of(precision: str) -> Iterator[None]:
    """Make new layers compute in ``"float32"`` or ``"bfloat16"``; their weights are float32."""
    before = keras.config.dtype_policy()
    if precision != "float32":
        keras.config.set_dtype_policy(f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
