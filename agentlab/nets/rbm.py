"""``RBM``: the network of a restricted Boltzmann machine, and the equations of its layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from agentlab.errors import InvalidArgument
from agentlab.nets.mlp import MLP

VISIBLE = ("bernoulli", "gaussian", "softmax")


@dataclass(frozen=True)
class Machine:
    """Visible and hidden units with the energy E(v, h) = -v W h - b v - c h (Hinton 2002).

    Hidden units are binary. Visible units are ``bernoulli`` (from 0 to 1), ``gaussian`` (variance
    1, with |v - b|^2 / 2 instead of -b v) or ``softmax`` (one of ``levels`` categories each,
    one-hot; all zeros for a missing unit, which then has no effect and receives no gradient).

    Attributes:
        kernel: W, ``[width, units]``.
        visible_bias: b, ``[width]``.
        hidden_bias: c, ``[units]``.
        visible: type of the visible units.
        levels: categories of a softmax unit.
    """

    kernel: Any
    visible_bias: Any
    hidden_bias: Any
    visible: str = "bernoulli"
    levels: int = 1

    def hidden_logits(self, rows: Any) -> Any:
        """Return the log-odds of the hidden units given the visible ones, ``[batch, units]``."""
        return tf.matmul(rows, self.kernel) + self.hidden_bias

    def visible_logits(self, hidden: Any) -> Any:
        """Return the logits or means of the visible units given hidden ones, ``[batch, width]``."""
        return tf.matmul(hidden, self.kernel, transpose_b=True) + self.visible_bias

    def means(self, logits: Any) -> Any:
        """Return the means of the visible units from ``visible_logits``, ``[batch, width]``."""
        if self.visible == "bernoulli":
            return tf.sigmoid(logits)
        if self.visible == "gaussian":
            return logits
        return tf.reshape(tf.nn.softmax(self._by_unit(logits)), tf.shape(logits))

    def free_energy(self, rows: Any) -> Any:
        """Return -log of the unnormalized probability of visible states, ``[batch]``."""
        hidden = tf.reduce_sum(tf.nn.softplus(self.hidden_logits(rows)), -1)
        if self.visible == "gaussian":
            return 0.5 * tf.reduce_sum(tf.square(rows - self.visible_bias), -1) - hidden
        return -tf.reduce_sum(rows * self.visible_bias, -1) - hidden

    def sample_hidden(self, rows: Any, seed: Any) -> Any:
        """Sample the hidden units given the visible ones, ``[batch, units]``."""
        odds = self.hidden_logits(rows)
        uniform = tf.random.stateless_uniform(tf.shape(odds), seed)
        return tf.cast(uniform < tf.sigmoid(odds), tf.float32)

    def sample_visible(self, hidden: Any, seed: Any) -> Any:
        """Sample the visible units given hidden ones, ``[batch, width]``."""
        logits = self.visible_logits(hidden)
        if self.visible == "gaussian":
            return logits + tf.random.stateless_normal(tf.shape(logits), seed)
        uniform = tf.random.stateless_uniform(tf.shape(logits), seed)
        if self.visible == "bernoulli":
            return tf.cast(uniform < tf.sigmoid(logits), tf.float32)
        gumbel = -tf.math.log(-tf.math.log(uniform + 1e-9) + 1e-9)
        chosen = tf.argmax(self._by_unit(logits + gumbel), -1)
        return tf.reshape(tf.one_hot(chosen, self.levels), tf.shape(logits))

    def divergence(self, rows: Any, chains: Any) -> Any:
        """Return F(rows) - F(chains), ``[batch]``, whose gradient is that of the log-likelihood.

        This holds in expectation if the chains, which are treated as constants, are samples from
        the model; with k Gibbs steps from the data it is contrastive divergence (Hinton 2002).
        """
        model = tf.reduce_mean(self.free_energy(tf.stop_gradient(chains)))
        return self.free_energy(rows) - model

    def pseudo_likelihood(self, rows: Any, places: Any) -> Any:
        """Estimate the pseudo-likelihood, the sum of log p(v_i | all other v), ``[batch]``.

        Args:
            rows: visible states, ``[batch, width]``.
            places: the units i to evaluate, int ``[batch, k]``; their mean estimates that of all.
        """
        width = self.kernel.shape[0]
        chosen = tf.gather(rows, places, batch_dims=1)  # [batch, k]
        step = 1 - 2 * chosen  # what flipping adds to a unit
        odds = self.hidden_logits(rows)[:, None]  # [batch, 1, units]
        moved = odds + step[..., None] * tf.gather(self.kernel, places)  # [batch, k, units]
        gain = tf.reduce_sum(tf.nn.softplus(moved) - tf.nn.softplus(odds), -1)
        gain += step * tf.gather(self.visible_bias, places)  # F(v) - F(v flipped)
        return -width * tf.reduce_mean(tf.nn.softplus(gain), -1)

    def _by_unit(self, rows: Any) -> Any:
        """Return ``[batch, width]`` as ``[batch, visible, levels]``."""
        return tf.reshape(rows, (tf.shape(rows)[0], -1, self.levels))


@keras.saving.register_keras_serializable("agentlab")
class RBM(keras.Model):  # type: ignore[misc]
    """A restricted Boltzmann machine as an encoder and a decoder; see ``Machine``.

    Its weights and hidden biases are those of its torso, an ``MLP`` of one sigmoid layer, which
    other networks can start from.

    Input shape: ``[batch, ...]``; for softmax units integers below ``levels``, or -1 if missing.
    Output shape: the logits of bernoulli units or the means of gaussian units, as the inputs; the
    logits of softmax units, ``[batch, visible, levels]``.

    Args:
        units: number of hidden units.
        visible: type of the visible units: bernoulli, gaussian or softmax.
        levels: categories of a softmax unit.
        scale: divisor of the inputs, such as 255 for uint8 images.
        seed: seed of the initial weights.

    Attributes:
        code_size: number of hidden units.

    >>> rbm = RBM(3)
    >>> rbm(tf.ones((8, 4))).shape
    TensorShape([8, 4])
    >>> rbm.count_params()  # 4 * 3 weights, 4 and 3 biases
    19
    """

    def __init__(
        self,
        units: int,
        visible: str = "bernoulli",
        levels: int = 1,
        scale: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        if visible not in VISIBLE:
            raise InvalidArgument(f"visible={visible!r} must be one of {', '.join(VISIBLE)}")
        self.code_size, self.visible, self.levels = units, visible, levels
        self.scale, self.seed = scale, seed
        self.torso = MLP((units,), "sigmoid", scale, seed=seed, name="torso")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs of ``input_shape``, with the batch dimension."""
        self.shape = tuple(int(size or 0) for size in input_shape[1:])
        width = math.prod(self.shape) * self.levels
        self.torso.build((None, width))
        self.torso.denses[0].kernel.assign(self.kernel_start((width, self.code_size)))
        self.visible_bias = self.add_weight(
            shape=(width,), initializer="zeros", name="visible_bias"
        )
        self.built = True

    def kernel_start(self, shape: tuple[int, int]) -> Any:
        """Return initial weights of ``shape`` (Hinton 2012, section 8)."""
        return keras.initializers.RandomNormal(0.0, 0.01, seed=self.seed)(shape)

    @property
    def machine(self) -> Machine:
        """The ``Machine`` with the current weights."""
        (dense,) = self.torso.denses
        return Machine(dense.kernel, self.visible_bias, dense.bias, self.visible, self.levels)

    def rows(self, inputs: Any) -> Any:
        """Return inputs as the states of the visible units, float32 ``[batch, width]``."""
        if self.visible == "softmax":
            states = tf.one_hot(tf.cast(inputs, tf.int32), self.levels)  # zeros if missing
        else:
            states = tf.cast(inputs, tf.float32) / self.scale
        return tf.reshape(states, (tf.shape(states)[0], self.visible_bias.shape[0]))

    def encode(self, inputs: Any, training: bool = False) -> Any:
        """Return the probabilities of the hidden units, ``[batch, units]``."""
        return tf.sigmoid(self.machine.hidden_logits(self.rows(inputs)))

    def decode(self, codes: Any, training: bool = False) -> Any:
        """Return the logits or means of the visible units given hidden ones."""
        logits = self.machine.visible_logits(codes)
        shape = (*self.shape, self.levels) if self.visible == "softmax" else self.shape
        return tf.reshape(logits, (tf.shape(logits)[0], *shape))

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return ``decode(encode(inputs))``."""
        return self.decode(self.encode(inputs))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "units": self.code_size,
            "visible": self.visible,
            "levels": self.levels,
            "scale": self.scale,
            "seed": self.seed,
        }
