"""Variational autoencoders: a torso, a Gaussian over latent variables and a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from agentlab.nets.image_torso import layer_seed
from agentlab.nets.mirroring import mirror


@keras.saving.register_keras_serializable("agentlab")
class Sampling(keras.layers.Layer):  # type: ignore[misc]
    """Samples from normal distributions with gradients to their parameters.

    This is the reparameterization trick (Kingma and Welling 2014, section 2.4).

    Input shape: means ``[batch, n]``, log variances ``[batch, n]`` and a seed, int32 ``[2]``; equal
    seeds give equal noise.
    Output shape: ``[batch, n]``.

    >>> Sampling()(tf.zeros((2, 3)), tf.zeros((2, 3)), tf.constant([0, 1])).shape
    TensorShape([2, 3])
    """

    def call(self, means: Any, log_variances: Any, seed: Any) -> Any:
        """Return ``means`` plus noise with the given variances."""
        noise = tf.random.stateless_normal(tf.shape(means), seed, dtype=means.dtype)
        return means + tf.exp(0.5 * log_variances) * noise


@keras.saving.register_keras_serializable("agentlab")
class Variational(keras.Model):  # type: ignore[misc]
    """A variational autoencoder: a torso, a Gaussian over latent variables, and a decoder.

    Input shape: that of the torso.
    Output shape: ``[batch, *shape]``: the logits or means of the inputs, decoded from the latent
    means; float32 even under mixed precision.

    Args:
        torso: a built torso.
        shape: the shape of one input.
        latent_dim: number of latent variables.
        decoder: a Keras model from latent variables to outputs; ``None`` for one that mirrors the
            torso.
        seed: seed of the initial weights.

    Attributes:
        code_size: ``latent_dim``, for consistency with ``EncoderDecoder``.
        log_scale: the logarithm of the standard deviation of Gaussian outputs, a learned scalar.

    Raises:
        InvalidArgument: for a torso that cannot be mirrored.

    >>> from agentlab.nets import make_torso
    >>> net = Variational(make_torso("mlp", (784,), hidden=(500,)), (784,), 2)
    >>> net(tf.zeros((8, 784))).shape, net.encode(tf.zeros((8, 784))).shape
    (TensorShape([8, 784]), TensorShape([8, 2]))
    """

    def __init__(
        self,
        torso: keras.Model,
        shape: Sequence[int],
        latent_dim: int,
        decoder: keras.Model | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # the torso casts its inputs
        self.torso, self.shape, self.latent_dim, self.seed = torso, tuple(shape), latent_dim, seed
        self.code_size = latent_dim
        self.statistics = keras.layers.Dense(
            2 * latent_dim,
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
            name="statistics",
            dtype=keras.backend.result_type(torso.compute_dtype, "float32"),
        )
        self.statistics.build((None, torso.features))
        self.sampling = Sampling(name="sampling", dtype=self.statistics.dtype_policy)
        self.given_decoder = decoder is not None
        mirrored = None if decoder is not None else layer_seed(seed, 1000)
        self.decoder = decoder or mirror(torso, self.shape, latent_dim, seed=mirrored)
        self.log_scale = self.add_weight((), "zeros", name="log_scale")
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the outputs decoded from the latent means of ``inputs``, ``[batch, *shape]``."""
        return self.decode(self.encode(inputs, training), training)

    def distribution(self, inputs: Any, training: bool = False) -> tuple[Any, Any]:
        """Return the means and log variances of the latent variables, each ``[batch, n]``."""
        statistics = self.statistics(self.torso(inputs, training=training))  # [batch, 2 n]
        means, log_variances = tf.split(statistics, 2, axis=-1)
        return means, log_variances

    def encode(self, inputs: Any, training: bool = False) -> Any:
        """Return the means of the latent variables, ``[batch, latent_dim]``."""
        return self.distribution(inputs, training)[0]

    def decode(self, codes: Any, training: bool = False) -> Any:
        """Return the outputs for latent variables, ``[batch, *shape]``."""
        return self.decoder(codes, training=training)

    @property
    def first_dense(self) -> Any:
        """The first dense layer, if the torso has none: the layer of means and log variances."""
        return self.statistics

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        decoder = keras.saving.serialize_keras_object(self.decoder) if self.given_decoder else None
        return {
            **super().get_config(),
            "torso": keras.saving.serialize_keras_object(self.torso),
            "shape": self.shape,
            "latent_dim": self.latent_dim,
            "decoder": decoder,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Variational:
        """Build a network with initial weights from the dictionary of ``get_config``."""
        parts = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("torso", "decoder")
            if config[name] is not None
        }
        return cls(**{**config, **parts})
