"""``CapsuleClassifier``: a capsule network that classifies images and reconstructs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from agentlab.config import option, override
from agentlab.data import Batch, Batches, Preprocessor
from agentlab.data.batches import Array
from agentlab.data.images import Images
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import keras, tf
from agentlab.supervised.classifier import Classifier, ClassifierConfig
from agentlab.supervised.features import FeatureTrainer
from agentlab.training.optimization import Optimization

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRESENT, ABSENT, DOWN = 0.9, 0.1, 0.5  # m+, m- and lambda of equation 4 of the paper
VARIED = np.linspace(-0.25, 0.25, 11, dtype=np.float32)  # as in figure 4 of the paper
SHOWN = 3  # images for which each capsule dimension is varied


@dataclass(frozen=True)
class CapsuleOptions(Optimization):
    """Options of capsule networks; the defaults are those of Sabour et al. 2017."""

    filters: int = option(256, "output channels of the first convolution", ge=1)
    channels: int = option(32, "channels of primary capsules", ge=1)
    primary_dimension: int = option(8, "dimension of the primary capsules", ge=1)
    dimension: int = option(16, "dimension of the class capsules", ge=1)
    kernel_size: int = option(9, "side of the square kernels of both convolutions", ge=1)
    iterations: int = option(3, "routing iterations", ge=1)
    decoder: tuple[int, ...] = option((512, 1024), "units of the decoder's hidden layers", ge=1)
    reconstruction_weight: float = option(
        5e-4, "weight of the squared error of the reconstruction, summed over the pixels", ge=0
    )
    shift_pixels: int = option(2, "shift training images by up to this many pixels", ge=0)


@dataclass(frozen=True)
class CapsuleConfig(CapsuleOptions):
    """Hyperparameters of ``capsules``."""

    class_weights: Literal["none", "balanced"] = override(ClassifierConfig, "class_weights", "none")


class CapsuleClassifier(Classifier):
    """Minimizes the margin loss of capsule lengths plus a reconstruction loss.

    Sabour, Frosst & Hinton 2017, "Dynamic routing between capsules". In training, the decoder
    gets the capsule of the label; in ``reconstruct``, that of the predicted class.
    """

    name = "capsules"
    Config: ClassVar[type] = CapsuleConfig
    config: Any

    def fit_preprocessor(self, x: Any, standardize: bool) -> Preprocessor:
        """Return a preprocessor of images."""
        return Images.fit(x)

    def build(self, data: Batches) -> None:
        """Build the capsule network."""
        from agentlab.nets.capsnet import CapsNet

        assert self.preprocessor is not None
        config = self.config
        shape = np.asarray(next(iter(data.epoch(1))).inputs).shape[1:]
        self.net = CapsNet(
            self.units,
            config.filters,
            config.kernel_size,
            config.channels,
            config.primary_dimension,
            config.dimension,
            config.iterations,
            config.decoder,
            self.preprocessor.scale,
            self.seed,
        )
        try:
            self.net.build((None, *shape))
        except ValueError as error:
            raise InvalidArgument(
                f"kernel_size={config.kernel_size} does not fit images of the shape "
                f"{list(shape)}: {error}"
            ) from error

    def check_net(self, data: Batches) -> None:
        """Raise ``AgentlabError`` unless the network is a ``CapsNet`` with the right classes."""
        if not hasattr(self.net, "capsules"):
            raise AgentlabError("the net must be an agentlab.nets.capsnet.CapsNet")
        FeatureTrainer.check_net(self, data)

    @property
    def input_scale(self) -> float:
        """The divisor of the inputs; 1, because the net divides them itself."""
        return 1.0

    def shifted(self, inputs: Any, training: bool) -> Any:
        """Return images ``[b, h, w, channels]``, shifted at random if ``training``."""
        if not training or not self.config.shift_pixels:
            return inputs
        from agentlab.nets.augment import shift_pixels

        # The seed depends on the number of updates, so that a resumed run shifts identically.
        seed = tf.stack([self.seed, tf.cast(self.optimizer.iterations, tf.int32)])
        return shift_pixels(inputs, seed, self.config.shift_pixels)

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        """Return ``loss``, ``accuracy`` and the two terms of the loss of each example, ``[b]``."""
        from agentlab.nets.capsules import lengths

        images = self.shifted(batch.inputs, training)  # [b, h, w, channels]
        capsules = self.net.capsules(images)  # [b, classes, dimension]
        found = lengths(capsules)  # [b, classes]
        margin = margin_loss(found, tf.one_hot(batch.targets, found.shape[1]))
        rebuilt = self.net.reconstruct(capsules, batch.targets)
        squared = tf.square(rebuilt - self.net.pixels_of(images))  # [b, h, w, channels]
        return {
            "loss": margin
            + self.config.reconstruction_weight * tf.reduce_sum(squared, axis=(1, 2, 3)),
            "accuracy": tf.argmax(found, -1, tf.int32) == tf.cast(batch.targets, tf.int32),
            "margin_loss": margin,
            "reconstruction_mse": tf.reduce_mean(squared, axis=(1, 2, 3)),
        }

    def predict_proba(self, x: Any) -> Array:
        """Return the lengths of the class capsules divided by their sum, ``[n, classes]``."""
        found = self.outputs_of(x)
        return np.asarray(found / found.sum(axis=-1, keepdims=True))

    def infer(self, outputs: Any) -> dict[str, Any]:
        """Return ``probabilities`` ``[n, classes]`` and ``classes``, int32 indices ``[n]``."""
        # Imported here because it loads Keras.
        from agentlab.nets.inference import most_likely

        classes = most_likely(outputs)
        return {"probabilities": outputs / keras.ops.sum(outputs, -1, True), "classes": classes}

    def capsules(self, x: Any) -> Array:
        """Return the class capsules of raw images, float32 ``[n, classes, dimension]``."""
        self.check_fitted()
        assert self.preprocessor is not None
        step = self.compiled(
            "capsules", lambda: tf.function(self.net.capsules, reduce_retracing=True)
        )
        inputs = self.preprocessor.transform(x)
        parts = [step(inputs[i : i + 256]).numpy() for i in range(0, len(inputs), 256)]
        return np.concatenate(parts)

    def reconstruct(self, x: Any, classes: Any = None) -> Array:
        """Return images decoded from the capsule of one class, ``[n, h, w, channels]``.

        Args:
            x: raw images.
            classes: indices of the classes, int ``[n]``; ``None`` for the predicted ones.

        Returns:
            uint8 images if the training images were uint8, else float32 images.
        """
        capsules = self.capsules(x)
        chosen = np.linalg.norm(capsules, axis=-1).argmax(-1) if classes is None else classes
        images = self.net.scale * self.decode_capsules(capsules, np.asarray(chosen))
        return np.asarray(np.rint(images).astype(np.uint8) if self.net.scale == 255 else images)

    def decode_capsules(self, capsules: Array, classes: Array) -> Array:
        """Return images decoded from ``capsules`` ``[n, classes, dimension]``, from 0 to 1."""
        self.check_fitted()
        step = self.compiled(
            "decode", lambda: tf.function(self.net.reconstruct, reduce_retracing=True)
        )
        return np.asarray(step(tf.constant(capsules), tf.constant(classes)))

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Return the plots of ``Classifier``, and reconstructions with each dimension varied."""
        from agentlab.plots.capsules import dimension_panel, reconstruction_panel

        first = next(iter(self.held_out(x, y).epoch(10)))
        images, labels = np.asarray(first.inputs), np.asarray(first.targets)
        capsules = self.capsules(images)
        chosen = np.linalg.norm(capsules, axis=-1).argmax(-1)
        names = [str(self.classes[i]) for i in chosen]
        varied = np.stack(
            [self._varied(capsules[i], int(chosen[i])) for i in range(min(SHOWN, len(images)))]
        )
        return {
            **super().plots(x, y),
            "reconstructions": reconstruction_panel(
                images / self.net.scale,
                self.decode_capsules(capsules, labels),
                [str(self.classes[i]) for i in labels],
            ),
            "capsule_dimensions": dimension_panel(varied, names[: len(varied)], VARIED),
        }

    def _varied(self, capsules: Array, chosen: int) -> Array:
        """Return reconstructions ``[dimension, VARIED, h, w, c]`` of one image's capsules."""
        count = capsules.shape[-1]
        changed = np.tile(capsules, (count, len(VARIED), 1, 1))
        for i in range(count):
            changed[i, :, chosen, i] += VARIED
        flat = changed.reshape(-1, *capsules.shape)
        images = self.decode_capsules(flat, np.full(len(flat), chosen, np.int32))
        return images.reshape(count, len(VARIED), *images.shape[1:])


def margin_loss(found: Any, present: Any) -> Any:
    """Return the margin loss of capsule lengths, summed over the classes (equation 4).

    Args:
        found: lengths of the class capsules, float32 ``[b, classes]``.
        present: 1 for classes that are in the image, else 0, float32 ``[b, classes]``.

    Returns:
        ``[b]``.

    >>> margin_loss(tf.constant([[0.8, 0.3]]), tf.constant([[1.0, 0.0]])).numpy().round(4)
    array([0.03], dtype=float32)
    """
    missed = present * tf.square(tf.maximum(0.0, PRESENT - found))
    false = (1 - present) * tf.square(tf.maximum(0.0, found - ABSENT))
    return tf.reduce_sum(missed + DOWN * false, axis=-1)
