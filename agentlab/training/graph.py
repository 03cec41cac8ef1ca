"""The graph of a network, for TensorBoard."""

from __future__ import annotations

from typing import Any

from agentlab.lazy import tf


def network_graph(model: Any) -> Any:
    """Return the traced computation of a Keras model, for TensorBoard's graph view.

    Args:
        model: a Keras model that was built with symbolic inputs.

    Returns:
        A concrete TensorFlow function.
    """
    spec = tf.nest.map_structure(
        lambda x: tf.TensorSpec(x.shape, x.dtype, name=x.name), model.input
    )
    return tf.function(lambda inputs: model(inputs)).get_concrete_function(spec)
