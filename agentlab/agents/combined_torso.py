"""Torsos for observations with images among their parts, and a check of the images' axes."""

from __future__ import annotations

import math
from typing import Any

from agentlab.agents.encoding import Encoding
from agentlab.agents.network_options import NetworkOptions
from agentlab.config import flag_of
from agentlab.envs.parts import has_channels_first
from agentlab.errors import InvalidArgument
from agentlab.lazy import LazyModule
from agentlab.nets import TORSOS, make_torso
from agentlab.training.replicas import current_replicas

combined: Any = LazyModule("agentlab.nets.combined")


def has_images(options: NetworkOptions, encoding: Encoding) -> bool:
    """Return whether the observations have several parts, with CNNs for the images among them."""
    several = not encoding.single and not options.recurrent
    return several and any(encoder.image for encoder in encoding.encoders.values())


def uses_xla(options: NetworkOptions, encoding: Encoding) -> bool:
    """Return whether to compile with XLA, which makes convolutions slower on a CPU.

    XLA cannot compile updates that are split across replicas.
    """
    return options.xla and not has_images(options, encoding) and current_replicas() is None


def check_channels(options: NetworkOptions, encoding: Encoding) -> None:
    """Raise ``InvalidArgument`` if a CNN would be given images whose channels come first."""
    takes_images = options.net in TORSOS and TORSOS[options.net].takes == "images"
    for name, encoder in encoding.encoders.items():
        convolved = takes_images if encoding.single else encoder.image and not options.recurrent
        if convolved and has_channels_first(encoder.shape):
            part = f"the part {name!r} of observations has" if name else "observations have"
            raise InvalidArgument(
                f"net={options.net!r} needs images [height, width, channels], but {part} the shape "
                f"{list(encoder.shape)}, whose channels come first; move them last with "
                f"Preprocessing(channels_first=True) or {flag_of('channels_first')}"
            )


def make_combined(
    options: NetworkOptions, encoding: Encoding, name: str, seed: int, **arguments: Any
) -> Any:
    """Build a torso with a CNN for each image; with ``units=None``, without an MLP on top."""
    dtype = {"dtype": arguments["dtype"]} if "dtype" in arguments else {}
    hidden = arguments.get("hidden", () if "units" in arguments else options.hidden)
    images: list[tuple[int, tuple[int, ...]]] = []
    encoders, start = [], 0
    for part, encoder in encoding.encoders.items():
        if encoder.image:
            net, shape = _image_net(options.net, encoder.shape), encoder.shape
            scaled = {"name": f"cnn_{len(images)}", "seed": seed + 10 * len(images), **dtype}
            try:
                encoders.append(make_torso(net[0], shape, scale=1.0, **net[1], **scaled))
            except InvalidArgument as error:
                raise InvalidArgument(f"the part {part!r} of observations: {error}") from error
            images.append((start, shape))
        start += math.prod(encoder.shape)
    torso = combined.Combined(
        images, encoders, hidden, options.activation, seed=seed + 50, name=name, **dtype
    )
    torso.build((None, *encoding.shape))
    return torso


def _image_net(net: str, shape: tuple[int, ...]) -> tuple[str, dict[str, Any]]:
    """Return the CNN for an image among other parts, and its arguments: ``net`` if it is one."""
    if net in TORSOS and TORSOS[net].takes == "images":
        return net, {}
    side = min(shape[:2])
    if side >= 36:
        return "nature_cnn", {}
    if side >= 20:
        return "small_cnn", {}
    # For symbolic grids such as MiniGrid's, 7x7: the convolutions of Chevalier-Boisvert et al.'s
    # rl-starter-files, without pooling.
    kernels = (2, 2, 2) if side >= 4 else (1, 1, 1)
    return "small_cnn", {
        "filters": (16, 32, 64),
        "kernels": kernels,
        "strides": (1, 1, 1),
        "units": 64,
    }
