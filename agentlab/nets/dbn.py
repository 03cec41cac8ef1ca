"""``DeepBelief``: a deep belief network, a stack of restricted Boltzmann machines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.image_torso import layer_seed
from agentlab.nets.mlp import MLP
from agentlab.nets.rbm import Machine


@keras.saving.register_keras_serializable("agentlab")
class VisibleBias(keras.layers.Layer):  # type: ignore[misc]
    """The visible bias of an RBM, as a layer, so that stages of training can freeze it.

    Input shape: ``[batch, width]``.
    Output shape: ``[batch, width]``.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the bias for inputs of ``input_shape``, with the batch dimension."""
        shape = (int(input_shape[-1] or 0),)
        self.bias = self.add_weight(shape=shape, initializer="zeros", name="bias")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the inputs plus the bias."""
        return inputs + self.bias


@keras.saving.register_keras_serializable("agentlab")
class DeepBelief(keras.Model):  # type: ignore[misc]
    """Sigmoid layers, each the hidden layer of an RBM on the layer below, and an output layer.

    Input shape: ``[batch, ...]``, flattened.
    Output shape: logits ``[batch, classes]``, or features ``[batch, units]`` if ``classes=0``.

    Args:
        hidden: units of each layer.
        classes: number of classes; 0 for none.
        visible: type of the visible units: bernoulli or gaussian.
        scale: divisor of the inputs, such as 255 for uint8 images.
        dropout: dropout rate of the last layer's features.
        seed: seed of the initial weights and of dropout.

    >>> net = DeepBelief((5, 3), 2)
    >>> net(tf.ones((8, 4))).shape
    TensorShape([8, 2])
    """

    def __init__(
        self,
        hidden: Sequence[int],
        classes: int = 0,
        visible: str = "bernoulli",
        scale: float = 1.0,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.hidden, self.classes, self.visible = tuple(hidden), classes, visible
        self.scale, self.dropout, self.seed = scale, dropout, seed
        self.torso = MLP(self.hidden, "sigmoid", scale, gain=1.0, seed=seed, name="torso")
        self.visible_biases = [VisibleBias(name=f"visible_{i}") for i in range(len(self.hidden))]
        self.head = self.drop = None
        if classes:
            start = keras.initializers.GlorotUniform(seed=layer_seed(seed, 1000))
            self.head = keras.layers.Dense(classes, kernel_initializer=start, name="head")
        if dropout:
            self.drop = keras.layers.Dropout(dropout, seed=layer_seed(seed, 1), name="drop")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs of ``input_shape``, with the batch dimension."""
        self.shape = tuple(int(size or 0) for size in input_shape[1:])
        widths = [math.prod(self.shape), *self.hidden[:-1]]
        self.torso.build((None, widths[0]))
        for layer, width in zip(self.visible_biases, widths, strict=True):
            layer.build((None, width))
        if self.head is not None:
            self.head.build((None, self.hidden[-1]))
        self.built = True

    @property
    def code_size(self) -> int:
        """Number of units of the last layer."""
        return self.hidden[-1]

    def machine(self, layer: int) -> Machine:
        """Return the RBM of a layer, which shares the layer's kernel and bias."""
        dense = self.torso.denses[layer]
        visible = self.visible if layer == 0 else "bernoulli"
        return Machine(dense.kernel, self.visible_biases[layer].bias, dense.bias, visible)

    def below(self, inputs: Any, layer: int) -> Any:
        """Return the visible states of a layer's RBM: the activations of the layer below."""
        rows = tf.cast(tf.reshape(inputs, (tf.shape(inputs)[0], -1)), tf.float32) / self.scale
        for dense in self.torso.denses[:layer]:
            rows = dense(rows)
        return rows

    def encode(self, inputs: Any, training: bool = False) -> Any:
        """Return the probabilities of the last layer's units, ``[batch, units]``."""
        return self.torso(inputs)

    def decode(self, codes: Any, training: bool = False) -> Any:
        """Return the logits or means of the inputs, by a top-down pass through all RBMs."""
        for layer in reversed(range(len(self.hidden))):
            logits = self.machine(layer).visible_logits(codes)
            codes = tf.sigmoid(logits)
        return tf.reshape(logits, (tf.shape(logits)[0], *self.shape))

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the class logits, or the features if there are no classes."""
        features = self.torso(inputs)  # [batch, units]
        if self.head is None:
            return features
        if self.drop is not None:
            features = self.drop(features, training=training)
        return self.head(features)  # [batch, classes]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "classes": self.classes,
            "visible": self.visible,
            "scale": self.scale,
            "dropout": self.dropout,
            "seed": self.seed,
        }
