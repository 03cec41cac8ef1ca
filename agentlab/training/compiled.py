"""Compiled functions of nested arrays that are called often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentlab.lazy import tf


class Compiled:
    """A function of one nest of arrays, compiled for the shapes and dtypes of a specification.

    A call costs half as much as one of a ``tf.function``, which examines nested arguments again at
    every call: 0.3 instead of 0.6 ms for the update of ``a2c``. Inside another compiled function it
    is a part of that function.

    Args:
        function: a function of the nest, as tensors.
        spec: a nest of TensorSpecs.
        xla: compile with XLA.
    """

    def __init__(self, function: Callable[[Any], Any], spec: Any, xla: bool) -> None:
        self._specs = tf.nest.flatten(spec)

        def run(*flat: Any) -> Any:
            return function(tf.nest.pack_sequence_as(spec, flat))

        self._run = tf.function(run, self._specs, jit_compile=xla)
        self._traced: Any = None

    def __call__(self, arrays: Any) -> Any:
        """Return the function's value for a nest of arrays or tensors."""
        flat = tf.nest.flatten(arrays)
        if not tf.executing_eagerly():
            return self._run(*flat)
        if self._traced is None:
            self._traced = self._run.get_concrete_function()
        dtyped = zip(flat, self._specs, strict=True)
        return self._traced(*(tf.convert_to_tensor(array, spec.dtype) for array, spec in dtyped))


def can_compile(spec: Any) -> bool:
    """Return whether a specification consists of dense tensors, as ``Compiled`` needs."""
    return all(isinstance(part, tf.TensorSpec) for part in tf.nest.flatten(spec))
