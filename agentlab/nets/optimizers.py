"""Optimizers by name."""

from __future__ import annotations

from typing import Any

from agentlab.errors import AgentlabError
from agentlab.lazy import keras


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
