"""The base of models that reconstruct: codes, reconstructions, anomaly scores and plots."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from agentlab.data.batches import Array, evenly_spaced
from agentlab.errors import InvalidArgument
from agentlab.lazy import keras, tf
from agentlab.plots.images import as_pixels, image_grid, image_sheet, labeled_rows
from agentlab.runs import Run
from agentlab.runs.frames import log_frame
from agentlab.training.presented import Table
from agentlab.unsupervised.unlabeled import BLOCK, SHOWN, UnlabeledTrainer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLOTTED = 4000  # codes in the scatter plot
PROJECTED = 1000  # examples in TensorBoard's projector
WEIGHTS = 100  # units whose weights are shown
SCORED = 4096  # held-out examples whose anomaly scores are saved, as quantiles
QUANTILES = np.linspace(0, 1, 201)


class Reconstructing(UnlabeledTrainer):
    """A trainer whose network has ``encode`` and ``decode``.

    Attributes:
        error_quantiles: 201 quantiles of the anomaly scores of held-out data.
    """

    error_quantiles: Array | None = None

    @abstractmethod
    def scores_of(self, inputs: Array) -> Array:
        """Return the anomaly scores of network inputs, float32 ``[n]``."""

    def anomaly_scores(self, x: Any) -> Array:
        """Return the anomaly scores of raw inputs, float32 ``[n]``; higher is more anomalous."""
        return self.scores_of(self.inputs_of(x))

    def outputs_for(self, inputs: Any) -> Any:
        """Return the reconstructions of network inputs: pixels from 0 to 1, or real numbers."""
        return self.finished(self.net(inputs, training=False))

    def finished(self, outputs: Any) -> Any:
        """Apply the final activation to the network's outputs: pixels from 0 to 1, or numbers."""
        outputs = tf.cast(outputs, tf.float32)
        return tf.sigmoid(outputs) if self.pixels else outputs

    def errors(self, inputs: Any, outputs: Any) -> dict[str, Any]:
        """Return ``mse`` of each example ``[b]``, from scaled inputs and the network's outputs."""
        error = tf.square(self.finished(outputs) - inputs)
        return {"mse": tf.reduce_mean(tf.reshape(error, (tf.shape(error)[0], -1)), -1)}

    def encode(self, x: Any) -> Array:
        """Return the codes of raw inputs, float32 ``[n, code_size]``."""
        inputs = self.inputs_of(x)
        self.check_fitted()
        return self.in_blocks("encode", self.codes_of, inputs)

    def codes_of(self, inputs: Any) -> Any:
        """Return the codes of a tensor of network inputs, ``[b, code_size]``."""
        return tf.cast(self.net.encode(inputs), tf.float32)

    def decode(self, codes: Any) -> Array:
        """Return the inputs decoded from codes ``[n, code_size]``, in the units of the raw inputs.

        Raises:
            InvalidArgument: for codes of another size.
        """
        self.check_fitted()
        codes = np.asarray(codes, np.float32)
        if codes.ndim != 2 or codes.shape[1] != self.net.code_size:
            raise InvalidArgument(
                f"codes has the shape {list(codes.shape)}; it must be [n, {self.net.code_size}]"
            )
        return self.raw(
            self.in_blocks("decode", lambda c: self.finished(self.net.decode(c)), codes)
        )

    def reconstruct(self, x: Any) -> Array:
        """Return ``decode(encode(x))``, in the units of the raw inputs."""
        inputs = self.inputs_of(x)
        self.check_fitted()
        return self.raw(self.in_blocks("outputs_for", self.outputs_for, inputs))

    def predict(self, x: Any) -> Array:
        """Return the reconstructions of raw inputs, as ``reconstruct`` does."""
        return self.reconstruct(x)

    def tabulate(self, source: str, *, encoding: str | None = None, **options: Any) -> Table:
        """Return the codes of the inputs in a file as a table."""
        codes = self.encode(self.read(source, encoding))
        header = [f"code_{i + 1}" for i in range(codes.shape[1])]
        return header, [[f"{value:.6g}" for value in row] for row in codes]

    def epoch_end(self, epoch: int, run: Run | None) -> dict[str, float]:
        """Log an image of some held-out inputs and their reconstructions."""
        if run is not None and is_image(self.watched):
            rows = list(self.image_rows(self.watched).values())
            log_frame(run, "reconstructions", epoch, image_grid(np.concatenate(rows), SHOWN, 2))
        return {}

    def image_rows(self, inputs: Array) -> dict[str, Array]:
        """Return rows of images to show for network inputs, by name."""
        outputs = self.in_blocks("outputs_for", self.outputs_for, inputs)
        return {"input": self.raw(self.scaled(inputs).numpy()), "reconstruction": self.raw(outputs)}

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Plot reconstructions, the weights of the first layer, and the codes by label."""
        from agentlab.plots.predictions import embedding_scatter

        inputs = np.asarray(next(iter(self.batches(x).epoch(PLOTTED))).inputs)
        drawn: dict[str, Figure] = {}
        if is_image(inputs):
            rows = self.image_rows(inputs[evenly_spaced(len(inputs), SHOWN)])
            drawn["reconstructions"] = labeled_rows(list(rows.values()), list(rows))
            if (kernels := self._first_kernels(inputs.shape[1:])) is not None:
                title = f"weights of the first {len(kernels)} units"
                drawn["weights"] = image_sheet(as_pixels(kernels, symmetric=True), title)
        codes = self.in_blocks("encode", self.codes_of, inputs)
        if codes.shape[1] > 1:
            labels = np.zeros(len(codes), int) if y is None else np.asarray(y)[: len(codes)]
            axes = "code" if codes.shape[1] == 2 else "principal component of the codes"
            drawn["codes"] = embedding_scatter(two_dimensions(codes), labels)
            drawn["codes"].axes[0].set(xlabel=f"first {axes}", ylabel=f"second {axes}")
        return drawn

    def _first_kernels(self, shape: tuple[int, ...]) -> Array | None:
        """Return the kernels of the first dense layer as images, ``[units, *shape]``."""
        from agentlab.nets.mlp import MLP

        torso = self.net.torso
        if not isinstance(torso, MLP):
            return None
        first = torso.denses[0] if torso.denses else self.net.first_dense
        return np.asarray(first.kernel).T.reshape(-1, *shape)[:WEIGHTS]

    def projection(self, x: Any, y: Any = None) -> tuple[Array, Any, Array | None]:
        """Return the codes of some held-out examples, their labels, and thumbnails for images."""
        inputs = np.asarray(next(iter(self.batches(x).epoch(PROJECTED))).inputs)
        labels = [""] * len(inputs) if y is None else np.asarray(y)[: len(inputs)].tolist()
        return (
            self.in_blocks("encode", self.codes_of, inputs),
            labels,
            (inputs if is_image(inputs) else None),
        )

    def inference_model(self) -> Any:
        """Return a Keras model from raw inputs to ``codes`` and ``reconstructions``."""
        from agentlab.nets.autoencoder import Codes

        self.check_fitted()
        assert self.preprocessor is not None
        raw = self.preprocessor.inference_inputs()
        inputs = self.preprocessor.inference(raw)
        outputs = keras.ops.cast(self.net(inputs, training=False), "float32")
        if self.pixels:
            outputs = keras.ops.sigmoid(outputs)
        codes = Codes(self.net)(inputs)
        return keras.Model(raw, {"codes": codes, "reconstructions": outputs}, name=self.name)

    def specification(self) -> dict[str, Any]:
        """Return the specification of the base class, and ``error_quantiles``."""
        if self._held is not None:
            batches = islice(self._held.epoch(BLOCK), SCORED // BLOCK)
            scores = [self.scores_of(np.asarray(batch.inputs)) for batch in batches]
            self.error_quantiles = np.quantile(np.concatenate(scores), QUANTILES)
        known = self.error_quantiles
        return {**super().specification(), "errors": None if known is None else known.tolist()}

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Make a trainer from its ``specification``."""
        trainer = super().from_specification(specification, config, seed, models)
        if specification["errors"] is not None:
            trainer.error_quantiles = np.array(specification["errors"], np.float64)
        return trainer


def is_image(inputs: Any) -> bool:
    """Return whether network inputs are uint8 images, which can be plotted."""
    return isinstance(inputs, np.ndarray) and inputs.dtype == np.uint8 and inputs.ndim > 2


def two_dimensions(points: Array) -> Array:
    """Return points ``[n, d]`` in two dimensions: the first two principal components if d > 2."""
    if points.shape[1] == 2:
        return points
    centered = points - points.mean(0)
    return np.asarray(centered @ np.linalg.svd(centered, full_matrices=False)[2][:2].T)
