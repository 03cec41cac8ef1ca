"""Networks with what stands before and after them, as one Keras model on raw inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras


class Inference(keras.layers.Layer):  # type: ignore[misc]
    """A function of raw inputs that evaluates a network; its weights are the layer's.

    Args:
        net: the network.
        outputs: from a nest of raw inputs to a dictionary of tensors, in TensorFlow.
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
    """Return a Keras model from ``inputs`` to what ``outputs`` returns for them.

    Args:
        net: the network that ``outputs`` evaluates.
        inputs: a nest of ``keras.Input``.
        outputs: from a nest of raw inputs to a dictionary of tensors, in TensorFlow.
    """
    return keras.Model(inputs, Inference(net, outputs)(inputs))
