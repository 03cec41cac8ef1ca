"""Decoders that mirror a torso: its layers in blocks, and the sizes of its feature maps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from agentlab.errors import InvalidArgument
from agentlab.nets.cnn import CNN
from agentlab.nets.decoders import ConvDecoder, DenseDecoder
from agentlab.nets.image_torso import ImageTorso, image_shape
from agentlab.nets.mlp import MLP
from agentlab.nets.pooled_cnn import PooledCNN

Map = tuple[int, int, int]  # height, width, channels


def torso_blocks(torso: Any) -> list[list[Any]]:
    """Return the layers of a torso in blocks, each ending where the spatial size changes.

    Raises:
        InvalidArgument: for a torso of sequences.
    """
    if isinstance(torso, MLP):
        return [[layer] for layer in torso.denses]
    if isinstance(torso, CNN):
        rest = [torso.flatten] if torso.dense is None else [torso.flatten, torso.dense]
        return [*([layer] for layer in torso.convolutions), rest]
    if isinstance(torso, ImageTorso):
        blocks: list[list[Any]] = [[]]
        for layer in torso.steps:
            blocks[-1].append(layer)
            if isinstance(layer, keras.layers.MaxPooling2D):
                blocks.append([])
        return [block for block in blocks if block]
    raise InvalidArgument(
        f"the net {type(torso).__name__} takes sequences, and no decoder mirrors it; choose a net "
        "for vectors or images, or pass a decoder"
    )


def feature_maps(torso: Any, input_shape: Sequence[int]) -> list[Map]:
    """Return the shapes of a torso's feature maps where the size changes, largest first."""
    shape = image_shape((None, *input_shape))
    found: list[Map] = []
    for layer in (layer for block in torso_blocks(torso) for layer in block):
        before, shape = shape, tuple(layer.compute_output_shape(shape))
        if len(shape) != 4:
            break
        height, width, channels = (int(size or 0) for size in shape[1:])
        if shape[1:3] != before[1:3]:
            found.append((height, width, channels))
        smallest = (height, width, channels)
    if found:  # its channels are those of the torso's features
        found[-1] = smallest
    return found


def mirror(
    torso: Any,
    input_shape: Sequence[int],
    code_size: int | None,
    *,
    tied: bool = False,
    seed: int | None = None,
) -> Any:
    """Build the decoder that mirrors a torso followed by a code layer.

    Args:
        torso: a built torso for vectors or images.
        input_shape: the shape of one input of the torso.
        code_size: size of the codes; ``None`` if the codes are the torso's features.
        tied: share the kernels of an ``MLP``.
        seed: seed of the initial weights.

    Raises:
        InvalidArgument: for a torso of sequences, or ``tied`` with convolutions.
    """
    torso_blocks(torso)  # raises InvalidArgument for sequences
    if isinstance(torso, MLP):
        hidden = torso.hidden if code_size is not None else torso.hidden[:-1]
        size = torso.features if code_size is None else code_size
        activation = torso.activation
        return DenseDecoder(size, input_shape, hidden[::-1], activation, tied, seed, name="decoder")
    if tied:
        raise InvalidArgument("tied=True needs net='mlp', whose kernels can be transposed")
    maps = feature_maps(torso, input_shape)
    if not maps:
        raise InvalidArgument(
            f"the net {type(torso).__name__} does not reduce the size of images, so no decoder "
            "mirrors it; pass a decoder"
        )
    given, pooled = code_size, isinstance(torso, PooledCNN)
    if code_size is None and torso.features != math.prod(maps[-1]):
        given = torso.features  # it ends in a dense layer
    same = {"kernel": torso.kernel, "batch_norm": torso.batch_norm} if pooled else {}
    return ConvDecoder(input_shape, maps[::-1], given, seed=seed, name="decoder", **same)
