"""Networks: Keras models with typed arguments, each a torso to which others put their heads.

``TORSOS`` names them; ``make_torso`` builds one for a shape, and ``make_net`` one with a head.
TensorFlow is loaded when a network is made, not when this package is imported.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from agentlab.config import did_you_mean
from agentlab.errors import AgentlabError

if TYPE_CHECKING:
    import keras

    from agentlab.nets.headed import Headed

Takes = Literal["numeric", "images", "sequences", "ids"]


class Registered(NamedTuple):
    """A torso that has a name.

    Attributes:
        path: of its class, ``module:Class``.
        arguments: of its class.
        takes: what its inputs are, a key of ``SHAPES``.
        example: the shape of one input that it is usually used for.
        text: what it is, in a line.
    """

    path: str
    arguments: dict[str, Any]
    takes: Takes
    example: tuple[int, ...]
    text: str


SHAPES: dict[Takes, tuple[str, tuple[int, ...]]] = {  # in words, and their lengths; () for any
    "numeric": ("numbers of any shape", ()),
    "images": ("images [height, width, channels] or [height, width]", (2, 3)),
    "sequences": ("sequences [time, features], or with vocabulary=N ids [time]", (2,)),
    "ids": ("ids [length]", (1,)),
}


def _cnn(arguments: dict[str, Any], text: str) -> Registered:
    return Registered("agentlab.nets.cnn:CNN", arguments, "images", (84, 84, 4), text)


def _resnet(depth: int) -> Registered:
    text = f"residual net of {depth} layers, CIFAR form (He et al. 2016)"
    return Registered(
        "agentlab.nets.residual:ResNet", {"depth": depth}, "images", (32, 32, 3), text
    )


def _rnn(cell: str, text: str) -> Registered:
    return Registered("agentlab.nets.rnn:RNN", {"cell": cell}, "sequences", (40, 1), text)


TORSOS: dict[str, Registered] = {
    "mlp": Registered(
        "agentlab.nets.mlp:MLP", {}, "numeric", (784,), "fully connected layers, 64-64 tanh"
    ),
    # Mnih et al. 2015, "Human-level control through deep reinforcement learning", Methods.
    "nature_cnn": _cnn({}, "three convolutions with strides, for games (Mnih et al. 2015)"),
    # Mnih et al. 2013, "Playing Atari with Deep Reinforcement Learning", section 5.
    "small_cnn": _cnn(
        {"filters": (16, 32), "kernels": (8, 4), "strides": (4, 2), "units": 256},
        "two convolutions with strides, for games (Mnih et al. 2013)",
    ),
    "lenet": Registered(
        "agentlab.nets.lenet:LeNet",
        {},
        "images",
        (28, 28, 1),
        "two 5x5 convolutions with pooling, for digits (LeCun et al. 1998)",
    ),
    "small_lenet": Registered(
        "agentlab.nets.lenet:LeNet",
        {"filters": (8, 16), "units": 128, "dropout": 0.0},
        "images",
        (28, 28, 1),
        "the same with a quarter of the filters, and no dropout",
    ),
    "vgg": Registered(
        "agentlab.nets.vgg:VGG",
        {},
        "images",
        (32, 32, 3),
        "blocks of 3x3 convolutions with pooling (Simonyan & Zisserman 2015)",
    ),
    "resnet20": _resnet(20),
    "resnet32": _resnet(32),
    "text_cnn": Registered(
        "agentlab.nets.text_cnn:TextCNN",
        {},
        "ids",
        (100,),
        "convolutions of several widths over words, maxima over time (Kim 2014)",
    ),
    "simple_rnn": _rnn("simple", "recurrent net without gates (Elman 1990)"),
    "lstm": _rnn("lstm", "long short-term memory (Hochreiter & Schmidhuber 1997)"),
    "peephole": _rnn("peephole", "LSTM whose gates see its cells (Gers & Schmidhuber 2000)"),
    "gru": _rnn("gru", "gated recurrent units (Cho et al. 2014)"),
}


def make_torso(net: str, input_shape: tuple[int, ...], **arguments: Any) -> keras.Model:
    """Build the torso ``net`` for inputs of ``input_shape`` (without the batch).

    Args:
        net: a key of ``TORSOS``.
        input_shape: shape of one input. Nets for images take ``[height, width]`` as gray ones.
        arguments: passed to the torso's class over the registered ones.

    Returns:
        A built Keras model ``[batch, *input_shape] -> [batch, features]``.

    Raises:
        AgentlabError: for an unknown name, an argument that is unknown or missing, a shape of
            another kind than the net takes, or an image that is too small.
    """
    cls, registered = torso_class(net), TORSOS[net]
    words, lengths = SHAPES[registered.takes]
    if registered.takes == "sequences" and arguments.get("vocabulary") is not None:
        words, lengths = SHAPES["ids"]
    if lengths and len(input_shape) not in lengths:
        raise AgentlabError(
            f"net={net!r} needs {words}, but inputs have the shape {list(input_shape)}; "
            "use net='mlp'"
        )
    arguments = {**registered.arguments, **arguments}
    _check_arguments(net, cls, arguments)
    torso = cls(**arguments)
    try:
        torso.build((None, *input_shape))
    except ValueError as error:
        raise AgentlabError(
            f"net={net!r} does not fit inputs of the shape {list(input_shape)}: {error}"
        ) from error
    return torso


def make_net(
    net: str,
    input_shape: tuple[int, ...],
    units: int,
    /,
    seed: int | None = None,
    dropout: float | None = None,
    **arguments: Any,
) -> Headed:
    """Build the torso ``net`` with a head of ``units`` outputs.

    Args:
        net: a key of ``TORSOS``.
        input_shape: shape of one input.
        units: outputs: classes, or numbers. By position, since a torso may have ``units`` too.
        seed: of all initial weights and dropouts.
        dropout: fraction dropped in training: by the torso where it has dropout, else of its
            features; ``None`` for the torso's own.
        arguments: passed to the torso's class.

    Raises:
        AgentlabError: as ``make_torso`` does.
    """
    from agentlab.nets.headed import Headed

    own = "dropout" in _parameters(torso_class(net))
    if own and dropout is not None:
        arguments["dropout"] = dropout
    torso = make_torso(net, input_shape, **{"name": "torso", "seed": seed, **arguments})
    head_seed = None if seed is None else seed + 1000  # beyond those of the torso's layers
    return Headed(torso, units, 0.0 if own else dropout or 0.0, head_seed, name=net)


def torso_class(net: str) -> Any:
    """Return the class of the torso ``net``.

    Raises:
        AgentlabError: for an unknown name.
    """
    if net not in TORSOS:
        hint = did_you_mean(net, TORSOS) or f"; there are {', '.join(TORSOS)}"
        raise AgentlabError(f"net={net!r} is unknown{hint}")
    module, cls = TORSOS[net].path.split(":")
    return getattr(import_module(module), cls)


def _parameters(cls: Any) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(cls.__init__).parameters)
    return {name: p for name, p in parameters.items() if name not in ("self", "kwargs")}


def _check_arguments(net: str, cls: Any, arguments: dict[str, Any]) -> None:
    parameters = _parameters(cls)
    for name in arguments:
        if name not in (*parameters, "name", "dtype", "trainable"):
            hint = did_you_mean(name, parameters) or f"; there are {', '.join(parameters)}"
            raise AgentlabError(f"net={net!r} has no argument {name!r}{hint}")
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in arguments:
            raise AgentlabError(f"net={net!r} needs the argument {name}")
