"""The activations of Keras by name, known without loading TensorFlow."""

from __future__ import annotations

from agentlab.config import did_you_mean
from agentlab.errors import InvalidArgument

ACTIVATIONS = (
    "celu",
    "elu",
    "exponential",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
)


def check_activation(name: str | None) -> None:
    """Check that ``name`` is an activation of Keras; ``None`` is none, that is linear.

    Raises:
        InvalidArgument: for an unknown name.

    >>> check_activation("relo")
    Traceback (most recent call last):
    agentlab.errors.InvalidArgument: activation='relo' is unknown; did you mean 'relu' ...
    """
    if name is not None and name not in ACTIVATIONS:
        hint = did_you_mean(str(name), ACTIVATIONS)
        hint = hint or "; use an activation of Keras, such as tanh or relu"
        raise InvalidArgument(f"activation={name!r} is unknown{hint}")
