"""The optimizers of Keras by name, known without loading TensorFlow."""

from __future__ import annotations

from agentlab.config import did_you_mean
from agentlab.errors import InvalidArgument

OPTIMIZERS = (
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "ftrl",
    "lamb",
    "lion",
    "muon",
    "nadam",
    "rmsprop",
    "schedulefreeadamw",
    "sgd",
)


def check_optimizer(name: str) -> None:
    """Check that ``name`` is an optimizer of Keras; case is ignored.

    Raises:
        InvalidArgument: for an unknown name.

    >>> check_optimizer("adm")
    Traceback (most recent call last):
    agentlab.errors.InvalidArgument: optimizer='adm' is unknown; did you mean 'adam' ...
    """
    if name.lower() not in OPTIMIZERS:
        hint = did_you_mean(name, OPTIMIZERS) or f"; choose from {', '.join(OPTIMIZERS)}"
        raise InvalidArgument(f"optimizer={name!r} is unknown{hint}")
