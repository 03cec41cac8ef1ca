"""Methods of a trained GAN: generate examples from codes, and find codes of examples."""

from __future__ import annotations

from typing import Any

import numpy as np

from agentlab.data.batches import Array
from agentlab.errors import InvalidArgument
from agentlab.lazy import keras, tf
from agentlab.unsupervised.code_search import STARTS, STEPS, great_circle, make_search
from agentlab.unsupervised.unlabeled import UnlabeledTrainer


class Generating(UnlabeledTrainer):
    """A trainer with a generator and a discriminator.

    Attributes:
        generator: a network from codes to inputs in the range of ``scaled``.
        discriminator: a network from the outputs of ``scaled`` to logits ``[b]``.
    """

    config: Any
    generator: Any = None
    discriminator: Any = None

    def codes(self, n: int, rng: np.random.Generator) -> Array:
        """Return ``n`` random codes, float32 ``[n, latent_dim]``, from a normal distribution."""
        return rng.standard_normal((n, self.config.latent_dim), np.float32)

    def outputs_of(self, codes: Array) -> Array:
        """Return the generator's outputs for codes: pixels from 0 to 1, or real numbers."""
        return self.in_blocks("generate", lambda c: self.generator(c, training=False), codes)

    def as_inputs(self, outputs: Array) -> Array:
        """Return the generator's outputs as network inputs, uint8 for pixels."""
        return self.raw(outputs) if self.pixels else outputs

    def logits_of(self, inputs: Array) -> Array:
        """Return the discriminator's logits of network inputs, float32 ``[n]``."""
        return self.in_blocks(
            "logits", lambda x: self.discriminator(self.scaled(x), training=False), inputs
        )

    def sample(self, n: int, seed: int = 0) -> Array:
        """Return ``n`` generated examples, in the units of the raw inputs.

        Args:
            n: number of examples.
            seed: of their codes; equal seeds give equal codes.
        """
        return self.decode(self.codes(n, np.random.default_rng(seed)))

    def decode(self, codes: Any) -> Array:
        """Return the examples generated from codes, in the units of the raw inputs.

        Args:
            codes: float ``[n, latent_dim]``.

        Raises:
            InvalidArgument: for codes of another size.
        """
        self.check_fitted()
        codes = np.asarray(codes, np.float32)
        if codes.ndim != 2 or codes.shape[1] != self.config.latent_dim:
            size = self.config.latent_dim
            raise InvalidArgument(
                f"codes has the shape {list(codes.shape)}; it must be [n, {size}]"
            )
        return self.raw(self.outputs_of(codes))

    def predict(self, x: Any) -> Array:
        """Return the discriminator's probability that raw inputs are real, float32 ``[n]``."""
        inputs = self.inputs_of(x)
        self.check_fitted()
        return np.asarray(0.5 + 0.5 * np.tanh(self.logits_of(inputs) / 2), np.float32)

    def encode(self, x: Any, seed: int = 0) -> Array:
        """Return codes whose generated examples are close to ``x``, found by gradient descent.

        Args:
            x: raw inputs ``[n, ...]``.
            seed: of the codes that the search starts from.

        Returns:
            Float32 ``[n, latent_dim]``.
        """
        return self._search(self.inputs_of(x), np.ones((1,), np.float32), STEPS, seed)

    def between(self, first: Array, second: Array, count: int) -> Array:
        """Return codes on the great circle between two codes, float32 ``[count, latent_dim]``."""
        return great_circle(first, second, count)

    def reconstruct(self, x: Any) -> Array:
        """Return ``decode(encode(x))``, in the units of the raw inputs."""
        return self.decode(self.encode(x))

    def inpaint(self, x: Any, mask: Any, steps: int = STEPS, seed: int = 0) -> Array:
        """Return inputs with the masked part replaced by that of the closest generated inputs.

        Args:
            x: raw inputs ``[n, ...]``.
            mask: true where values are to be replaced, ``[n, ...]`` or the shape of one input.
            steps: number of gradient steps of the search for codes.
            seed: of the codes that the search starts from.

        Returns:
            ``x`` where the mask is false, and generated values elsewhere.
        """
        inputs, shape = self.inputs_of(x), self.generator.shape
        hidden = np.asarray(mask, bool)
        if hidden.shape in (shape[:-1], (len(inputs), *shape[:-1])) and len(shape) == 3:
            hidden = hidden[..., None]
        try:
            hidden = np.broadcast_to(hidden, inputs.shape)
        except ValueError:
            raise InvalidArgument(
                f"mask has the shape {list(hidden.shape)}; it must be that of an input, "
                f"{list(shape)}"
            ) from None
        made = self.decode(self._search(inputs, 1 - hidden.astype(np.float32), steps, seed))
        return np.where(hidden, made, self.raw(np.asarray(self.scaled(inputs))))

    def _search(self, inputs: Array, known: Array, steps: int, seed: int) -> Array:
        """Return the best codes for inputs, from several random starts."""
        self.check_fitted()
        search = self.compiled("search", lambda: make_search(self.generator, self.discriminator))
        rng, best, lowest = np.random.default_rng(seed), None, None
        images = self.scaled(inputs)
        for _ in range(STARTS):
            start = self.codes(len(inputs), rng)
            codes, lost = (
                part.numpy() for part in search(images, known, start, tf.constant(steps))
            )
            if best is None or lowest is None:
                best, lowest = codes, lost
            better = lost < lowest
            best, lowest = np.where(better[:, None], codes, best), np.minimum(lost, lowest)
        return np.asarray(best)

    def inference_model(self) -> Any:
        """Return a Keras model from codes ``[n, latent_dim]`` to ``generated``."""
        self.check_fitted()
        codes = keras.Input((self.config.latent_dim,), name="codes")
        outputs = keras.ops.cast(self.generator(codes, training=False), "float32")
        return keras.Model(codes, {"generated": outputs}, name=self.name)
