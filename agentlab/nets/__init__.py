"""Networks: Keras models with typed arguments, each a torso to which others put their heads.

``TORSOS`` names them; ``make_torso`` builds one for a shape. TensorFlow is loaded when a network
is made, not when this package is imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from agentlab.config import did_you_mean
from agentlab.errors import AgentlabError

if TYPE_CHECKING:
    import keras

TORSOS: dict[str, tuple[str, dict[str, Any]]] = {
    "mlp": ("agentlab.nets.mlp:MLP", {}),
    # Mnih et al. 2015, "Human-level control through deep reinforcement learning", Methods.
    "nature_cnn": ("agentlab.nets.cnn:CNN", {}),
    # Mnih et al. 2013, "Playing Atari with Deep Reinforcement Learning", section 5.
    "small_cnn": (
        "agentlab.nets.cnn:CNN",
        {"filters": (16, 32), "kernels": (8, 4), "strides": (4, 2), "units": 256},
    ),
}


def make_torso(net: str, input_shape: tuple[int, ...], **arguments: Any) -> keras.Model:
    """Build the torso ``net`` for inputs of ``input_shape`` (without the batch).

    Args:
        net: a key of ``TORSOS``.
        input_shape: shape of one input.
        arguments: passed to the torso's class over the registered ones.

    Returns:
        A built Keras model ``[batch, *input_shape] -> [batch, features]``.

    Raises:
        AgentlabError: for an unknown name, or a picture that is missing or too small.
    """
    if net not in TORSOS:
        hint = did_you_mean(net, TORSOS) or f"; there are {', '.join(TORSOS)}"
        raise AgentlabError(f"net={net!r} is unknown{hint}")
    path, registered = TORSOS[net]
    module, cls = path.split(":")
    if cls == "CNN" and len(input_shape) != 3:
        raise AgentlabError(
            f"net={net!r} needs pictures [height, width, channels], but observations have the "
            f"shape {list(input_shape)}; use net='mlp'"
        )
    torso = getattr(import_module(module), cls)(**{**registered, **arguments})
    try:
        torso.build((None, *input_shape))
    except ValueError as error:
        raise AgentlabError(
            f"net={net!r} does not fit observations of the shape {list(input_shape)}: {error}"
        ) from error
    return torso
