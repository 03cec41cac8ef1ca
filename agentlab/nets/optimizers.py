"""Optimizers by name."""

from __future__ import annotations

from typing import Any

from agentlab.errors import AgentlabError
from agentlab.lazy import keras, tf


def make_optimizer(name: str, learning_rate: float, **arguments: Any) -> Any:
    """Make the Keras optimizer ``name`` (``adam``, ``rmsprop``, ``sgd``, ...; case is ignored).

    Args:
        name: a Keras optimizer's class name.
        learning_rate: step size.
        arguments: passed to its class.

    Raises:
        AgentlabError: for a name that Keras does not know.
    """
    known = {
        key.lower(): cls
        for key, cls in vars(keras.optimizers).items()
        if isinstance(cls, type) and key not in ("Optimizer", "LossScaleOptimizer")
    }
    if name.lower() not in known:
        raise AgentlabError(f"optimizer={name!r} is unknown; there are {', '.join(sorted(known))}")
    name = name.lower()
    return known[name](learning_rate=learning_rate, name=name, **arguments)


def compiled_apply(optimizer: Any, variables: list[Any], max_norm: float | None) -> Any:
    """Return a compiled function that applies gradients, bounded in norm, and returns that norm.

    Compiled, it passes once over the weights instead of a dozen times.

    Args:
        optimizer: a built Keras optimizer.
        variables: what it changes.
        max_norm: bound on the norm of all gradients together (Pascanu et al. 2013); ``None`` for
            no bound.
    """

    @tf.function(jit_compile=True)
    def apply(gradients: list[Any]) -> Any:
        norm = tf.linalg.global_norm(gradients)
        if max_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, max_norm, norm)
        optimizer.apply(gradients, variables)
        return norm

    return apply
