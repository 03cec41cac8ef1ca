"""Networks: Keras models, most of them torsos that return features for a head.

``TORSOS`` registers the torsos by name, ``make_torso`` builds one for an input shape, and
``make_net`` builds one with a head. TensorFlow is loaded when a network is made, not when this
package is imported.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from agentlab.config import did_you_mean
from agentlab.errors import InvalidArgument
from agentlab.nets.activation_names import check_activation
from agentlab.registry import Registry

if TYPE_CHECKING:
    import keras

    from agentlab.nets.headed import Headed

Takes = Literal["numeric", "images", "sequences", "ids"]


@dataclass(frozen=True)
class Torso:
    """The description of a torso in ``TORSOS``.

    Attributes:
        path: its class, ``"module:Class"``.
        takes: kind of its inputs, a key of ``SHAPES``.
        example: a typical input shape, without the batch dimension.
        text: a description of one line.
        arguments: arguments of the class.
    """

    path: str
    takes: Takes
    example: tuple[int, ...]
    text: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


# Descriptions of input shapes without the batch dimension, and their lengths; () for any length.
SHAPES: dict[Takes, tuple[str, tuple[int, ...]]] = {
    "numeric": ("numbers of any shape", ()),
    "images": ("images [height, width, channels] or [height, width]", (2, 3)),
    "sequences": ("sequences [time, features], or with vocabulary=N ids [time]", (2,)),
    "ids": ("ids [length]", (1,)),
}


def _cnn(text: str, **arguments: Any) -> Torso:
    return Torso("agentlab.nets.cnn:CNN", "images", (84, 84, 4), text, arguments)


def _lenet(text: str, **arguments: Any) -> Torso:
    return Torso("agentlab.nets.lenet:LeNet", "images", (28, 28, 1), text, arguments)


def _resnet(depth: int) -> Torso:
    text = f"residual network of {depth} layers for CIFAR-10 (He et al. 2016)"
    return Torso("agentlab.nets.residual:ResNet", "images", (32, 32, 3), text, {"depth": depth})


def _rnn(cell: str, text: str) -> Torso:
    return Torso("agentlab.nets.rnn:RNN", "sequences", (40, 1), text, {"cell": cell})


TORSOS = Registry(
    "net",
    {
        "mlp": Torso(
            "agentlab.nets.mlp:MLP", "numeric", (784,), "multilayer perceptron, 64-64 tanh"
        ),
        # Mnih et al. 2015, "Human-level control through deep reinforcement learning", Methods.
        "nature_cnn": _cnn("three strided convolutions for Atari games (Mnih et al. 2015)"),
        # Mnih et al. 2013, "Playing Atari with Deep Reinforcement Learning", section 5.
        "small_cnn": _cnn(
            "two strided convolutions for Atari games (Mnih et al. 2013)",
            filters=(16, 32),
            kernels=(8, 4),
            strides=(4, 2),
            units=256,
        ),
        "minatar_cnn": Torso(
            "agentlab.nets.cnn:CNN",
            "images",
            (10, 10, 4),
            "one 3x3 convolution for MinAtar (Young & Tian 2019)",
            {"filters": (16,), "kernels": (3,), "strides": (1,), "units": 128},
        ),
        "lenet": _lenet("two 5x5 convolutions with pooling, for digits (LeCun et al. 1998)"),
        "small_lenet": _lenet(
            "lenet with a quarter of the filters and no dropout",
            filters=(8, 16),
            units=128,
            dropout=0.0,
        ),
        "pooled_cnn": Torso(
            "agentlab.nets.pooled_cnn:PooledCNN",
            "images",
            (28, 28, 1),
            "3x3 convolutions with pooling, for convolutional autoencoders",
        ),
        "vgg": Torso(
            "agentlab.nets.vgg:VGG",
            "images",
            (32, 32, 3),
            "blocks of 3x3 convolutions with pooling (Simonyan & Zisserman 2015)",
        ),
        "gan_mlp": Torso(
            "agentlab.nets.discriminators:DenseDiscriminator",
            "numeric",
            (784,),
            "discriminator of a GAN: dense layers with leaky ReLU",
        ),
        "dcgan": Torso(
            "agentlab.nets.discriminators:DCGANTorso",
            "images",
            (28, 28, 1),
            "discriminator of a DCGAN: strided 4x4 convolutions (Radford et al. 2016)",
        ),
        "resnet20": _resnet(20),
        "resnet32": _resnet(32),
        "text_cnn": Torso(
            "agentlab.nets.text_cnn:TextCNN",
            "ids",
            (100,),
            "convolutions of several widths over words, max pooled over time (Kim 2014)",
        ),
        "simple_rnn": _rnn("simple", "recurrent network without gates (Elman 1990)"),
        "lstm": _rnn("lstm", "long short-term memory (Hochreiter & Schmidhuber 1997)"),
        "peephole": _rnn("peephole", "LSTM with peephole connections (Gers & Schmidhuber 2000)"),
        "gru": _rnn("gru", "gated recurrent unit (Cho et al. 2014)"),
    },
)

# Networks from random codes, float32 [batch, latent_dim], to images or vectors.
GENERATORS = Registry(
    "generator",
    {
        "gan_mlp": "agentlab.nets.generators:DenseGenerator",
        "dcgan": "agentlab.nets.generators:DCGANGenerator",
    },
)


def make_torso(net: str, input_shape: tuple[int, ...], **arguments: Any) -> keras.Model:
    """Build the torso ``net`` for inputs of ``input_shape``.

    Args:
        net: a key of ``TORSOS``.
        input_shape: shape of an input without the batch dimension. Torsos for images also take
            grayscale images ``[height, width]``.
        arguments: arguments of the torso's class, which override the registered ones.

    Returns:
        A built Keras model ``[batch, *input_shape] -> [batch, features]``, with the attribute
        ``features``.

    Raises:
        InvalidArgument: for an unknown name, an unknown or missing argument, an input shape of the
            wrong kind, or images that are too small.

    >>> torso = make_torso("mlp", (4,), hidden=(32, 16))
    >>> torso.features
    16
    >>> import numpy as np
    >>> torso(np.zeros((8, 4), np.float32)).shape
    TensorShape([8, 16])
    >>> make_torso("lent", (28, 28))
    Traceback (most recent call last):
    agentlab.errors.InvalidArgument: net='lent' is unknown; did you mean 'lenet'?
    """
    TORSOS.check(net)
    torso = TORSOS[net]
    words, lengths = SHAPES[torso.takes]
    if torso.takes == "sequences" and arguments.get("vocabulary") is not None:
        words, lengths = SHAPES["ids"]
    if lengths and len(input_shape) not in lengths:
        raise InvalidArgument(
            f"net={net!r} needs {words}, but inputs have the shape {list(input_shape)}; "
            "use net='mlp'"
        )
    arguments = {**torso.arguments, **arguments}
    if "activation" in arguments:
        check_activation(arguments["activation"])  # before TensorFlow is loaded
    cls = TORSOS.load(net)
    _check_arguments(net, cls, arguments)
    model = cls(**arguments)
    try:
        model.build((None, *input_shape))
    except InvalidArgument:
        raise
    except ValueError as error:  # from Keras
        raise InvalidArgument(
            f"net={net!r} does not fit inputs of the shape {list(input_shape)}: {error}"
        ) from error
    return model


def make_net(
    net: str,
    input_shape: tuple[int, ...],
    units: int,
    /,
    seed: int | None = None,
    dropout: float | None = None,
    **arguments: Any,
) -> Headed:
    """Build the torso ``net`` with a dense head of ``units`` outputs.

    Args:
        net: a key of ``TORSOS``.
        input_shape: shape of an input without the batch dimension.
        units: number of outputs. Positional only, since torsos have ``units`` too.
        seed: seed of all initial weights and dropouts.
        dropout: dropout rate: of the torso if it has dropout, else of its features; ``None`` for
            the torso's default.
        arguments: arguments of the torso's class.

    Returns:
        A built Keras model ``[batch, *input_shape] -> [batch, units]``.

    Raises:
        InvalidArgument: as ``make_torso``.

    >>> make_net("lenet", (28, 28), 10).count_params()
    3274634
    """
    from agentlab.nets.headed import Headed

    TORSOS.check(net)
    has_dropout = "dropout" in _parameters(TORSOS.load(net))
    if has_dropout and dropout is not None:
        arguments["dropout"] = dropout
    torso = make_torso(net, input_shape, **{"name": "torso", "seed": seed, **arguments})
    head_seed = None if seed is None else seed + 1000  # beyond the seeds of the torso's layers
    head_dropout = 0.0 if has_dropout else dropout or 0.0
    return Headed(torso, units, head_dropout, head_seed, name=net)


def torso_class(net: str) -> Any:
    """Return the class of the torso ``net``.

    Raises:
        InvalidArgument: for an unknown name.
    """
    return TORSOS.load(net)


def _parameters(cls: Any) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(cls.__init__).parameters)
    return {name: p for name, p in parameters.items() if name not in ("self", "kwargs")}


def _check_arguments(net: str, cls: Any, arguments: dict[str, Any]) -> None:
    parameters = _parameters(cls)
    for name in arguments:
        if name not in (*parameters, "name", "dtype", "trainable"):
            hint = did_you_mean(name, parameters) or f"; its arguments are {', '.join(parameters)}"
            raise InvalidArgument(f"net={net!r} has no argument {name!r}{hint}")
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in arguments:
            raise InvalidArgument(f"net={net!r} needs the argument {name}")
