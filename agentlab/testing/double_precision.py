"""Copies of layers that compute in float64, for checks that need more precision than float32."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from agentlab.errors import AgentlabError


@contextmanager
def double_precision() -> Iterator[None]:
    """Make Keras create layers and losses in float64 inside the ``with`` block."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def as_doubles(array: Any) -> Any:
    """Return ``array`` as a NumPy array; floats of any precision become float64."""
    array = np.asarray(array)
    return array.astype(np.float64) if np.issubdtype(array.dtype, np.floating) else array


def near(point: Any, rng: np.random.Generator) -> Any:
    """Return floats perturbed at random by 0.1 % of their root mean square; others unchanged."""
    if point.dtype != np.float64:
        return point
    size = np.sqrt(np.square(point).mean()) if point.any() else 1.0
    return point + 1e-3 * size * rng.standard_normal(point.shape)


def call_in_double(
    layer: Any, points: list[Any], several: bool, training: bool
) -> tuple[Callable[..., Any], list[Any]]:
    """Return a function that calls a float64 copy of ``layer``, and its trainable weights.

    Args:
        layer: a Keras layer or model.
        points: its inputs.
        several: whether the inputs are a tuple, which is passed as such to a layer with one
            argument.
        training: the value of the layer's ``training`` argument.

    Raises:
        AgentlabError: if the layer cannot be made from its ``get_config``.
    """
    parameters = inspect.signature(layer.call).parameters
    needed = [p for p in parameters.values() if p.default is p.empty]
    several = several and len(needed) < 2  # then a tuple is the one argument
    copy = _copy(layer, [tuple(points)] if several else points)
    keywords = {"training": training} if "training" in parameters else {}

    def call(*tensors: Any) -> Any:
        return copy(tensors, **keywords) if several else copy(*tensors, **keywords)

    return call, copy.trainable_variables


def _copy(layer: Any, points: list[Any]) -> Any:
    """Return a copy of ``layer`` in float64 with its weights, built by a call with ``points``."""
    try:
        copy = type(layer).from_config(_in_double(layer.get_config()))
    except (NotImplementedError, TypeError) as error:
        raise AgentlabError(
            f"the layer {layer.name!r} cannot be copied in float64: give it a get_config that "
            f"returns the arguments of __init__ ({error})"
        ) from error
    for made in (layer, copy):  # the first call builds a layer
        made(*points)
    for new, old in zip(copy.variables, layer.variables, strict=True):
        new.assign(tf.cast(old.value, new.dtype))
    return copy


def _in_double(config: Any) -> Any:
    """Return a layer's configuration with float64 in place of every floating-point dtype."""
    if isinstance(config, list | tuple):
        made = map(_in_double, config)
        return tuple(made) if isinstance(config, tuple) else list(made)
    if not isinstance(config, dict):
        return config
    return {
        key: "float64" if key == "dtype" and _is_floating(value) else _in_double(value)
        for key, value in config.items()
    }


def _is_floating(dtype: Any) -> bool:
    return isinstance(dtype, dict) or "float" in str(dtype)
