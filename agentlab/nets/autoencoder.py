"""Autoencoders: a torso, a code layer and a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.image_torso import layer_seed
from agentlab.nets.mirroring import mirror, torso_blocks
from agentlab.nets.mlp import MLP


@keras.saving.register_keras_serializable("agentlab")
class EncoderDecoder(keras.Model):  # type: ignore[misc]
    """A torso, a dense code layer and a decoder, which mirrors the torso unless it is given.

    Input shape: that of the torso.
    Output shape: ``[batch, *shape]``: real numbers, or the logits of pixels; float32 even under
    mixed precision.

    Args:
        torso: a built torso.
        shape: the shape of one input.
        code_size: size of the code; ``None`` to use the torso's features as the code.
        activation: activation of the code layer, a Keras name.
        tied: tie the decoder's kernels to the transposed kernels of an ``MLP``.
        decoder: a Keras model from codes to outputs; ``None`` for one that mirrors the torso.
        seed: seed of the initial weights.

    Attributes:
        code_size: size of the code.

    Raises:
        InvalidArgument: for a torso that cannot be mirrored.

    >>> from agentlab.nets import make_torso
    >>> net = EncoderDecoder(make_torso("mlp", (784,), hidden=(128,)), (784,), 32)
    >>> net(tf.zeros((2, 784))).shape, net.encode(tf.zeros((2, 784))).shape
    (TensorShape([2, 784]), TensorShape([2, 32]))
    """

    def __init__(
        self,
        torso: keras.Model,
        shape: Sequence[int],
        code_size: int | None = None,
        activation: str = "linear",
        tied: bool = False,
        decoder: keras.Model | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # the torso casts its inputs
        self.torso, self.shape, self.activation = torso, tuple(shape), activation
        self.tied, self.seed = tied, seed
        self.given_code_size = code_size
        self.code_layer = None
        if code_size is not None:
            self.code_layer = keras.layers.Dense(
                code_size,
                activation,
                kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
                name="code",
                dtype=keras.backend.result_type(torso.compute_dtype, "float32"),
            )
            self.code_layer.build((None, torso.features))
        self.code_size = torso.features if code_size is None else code_size
        self.given_decoder = decoder is not None
        mirrored = None if decoder is not None else layer_seed(seed, 1000)
        self.decoder = decoder or mirror(torso, self.shape, code_size, tied=tied, seed=mirrored)
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the reconstructions of ``inputs``, ``[batch, *shape]``, before the activation."""
        return self.decode(self.encode(inputs, training), training)

    def encode(self, inputs: Any, training: bool = False) -> Any:
        """Return the codes of ``inputs``, ``[batch, code_size]``."""
        features = self.torso(inputs, training=training)  # [batch, features]
        return features if self.code_layer is None else self.code_layer(features)

    def decode(self, codes: Any, training: bool = False) -> Any:
        """Return the outputs for ``codes``, ``[batch, *shape]``."""
        if self.tied:
            return self.decoder(codes, [layer.kernel for layer in self._denses()[::-1]])
        return self.decoder(codes, training=training)

    @property
    def first_dense(self) -> Any:
        """The first dense layer, if the torso has none: the code layer."""
        return self.code_layer

    @property
    def depth(self) -> int:
        """The number of layers, or blocks of layers, for layer-wise pretraining.

        It is 0 if the decoder does not invert the torso block by block.
        """
        depth = len(self._encoder_blocks())
        return depth if depth == len(getattr(self.decoder, "blocks", ())) else 0

    def layer_reconstruction(
        self, inputs: Any, number: int, corrupt: Any, training: bool = False
    ) -> tuple[Any, Any]:
        """Return the inputs of encoder block ``number`` and their reconstruction by it alone.

        Args:
            inputs: scaled inputs, float ``[batch, *shape]``.
            number: index of the block, from 0.
            corrupt: a function that corrupts the inputs of the first block before they are encoded.
            training: whether the batch normalization of this block and its inverse uses the
                statistics of the batch, and updates the running statistics.

        Returns:
            The inputs of the block, and what its decoder block returns for its outputs; of the
            first block these are logits if the network's outputs are.
        """
        flat = isinstance(self.torso, MLP)
        wanted = tf.reshape(inputs, (tf.shape(inputs)[0], -1)) if flat else self._as_maps(inputs)
        blocks = self._encoder_blocks()
        for block in blocks[:number]:
            wanted = _applied(block, wanted)
        # Blocks that are already trained keep their weights.
        wanted = tf.stop_gradient(wanted)
        codes = _applied(blocks[number], corrupt(wanted) if number == 0 else wanted, training)
        inverse = self.decoder.blocks[len(blocks) - 1 - number]
        if self.tied:
            return wanted, inverse[0](codes, self._denses()[number].kernel)
        return wanted, tf.reshape(_applied(inverse, codes, training), tf.shape(wanted))

    def layer_names(self, number: int) -> list[str]:
        """Return the names of the layers that ``layer_reconstruction`` of a block trains."""
        blocks = self._encoder_blocks()
        layers = [*blocks[number], *self.decoder.blocks[len(blocks) - 1 - number]]
        return [layer.name for layer in layers]

    def _as_maps(self, inputs: Any) -> Any:
        return inputs if len(inputs.shape) == 4 else inputs[..., None]

    def _encoder_blocks(self) -> list[list[Any]]:
        blocks, code = (
            torso_blocks(self.torso),
            [] if self.code_layer is None else [self.code_layer],
        )
        if blocks and not any(
            layer.weights for layer in blocks[-1]
        ):  # it only flattens, before the code
            *blocks, flatten = blocks
            code = [*flatten, *code] if code else []
        return [*blocks, code] if code else blocks

    def _denses(self) -> list[Any]:
        return [*self.torso.denses, *([] if self.code_layer is None else [self.code_layer])]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        decoder = keras.saving.serialize_keras_object(self.decoder) if self.given_decoder else None
        return {
            **super().get_config(),
            "torso": keras.saving.serialize_keras_object(self.torso),
            "shape": self.shape,
            "code_size": self.given_code_size,
            "activation": self.activation,
            "tied": self.tied,
            "decoder": decoder,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> EncoderDecoder:
        """Build a network with initial weights from the dictionary of ``get_config``."""
        parts = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("torso", "decoder")
            if config[name] is not None
        }
        return cls(**{**config, **parts})


@keras.saving.register_keras_serializable("agentlab")
class Codes(keras.layers.Layer):  # type: ignore[misc]
    """The encoder of a network as a layer, for exported models.

    Args:
        net: a network with ``encode``.
    """

    def __init__(self, net: keras.Model, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.net = net
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the codes of ``inputs``, float32 ``[batch, code_size]``."""
        return tf.cast(self.net.encode(inputs), tf.float32)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {**super().get_config(), "net": keras.saving.serialize_keras_object(self.net)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Codes:
        """Build the layer from the dictionary of ``get_config``."""
        return cls(**{**config, "net": keras.saving.deserialize_keras_object(config["net"])})


def _applied(block: Sequence[Any], inputs: Any, training: bool = False) -> Any:
    for layer in block:
        inputs = layer(inputs, training=training)
    return inputs
