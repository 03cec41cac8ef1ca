"""``Autoencoder``: dense, convolutional, sparse, denoising and stacked autoencoders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from agentlab.config import option, override
from agentlab.data import Batch, Batches
from agentlab.data.batches import Array
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import tf
from agentlab.nets.activation_names import check_activation
from agentlab.training.network import Standardization, TorsoChoice
from agentlab.training.optimization import Optimization
from agentlab.training.stages import Stage
from agentlab.unsupervised.corruption import Noise, corrupt
from agentlab.unsupervised.reconstructing import Reconstructing

CODE_SIZE = 32  # the default, for inputs of at least twice as many values
DARK = 0.01  # minimum mean square of an image by which its error is divided


@dataclass(frozen=True)
class AutoencoderConfig(Standardization, TorsoChoice, Optimization):
    """Hyperparameters of ``autoencoder``."""

    hidden: tuple[int, ...] = override(TorsoChoice, "hidden", (128,))
    code_size: int | None = option(
        None,
        "size of the code; none for 32 or half the size of an input, whichever is smaller; 0 to "
        "use the torso's features",
        ge=0,
    )
    code_activation: str = option("linear", "activation of the code, a Keras name")
    tied: bool = option(False, "tie the decoder's kernels to the encoder's, transposed (mlp only)")
    loss: Literal["mse", "bce"] = option(
        "mse", "squared error, or binary cross-entropy of the pixels of images"
    )
    noise: Noise = option("none", "noise added to the inputs, drawn for each batch")
    noise_level: float = option(
        0.3, "standard deviation of gaussian noise, else the fraction of corrupted values", gt=0
    )
    rho: float | None = option(
        None, "target mean activation of the code (sparsity); none for no penalty", gt=0, lt=1
    )
    sparsity_weight: float = option(
        0.1, "weight of the KL divergence from rho, summed over the code, per input value", ge=0
    )
    pretrain_epochs: int = option(
        0, "epochs of greedy pretraining per layer, before all are trained together", ge=0
    )

    def check(self) -> None:
        """Raise ``InvalidArgument`` if an option is out of bounds or conflicts with another."""
        super().check()
        check_activation(self.code_activation)
        if self.noise not in ("none", "gaussian") and self.noise_level > 1:
            raise InvalidArgument(
                f"noise_level={self.noise_level} of {self.noise} noise must be at most 1: it is "
                "the fraction of corrupted values"
            )
        if self.rho is not None and self.code_activation != "sigmoid":
            raise InvalidArgument(
                f"code_activation={self.code_activation!r} must be 'sigmoid' if rho is given, so "
                "that activations are from 0 to 1"
            )


class Autoencoder(Reconstructing):
    """Minimizes the error of ``decode(encode(x))``, with noise or sparsity if configured.

    ``rho`` adds the KL divergence between rho and the mean activation of each code unit over a
    batch (Ng 2011, "Sparse autoencoder"); ``noise`` trains it to reconstruct
    clean inputs from noisy ones (Vincent et al. 2010); ``pretrain_epochs`` pretrains the layers
    greedily, one at a time (Bengio et al. 2007).
    """

    name = "autoencoder"
    Config: ClassVar[type] = AutoencoderConfig
    config: AutoencoderConfig
    _layer: int | None = None  # the layer that is being pretrained, or None for all

    def build(self, data: Batches) -> None:
        """Build the torso that the configuration names, the code and the mirrored decoder."""
        from agentlab.nets.autoencoder import EncoderDecoder

        config, shape = self.config, self.input_shape(data)
        self.net = EncoderDecoder(
            self.make_torso(data),
            shape,
            self._code_size(shape),
            config.code_activation,
            config.tied,
            seed=self.seed,
            name=self.name,
        )

    def _code_size(self, shape: Sequence[int]) -> int | None:
        """Return the size of the code of inputs of ``shape``; ``None`` for the torso's features."""
        size = self.config.code_size
        if size is None:
            return max(1, min(CODE_SIZE, math.prod(shape) // 2))
        return size or None

    def check_net(self, data: Batches) -> None:
        """Raise ``AgentlabError`` if the network, its code or the options do not fit the data."""
        config, size = self.config, math.prod(self.input_shape(data))
        if not hasattr(self.net, "encode") or not hasattr(self.net, "decode"):
            raise AgentlabError("the net must be an agentlab.nets.autoencoder.EncoderDecoder")
        if self.net.code_size > size and config.noise == "none" and config.rho is None:
            raise InvalidArgument(
                f"code_size={self.net.code_size} is larger than an input of {size} values, so the "
                "network could just copy it; choose a smaller code, or set noise or rho"
            )
        if config.pretrain_epochs and not self.net.depth:
            raise InvalidArgument(
                f"pretrain_epochs={config.pretrain_epochs} needs a net whose layers are mirrored "
                f"one by one, net='mlp' or net='pooled_cnn', not {config.net!r}"
            )
        if not self.pixels and (config.loss == "bce" or config.noise == "salt_and_pepper"):
            name = "loss='bce'" if config.loss == "bce" else "noise='salt_and_pepper'"
            raise InvalidArgument(f"{name} needs uint8 images, but the inputs are numeric rows")

    def stages(self) -> Sequence[Stage]:
        """Return one stage per layer for pretraining, if any, and one for all layers."""
        config = self.config
        if not config.pretrain_epochs:
            return [Stage("train", config.epochs)]
        layers = [
            Stage(f"layer {i}", config.pretrain_epochs, trainable=self.net.layer_names(i))
            for i in range(self.net.depth)
        ]
        return [*layers, Stage("all", config.epochs, trainable=lambda path: True)]

    def begin_stage(self, stage: Stage, updates: int, example: Batch, ragged: bool) -> None:
        """Create the optimizer and the compiled training step of a stage."""
        number = stage.name.removeprefix("layer ")
        self._layer = int(number) if number != stage.name else None
        super().begin_stage(stage, updates, example, ragged)

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        """Return ``loss`` and ``mse`` of each example ``[b]``, and noise and sparsity metrics."""
        config, inputs = self.config, self.scaled(batch.inputs)  # [b, ...]
        if training and self._layer is not None:
            return self._layer_losses(inputs, self._layer, training)
        noisy = self.corrupted(inputs, training)
        scale = self.preprocessor.scale if self.preprocessor else 1.0
        codes = tf.cast(self.net.encode(noisy * scale, training), tf.float32)  # [b, code_size]
        outputs = tf.cast(self.net.decode(codes, training), tf.float32)  # [b, ...]
        found = self.errors(inputs, outputs)
        if config.loss == "bce":
            cross = tf.nn.sigmoid_cross_entropy_with_logits(inputs, outputs)
            found = {"loss": _mean(cross), **found}
        else:
            found = {"loss": found["mse"], **found}
        if config.noise != "none":
            found["noisy_mse"] = _mean(tf.square(noisy - inputs))
        if config.rho is not None:
            found["activation"] = tf.reduce_mean(codes, -1)
            found["objective"] = found["loss"] + self._sparsity(codes, batch.weights, inputs)
        return found

    def _layer_losses(self, inputs: Any, number: int, training: bool) -> dict[str, Any]:
        """Return the squared error of the layer that is being pretrained, ``[b]``."""
        wanted, outputs = self.net.layer_reconstruction(
            inputs, number, lambda x: self.corrupted(x, True), training
        )
        if number == 0 and self.pixels:
            outputs = tf.sigmoid(outputs)
        error = _mean(tf.square(tf.cast(outputs, tf.float32) - wanted))
        return {"loss": error, "mse": error}

    def _sparsity(self, codes: Any, weights: Any, inputs: Any) -> Any:
        """Return the weighted KL divergence between rho and the mean activations in a batch."""
        rho = self.config.rho
        assert rho is not None
        share = weights / tf.maximum(tf.reduce_sum(weights), 1e-9)
        mean = tf.clip_by_value(tf.linalg.matvec(codes, share, transpose_a=True), 1e-6, 1 - 1e-6)
        divergence = rho * tf.math.log(rho / mean)
        divergence += (1 - rho) * tf.math.log((1 - rho) / (1 - mean))  # [code_size]
        size = math.prod(inputs.shape[1:])
        return self.config.sparsity_weight * tf.reduce_sum(divergence) / size

    def corrupted(self, inputs: Any, training: bool) -> Any:
        """Return scaled inputs with noise: new for each update, fixed in evaluation."""
        if self.config.noise == "none":
            return inputs
        # The seed depends on the number of updates, so that a resumed run has the same noise.
        count = tf.cast(self.optimizer.iterations, tf.int32) if training else -1
        seed = tf.stack([self.seed, count])
        return corrupt(inputs, self.config.noise, self.config.noise_level, seed, self.pixels)

    def reduce_metrics(self, means: dict[str, float]) -> dict[str, float]:
        """Return the means, and for images the PSNR (dB) before and after denoising."""
        if self.pixels and self.config.noise != "none" and "noisy_mse" in means:
            psnr = {
                "psnr": -10 * math.log10(max(means["mse"], 1e-12)),
                "noisy_psnr": -10 * math.log10(max(means["noisy_mse"], 1e-12)),
            }
            return {**{k: v for k, v in means.items() if k != "noisy_mse"}, **psnr}
        return means

    def scores_of(self, inputs: Array) -> Array:
        """Return the squared error of each input's reconstruction, float32 ``[n]``.

        For images it is divided by the mean square of the pixels, since the error grows with the
        area of bright pixels: digits with thick strokes would score higher than unknown characters
        with thin ones.
        """

        def errors(inputs: Any) -> Any:
            clean = self.scaled(inputs)
            error = self.errors(clean, self.net(inputs, training=False))["mse"]
            return error / tf.maximum(_mean(tf.square(clean)), DARK) if self.pixels else error

        return self.in_blocks("errors", errors, inputs)

    def image_rows(self, inputs: Array) -> dict[str, Array]:
        """Return rows of images to show: inputs, noisy inputs and reconstructions, by name."""
        if self.config.noise == "none":
            return super().image_rows(inputs)
        clean = self.scaled(inputs)
        noisy = self.corrupted(clean, False).numpy()
        scale = self.preprocessor.scale if self.preprocessor else 1.0
        outputs = self.in_blocks("outputs_for", self.outputs_for, noisy * np.float32(scale))
        return {
            "input": self.raw(clean.numpy()),
            "with noise": self.raw(noisy),
            "reconstruction": self.raw(outputs),
        }


def _mean(values: Any) -> Any:
    """Return the means over all axes but the first."""
    return tf.reduce_mean(tf.reshape(values, (tf.shape(values)[0], -1)), -1)
