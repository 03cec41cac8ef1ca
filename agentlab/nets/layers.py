"""Inspecting the layers of a network: listing and describing them, and their input shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from agentlab.errors import InvalidArgument


def sublayers(layer: Any) -> list[Any]:
    """Return the layers that a layer or a model consists of, but not those nested in them."""
    if isinstance(layer, keras.Model):
        return list(layer.layers)
    public = [value for name, value in vars(layer).items() if not name.startswith("_")]
    found = [part for part in keras.tree.flatten(public) if isinstance(part, keras.layers.Layer)]
    return list({id(part): part for part in found}.values())


def nested_layers(layer: Any) -> Iterator[Any]:
    """Yield all layers within a layer, at any depth."""
    for part in sublayers(layer):
        yield part
        yield from nested_layers(part)


def leaf_layers(layer: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the layers of a model, those of nested models included, by name."""
    parts = [part for part in sublayers(layer) if not isinstance(part, keras.layers.InputLayer)]
    if not parts and not prefix:
        yield layer.name, layer
    for part in parts:
        if isinstance(part, keras.Model):
            yield from leaf_layers(part, f"{prefix}{part.name}/")
        else:
            yield prefix + part.name, part


def kind_of(layer: Any) -> str:
    """Describe a layer by its class and its main arguments.

    >>> kind_of(keras.layers.Conv2D(8, 5, strides=2, activation="relu"))
    'Conv2D 5x5 /2 relu'
    """
    words = [type(layer).__name__]
    for attribute in ("kernel_size", "pool_size"):
        size = getattr(layer, attribute, None)
        if size:
            words.append("x".join(map(str, size if isinstance(size, tuple) else (size,))))
    strides = getattr(layer, "strides", (1,))
    if not hasattr(layer, "pool_size") and set(strides if strides else ()) - {1}:
        words.append(f"/{strides[0]}")
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    if activation != "linear":
        words.append(activation)
    if isinstance(layer, keras.layers.Dropout):
        words.append(f"{layer.rate:g}")
    return " ".join(words)


def input_shapes(net: Any) -> Any:
    """Return the input shape, or shapes, that a network or a model nested in it was built for."""
    models = [net, *(layer for layer in nested_layers(net) if isinstance(layer, keras.Model))]
    for model in models:
        if getattr(model, "inputs", None):
            shapes = tuple(tuple(tensor.shape) for tensor in model.inputs)
            return shapes[0] if len(shapes) == 1 else shapes
        built = model.get_build_config()
        if built and "input_shape" in built:
            return built["input_shape"]
    raise InvalidArgument(
        f"the input shape of the net {net.name!r} is unknown: call it once, or pass example inputs"
    )
