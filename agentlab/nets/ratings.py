"""``RatingsNet``: a restricted Boltzmann machine for ratings, most of which are missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from agentlab.nets.rbm import Machine


@keras.saving.register_keras_serializable("agentlab")
class RatingsNet(keras.Model):  # type: ignore[misc]
    """An RBM with a softmax visible unit per rating of a case (Salakhutdinov et al. 2007).

    A case is a user, with a unit for each item, or an item, with a unit for each user. Units of
    missing ratings are ignored: they neither affect the hidden units nor receive gradients.

    With ``prior``, the logits of a rating include those of a normal distribution of variance 1
    around the bias baseline, ``mean + case bias + unit bias``, so that the hidden units learn the
    deviation from it. With ``conditional``, they also depend on which ratings exist (section 4).

    Input shape: ``[batch, n]``, levels as integers from 0, or -1 if a rating is missing.
    Output shape: ``[batch, n]``, the expected ratings.

    Args:
        units: number of hidden units.
        values: the rating of each level, in increasing order.
        prior: whether to start from the bias baseline.
        conditional: whether the hidden units also depend on which ratings exist.
        penalty: L2 penalty of a case's bias, as a number of ratings.
        seed: seed of the initial weights.

    >>> net = RatingsNet(2, [1.0, 2.0, 3.0])
    >>> net(np.array([[0, -1, 2, -1]])).shape
    TensorShape([1, 4])
    """

    def __init__(
        self,
        units: int,
        values: Sequence[float],
        prior: bool = True,
        conditional: bool = False,
        penalty: float = 5.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.units, self.values = units, tuple(map(float, values))
        self.prior, self.conditional = prior, conditional
        self.penalty, self.seed = penalty, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for ``[batch, n]``."""
        n, levels = int(input_shape[-1] or 0), len(self.values)
        start = keras.initializers.RandomNormal(0.0, 0.01, seed=self.seed)
        self.kernel = self.add_weight(
            shape=(n * levels, self.units), initializer=start, name="kernel"
        )
        self.visible_bias = self._zeros((n * levels,), "visible_bias")
        self.hidden_bias = self._zeros((self.units,), "hidden_bias")
        self.presence = self._zeros((n, self.units), "presence") if self.conditional else None
        self.unit_bias = self._zeros((n,), "unit_bias", trainable=False)
        self.mean = self._zeros((), "mean", trainable=False)
        self.built = True

    def _zeros(self, shape: tuple[int, ...], name: str, trainable: bool = True) -> Any:
        return self.add_weight(shape=shape, initializer="zeros", name=name, trainable=trainable)

    def machine(self, levels: Any) -> tuple[Any, Any, Machine]:
        """Return the visible states of a batch, a mask of known ratings, and the RBM of each case.

        Args:
            levels: as of the inputs.

        Returns:
            Ones and zeros ``[batch, n * values]``; likewise for whether a rating exists; and a
            ``Machine`` whose biases may differ between cases, ``[batch, ...]``.
        """
        count = len(self.values)
        one_hot = tf.one_hot(tf.cast(levels, tf.int32), count)  # [batch, n, values]
        there = tf.reduce_sum(one_hot, -1)  # [batch, n]
        width = self.visible_bias.shape[0]
        visible, hidden = self.visible_bias, self.hidden_bias
        if self.prior:
            baseline = self.baseline(levels)[..., None]  # [batch, n, 1]
            values = tf.constant(self.values)
            logits = values * baseline - 0.5 * tf.square(values)  # [batch, n, values]
            visible = visible + tf.reshape(logits, (-1, width))
        if self.presence is not None:
            hidden = hidden + tf.matmul(there, self.presence)
        mask = tf.reshape(tf.broadcast_to(there[..., None], tf.shape(one_hot)), (-1, width))
        machine = Machine(self.kernel, visible, hidden, "softmax", count)
        return tf.reshape(one_hot, (-1, width)), mask, machine

    def baseline(self, levels: Any) -> Any:
        """Return the bias baseline of all ratings of each case, ``[batch, n]``."""
        one_hot = tf.one_hot(tf.cast(levels, tf.int32), len(self.values))
        there = tf.reduce_sum(one_hot, -1)
        known = tf.linalg.matvec(one_hot, tf.constant(self.values))  # [batch, n], 0 if missing
        rest = (known - self.mean - self.unit_bias) * there
        bias = tf.reduce_sum(rest, -1) / (tf.reduce_sum(there, -1) + self.penalty)
        return self.mean + bias[:, None] + self.unit_bias

    def expected(self, probabilities: Any) -> Any:
        """Return the expected ratings ``[batch, n]`` from ``[batch, n * values]``."""
        by_unit = tf.reshape(probabilities, (tf.shape(probabilities)[0], -1, len(self.values)))
        return tf.linalg.matvec(by_unit, tf.constant(self.values))

    def hidden(self, levels: Any) -> Any:
        """Return the probabilities of the hidden units, ``[batch, units]``."""
        rows, _, machine = self.machine(levels)
        return tf.sigmoid(machine.hidden_logits(rows))

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the expected ratings given the known ones, ``[batch, n]``."""
        rows, _, machine = self.machine(inputs)
        hidden = tf.sigmoid(machine.hidden_logits(rows))
        return self.expected(machine.means(machine.visible_logits(hidden)))

    def start(self, counts: Any, unit_bias: Any, mean: float) -> None:
        """Set the biases from the data.

        Args:
            counts: how often each unit has each level, ``[n, values]``.
            unit_bias: of the baseline, ``[n]``.
            mean: the mean rating.
        """
        self.unit_bias.assign(unit_bias)
        self.mean.assign(mean)
        if not self.prior:
            share = counts.sum(0) / counts.sum()
            smooth = counts + 2 * share  # smoothing by two pseudo-ratings
            odds = np.log(smooth / smooth.sum(1, keepdims=True))
            self.visible_bias.assign(odds.ravel())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        return {
            **super().get_config(),
            "units": self.units,
            "values": self.values,
            "prior": self.prior,
            "conditional": self.conditional,
            "penalty": self.penalty,
            "seed": self.seed,
        }
