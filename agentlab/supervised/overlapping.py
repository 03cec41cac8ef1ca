"""``OverlappingCapsules``: a capsule network that recognizes two overlapping images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from agentlab.config import override
from agentlab.data import Batch, Preprocessor
from agentlab.data.batches import Array
from agentlab.data.images import Images
from agentlab.data.overlapping import OverlappingImages
from agentlab.errors import InvalidArgument
from agentlab.lazy import keras, tf
from agentlab.runs import Run
from agentlab.supervised.capsules import CapsuleClassifier, CapsuleOptions, margin_loss
from agentlab.supervised.class_labels import distinct_labels
from agentlab.training.callbacks import Callback
from agentlab.training.examples import is_batches
from agentlab.training.presented import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 8  # pairs in the plot


@dataclass(frozen=True)
class OverlappingConfig(CapsuleOptions):
    """Hyperparameters of ``overlapping_capsules``."""

    shift_pixels: int = override(CapsuleOptions, "shift_pixels", 4)


class OverlappingCapsules(CapsuleClassifier):
    """Recognizes both of two overlapping images, and reconstructs each separately.

    Sabour, Frosst & Hinton 2017, section 6 (MultiMNIST). It is trained on single images, from which
    ``OverlappingImages`` makes pairs, new ones in each epoch.
    """

    name = "overlapping_capsules"
    Config: ClassVar[type] = OverlappingConfig

    def fit(  # type: ignore[override]
        self,
        x: Any,
        y: Any,
        *,
        classes: Sequence[Any] | None = None,
        validation_data: Any = None,
        run: Run | None = None,
        quiet: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train the network.

        Args:
            x: single images ``[n, h, w]`` or ``[n, h, w, channels]``.
            y: their labels ``[n]``; with ``classes``, class indices.
            classes: names of the classes.
            validation_data: ``(x, y)``; ``None`` holds out the fraction ``validation_split``.
            run: saves metrics and checkpoints; training resumes from its newest checkpoint.
            quiet: show no progress.
            callbacks: called during training.

        Raises:
            AgentlabError: if there is only one class, or if x, y and the net do not match.
        """
        if is_batches(x):
            raise InvalidArgument("x is Batches, but must be arrays, from which pairs are made")
        self._named = classes is not None
        self.classes = distinct_labels(y) if classes is None else np.asarray(classes).tolist()
        train, held_out = self.prepare(x, y, validation_data)
        return self.train(train, held_out, run, quiet, callbacks)

    def fit_preprocessor(self, x: Any, standardize: bool) -> Preprocessor:
        """Return a preprocessor for overlapping images, which are larger than single ones."""
        single, extra = Images.fit(x), 2 * self.config.shift_pixels
        return replace(single, height=single.height + extra, width=single.width + extra)

    def arrays(  # type: ignore[override]
        self, x: Any, y: Any, weights: Array | None = None
    ) -> OverlappingImages:
        """Return pairs of single images ``x`` with labels ``y``."""
        pairs, extra = self.preprocessor, 2 * self.config.shift_pixels
        assert isinstance(pairs, Images)
        single = replace(pairs, height=pairs.height - extra, width=pairs.width - extra)
        targets = self.encode_targets(y)
        return OverlappingImages(single.transform(x), targets, self.config.shift_pixels, self.seed)

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        """Return ``loss``, its terms, and ``accuracy``, 1 if both labels are correct, ``[b]``."""
        from agentlab.nets.capsules import lengths

        labels, alone = batch.targets  # [b, 2], [b, 2, h, w, channels]
        capsules = self.net.capsules(batch.inputs)  # [b, classes, dimension]
        found = lengths(capsules)  # [b, classes]
        margin = margin_loss(found, tf.reduce_max(tf.one_hot(labels, found.shape[1]), axis=1))
        squared = tf.add_n(
            [
                tf.square(
                    self.net.reconstruct(capsules, labels[:, k]) - self.net.pixels_of(alone[:, k])
                )
                for k in range(2)
            ]
        )  # [b, h, w, channels]
        weight = self.config.reconstruction_weight / 2
        both = tf.sort(tf.math.top_k(found, 2).indices, axis=1)
        right = tf.reduce_all(both == tf.sort(tf.cast(labels, tf.int32), axis=1), axis=1)
        return {
            "loss": margin + weight * tf.reduce_sum(squared, axis=(1, 2, 3)),
            "accuracy": right,
            "margin_loss": margin,
            "reconstruction_mse": tf.reduce_mean(squared, axis=(1, 2, 3)) / 2,
        }

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Return metrics on fixed pairs of single images; ``accuracy`` requires both labels."""
        return self.evaluate_batches(self.held_out(x, y))

    def predict_proba(self, x: Any) -> Array:
        """Return the lengths of the class capsules, which do not sum to 1, ``[n, classes]``."""
        return self.outputs_of(x)

    def predict(self, x: Any) -> Array:
        """Return the two labels of overlapping images, the more confident one first, ``[n, 2]``."""
        best = np.argsort(-self.outputs_of(x), axis=-1, kind="stable")[:, :2]
        return np.asarray(np.asarray(self.classes)[best])

    def infer(self, outputs: Any) -> dict[str, Any]:
        """Return ``probabilities`` ``[n, classes]`` and ``classes``, int32 indices ``[n, 2]``."""
        classes = keras.ops.cast(keras.ops.top_k(outputs, 2)[1], "int32")
        return {"probabilities": outputs, "classes": classes}

    def report(self, x: Any, y: Any = None) -> list[str]:
        """Return an empty report: there is no confusion matrix for pairs."""
        return []

    def tabulate(self, source: str, *, encoding: str | None = None, **options: Any) -> Table:
        """Return a row per image: both labels, and the length of each class capsule."""
        x = self.read(source, encoding)
        names = [f"length_{name}" for name in self.classes]
        rows = [
            [*map(str, pair), *(f"{length:.6f}" for length in row)]
            for pair, row in zip(self.predict(x), self.outputs_of(x), strict=True)
        ]
        return ["first", "second", *names], rows

    def format_prediction(self, source: str, *, top: int = 2, **options: Any) -> list[str]:
        """Return a line per image: its two labels."""
        return [f"{row[0]} and {row[1]}" for row in self.tabulate(source, **options)[1]]

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Plot overlapping images, and the reconstructions of both from their labels' capsules."""
        from agentlab.plots.capsules import pair_panel

        first = next(iter(self.held_out(x, y).epoch(SHOWN)))
        inputs, labels = np.asarray(first.inputs), np.asarray(first.targets[0])
        capsules = self.capsules(inputs)
        one, other = (self.decode_capsules(capsules, labels[:, k]) for k in range(2))
        names = [f"{self.classes[a]} and {self.classes[b]}" for a, b in labels]
        return {"reconstructions": pair_panel(inputs / self.net.scale, one, other, names)}

    def projection(self, *data: Any) -> None:
        """Return ``None``: overlapping images have no single label."""
        return None
