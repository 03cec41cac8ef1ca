"""Activation functions and their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

Doubles = npt.NDArray[np.float64]


def threshold(x: Any) -> Any:
    """Return 1 where ``x`` is 0 or more, otherwise 0 (McCulloch & Pitts 1943)."""
    return tf.cast(x >= 0, x.dtype)


def softmax_of_three(x: Any) -> Any:
    """Return the first component of the softmax of the logits ``[x, 0, 0]``."""
    logits = tf.stack([x, tf.zeros_like(x), tf.zeros_like(x)], axis=-1)
    return tf.nn.softmax(logits)[..., 0]


FUNCTIONS: dict[str, tuple[Callable[[Any], Any], str]] = {  # functions and their formulas
    "threshold": (threshold, r"$1\ \mathrm{if}\ x \geq 0\ \mathrm{else}\ 0$"),
    "linear": (keras.activations.linear, "$x$"),
    "sigmoid": (keras.activations.sigmoid, r"$1 / (1 + e^{-x})$"),
    "tanh": (keras.activations.tanh, r"$(e^x - e^{-x}) / (e^x + e^{-x})$"),
    "softmax": (softmax_of_three, "$e^x / (e^x + e^0 + e^0)$"),
    "relu": (keras.activations.relu, r"$\max(0, x)$"),
    "leaky_relu": (keras.activations.leaky_relu, r"$\max(0.2 x, x)$"),
    "elu": (keras.activations.elu, r"$x\ \mathrm{if}\ x > 0\ \mathrm{else}\ e^x - 1$"),
    "selu": (
        keras.activations.selu,
        r"$1.05 x\ \mathrm{if}\ x > 0\ \mathrm{else}\ 1.76 (e^x - 1)$",
    ),
    "softplus": (keras.activations.softplus, r"$\ln(1 + e^x)$"),
    "gelu": (keras.activations.gelu, r"$x\, \Phi(x)$"),
    "silu": (keras.activations.silu, r"$x\, \mathrm{sigmoid}(x)$"),
}


def curve(name: str, x: npt.ArrayLike) -> tuple[Doubles, Doubles]:
    """Return the values and derivatives of an activation function at ``x``.

    Args:
        name: a key of ``FUNCTIONS``.
        x: numbers of any shape.

    Returns:
        Two float64 arrays of the shape of ``x``.

    >>> curve("relu", [-1.0, 2.0])
    (array([0., 2.]), array([0., 1.]))
    """
    points = tf.constant(np.asarray(x, np.float64))
    with tf.GradientTape() as tape:
        tape.watch(points)
        values = FUNCTIONS[name][0](points)
    slopes = tape.gradient(values, points, unconnected_gradients="zero")
    return values.numpy(), slopes.numpy()
