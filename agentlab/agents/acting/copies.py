"""Copies of Keras networks, used as actors and as target networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import keras
import tensorflow as tf

Net = TypeVar("Net", bound=keras.Model)


def clone(net: Net) -> Net:
    """Return an independent copy of ``net`` with the same weights."""
    copy: Net = type(net).from_config(net.get_config())
    copy_weights(net, copy)
    return copy


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Copy the weights of ``source`` to ``target``, a network of the same architecture."""
    for old, new in zip(target.variables, source.variables, strict=True):
        old.assign(new)


def make_target_update(target: keras.Model, net: keras.Model) -> Any:
    """Return a compiled function of ``tau`` that moves ``target``'s weights toward ``net``'s.

    ``w' <- w' + tau (w - w')`` (Lillicrap et al. 2016, algorithm 1); ``tau=1`` copies exactly.
    """
    pairs = list(zip(target.variables, net.variables, strict=True))

    @tf.function(input_signature=[tf.TensorSpec((), tf.float32)])
    def update_target(tau: Any) -> None:
        for old, new in pairs:
            old.assign(tf.where(tau == 1.0, new, old + tau * (new - old)))

    return update_target


def over_minibatches(call: Callable[[Any], Any], spec: Any, xla: bool) -> Any:
    """Return a compiled function that applies ``call`` once to all minibatches ``[n, b, ...]``.

    Args:
        call: a function from ``[m, ...]`` to ``[m, ...]``.
        spec: the TensorSpec of the minibatches.
        xla: whether to compile with XLA.
    """

    def apply(minibatches: Any) -> Any:
        _, batch, *shape = minibatches.shape
        outputs = call(tf.reshape(minibatches, (-1, *shape)))
        return tf.reshape(outputs, (-1, batch, *outputs.shape[1:]))

    return tf.function(apply, [spec], jit_compile=xla)
