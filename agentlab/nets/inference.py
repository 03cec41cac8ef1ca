"""Inference models: Keras models of raw inputs with pre- and postprocessing inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras


class Inference(keras.layers.Layer):  # type: ignore[misc]
    """A layer that computes a function of raw inputs with a network, whose weights it tracks.

    Args:
        net: the network.
        outputs: TensorFlow function from a nested structure of raw inputs to a dictionary of
            tensors.
    """

    def __init__(self, net: keras.Model, outputs: Callable[[Any], dict[str, Any]]) -> None:
        super().__init__(name="inference", autocast=False)
        self.net, self.outputs = net, outputs

    def call(self, inputs: Any) -> dict[str, Any]:
        """Return the outputs for raw inputs."""
        return self.outputs(inputs)


def inference_model(
    net: keras.Model, inputs: Any, outputs: Callable[[Any], dict[str, Any]]
) -> keras.Model:
    """Build a Keras model that returns ``outputs(inputs)``.

    Args:
        net: the network that ``outputs`` calls.
        inputs: a nested structure of ``keras.Input``.
        outputs: TensorFlow function from a nested structure of raw inputs to a dictionary of
            tensors.

    >>> net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> model = inference_model(net, keras.Input((4,)), lambda x: {"outputs": net(x)})
    >>> sorted(model.output)
    ['outputs']
    """
    return keras.Model(inputs, Inference(net, outputs)(inputs))


def most_likely(outputs: Any) -> Any:
    """Return the indices of the largest outputs, int32 ``[...]``; of equal ones the first.

    ``keras.ops.argmax`` reinterprets the bits of floats, which other runtimes cannot do.

    Args:
        outputs: float32 ``[..., classes]``.
    """
    return keras.ops.top_k(outputs, 1)[1][..., 0]
