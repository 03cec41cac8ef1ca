"""``PCA``: principal component analysis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from agentlab.config import Options, option
from agentlab.data.batches import Array, evenly_spaced
from agentlab.errors import InvalidArgument
from agentlab.lazy import keras
from agentlab.runs import Run
from agentlab.training.callbacks import Callback
from agentlab.training.examples import is_batches
from agentlab.unsupervised.covariance import Analysis, decompose, diagonalize
from agentlab.unsupervised.rows import (
    RowEstimator,
    say_columns,
    warn_constant,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_INPUTS = 16_384  # columns; their covariance matrix takes 2 GB
SHOWN = 10  # reconstructed examples in a plot
WEIGHTS = 100  # components that are shown as images


@dataclass(frozen=True)
class PCAConfig(Options):
    """Hyperparameters of ``pca``."""

    n_components: int | float | None = option(
        None, "number of components, or the fraction of the variance to keep; none for all", gt=0
    )
    whiten: bool = option(False, "scale each component to variance 1")
    standardize: bool = option(
        False, "scale numeric columns to mean 0 and standard deviation 1 before the analysis"
    )

    def check(self) -> None:
        super().check()
        if isinstance(self.n_components, float) and self.n_components >= 1:
            raise InvalidArgument(
                f"n_components={self.n_components} must be a fraction of the variance below 1, or "
                "an integer"
            )


class PCA(RowEstimator):
    """Principal component analysis, with the same components as scikit-learn's.

    With more rows than columns, the covariance matrix is accumulated block by block in float64, so
    the data may be larger than memory; otherwise scikit-learn decomposes the centered rows.

    Attributes:
        components_: directions in order of decreasing variance, float64 ``[components, inputs]``;
            the entry of largest magnitude of each is positive.
        mean_: float64 ``[inputs]``.
        explained_variance_: variance along each component, ``[components]``.
        explained_variance_ratio_: likewise, as fractions of the total variance.

    >>> x = np.array([[1.0, 2.0], [3.0, 6.0], [5.0, 10.0]])
    >>> pca = PCA(n_components=1).fit(x)
    >>> float(pca.explained_variance_ratio_.round(6)[0])
    1.0
    >>> pca.transform([[3.0, 6.0]]).round(6).tolist()
    [[0.0]]
    """

    name = "pca"
    monitor = ("explained_variance", "max")
    Config: ClassVar[type] = PCAConfig
    config: PCAConfig
    components_: Array
    mean_: Array
    explained_variance_: Array
    explained_variance_ratio_: Array

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        validation_data: Any = None,
        run: Run | None = None,
        quiet: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Compute the components.

        Args:
            x: numeric ``[n, ...]``, images or named columns, or ``Batches``; an array may be
                memory-mapped, ``np.load(path, mmap_mode="r")``.
            y: ignored, for consistency with other ``fit`` methods.
            validation_data: ``(x, y)`` or ``Batches`` for validation metrics.
            run: saves the metrics.
            quiet: ignored, since there is no progress bar.
            callbacks: called with the metrics.

        Raises:
            InvalidArgument: for more components than rows or columns, or than non-constant
                columns.
        """
        rows = self.prepare(x, self.config.standardize)
        inputs = math.prod(size or 1 for size in self.fitted_preprocessor.input_shape)
        wanted = self.config.n_components
        if rows < 2:
            raise InvalidArgument("x has 1 row; principal components need at least 2 rows")
        if isinstance(wanted, int) and wanted > min(rows, inputs):
            raise InvalidArgument(
                f"n_components={wanted} must be at most {min(rows, inputs)}, the smaller of the "
                f"{rows} rows and the {inputs} columns of x"
            )
        if rows > inputs > MAX_INPUTS:
            raise InvalidArgument(f"x has {inputs} columns; it must have at most {MAX_INPUTS:,}")
        if rows > inputs:
            largest = wanted if isinstance(wanted, int) else None
            variance = self._analyze(diagonalize(self.blocks(x), largest))
        else:
            variance = self._analyze(decompose(self.rows(x)))
        self._check_constant(variance, wanted)
        self._keep(self._count(wanted))
        # The variance of the components determines the metrics, without another pass over x.
        kept = float(self.explained_variance_ratio_.sum())
        loss = max(1 - kept, 0.0) * float(variance.sum()) * (rows - 1) / rows / inputs
        metrics = {"loss": loss, "explained_variance": kept}
        return self.log_evaluation(metrics, validation_data, run, callbacks)

    def _analyze(self, found: Analysis) -> Array:
        """Store the fitted components, and return the variance of each column."""
        self.mean_, self.components_ = found.mean, found.components
        self.explained_variance_ = found.variances
        total = max(float(found.column_variances.sum()), 1e-300)
        self.explained_variance_ratio_ = found.variances / total
        return found.column_variances

    def _check_constant(self, variance: Array, wanted: Any) -> None:
        constant = np.flatnonzero(variance <= 1e-24 * max(float(variance.max()), 1e-300))
        varying = len(variance) - len(constant)
        if not varying:
            raise InvalidArgument("all columns of x are constant, so there is nothing to learn")
        if self.is_image or not len(constant):
            return
        asked = len(variance) if wanted is None else wanted
        if isinstance(asked, int) and asked > varying:
            raise InvalidArgument(
                f"n_components={wanted} must be at most {varying}, since {say_columns(constant)} "
                f"of x {'are' if len(constant) > 1 else 'is'} constant"
            )
        warn_constant(constant)

    def _count(self, wanted: int | float | None) -> int:
        if not isinstance(wanted, float):
            return len(self.explained_variance_) if wanted is None else wanted
        enough = np.cumsum(self.explained_variance_ratio_) >= wanted
        return int(np.argmax(enough)) + 1 if enough.any() else len(enough)

    def _keep(self, count: int) -> None:
        components = self.components_[:count]
        largest = np.abs(components).argmax(1)
        signs = np.sign(components[np.arange(count), largest])
        self.components_ = np.ascontiguousarray(components * signs[:, None])
        self.explained_variance_ = np.array(self.explained_variance_[:count])
        self.explained_variance_ratio_ = np.array(self.explained_variance_ratio_[:count])

    def transform(self, x: Any) -> Array:
        """Return the coordinates along the components, float64 ``[n, components]``."""
        self.check_fitted()
        return np.concatenate([self._project(rows) for rows in self.blocks(x)])

    def predict(self, x: Any) -> Array:
        """Return ``transform(x)``."""
        return self.transform(x)

    def encode(self, x: Any) -> Array:
        """Return ``transform(x)``."""
        return self.transform(x)

    def decode(self, codes: Any) -> Array:
        """Return the inputs with the given coordinates, in the raw inputs' units, ``[n, ...]``."""
        self.check_fitted()
        codes = np.asarray(codes, np.float64)
        if codes.ndim != 2 or codes.shape[1] != len(self.components_):
            raise InvalidArgument(
                f"codes has the shape {list(codes.shape)}; it must be [n, {len(self.components_)}]"
            )
        return self.raw(self._restore(codes))

    def reconstruct(self, x: Any) -> Array:
        """Return the projection of inputs onto the components, in their units, ``[n, ...]``."""
        return self.decode(self.transform(x))

    def _project(self, rows: Array) -> Array:
        codes: Array = (rows - self.mean_) @ self.components_.T / self._deviation
        return codes

    def _restore(self, codes: Array) -> Array:
        rows: Array = (codes * self._deviation) @ self.components_ + self.mean_
        return rows

    @property
    def _deviation(self) -> Any:
        return np.sqrt(self.explained_variance_) if self.config.whiten else 1.0

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Return ``loss``, the mean squared error of reconstructions, and ``explained_variance``.

        The latter is 1 minus the squared error over the squared distances to ``mean_``.
        """
        self.check_fitted()
        left = total = size = 0.0
        for rows in self.blocks(x):
            left += float(np.square(rows - self._restore(self._project(rows))).sum())
            total += float(np.square(rows - self.mean_).sum())
            size += rows.size
        return {"loss": left / size, "explained_variance": 1 - left / max(total, 1e-300)}

    def score(self, x: Any, y: Any = None) -> float:
        """Return the fraction of the variance that the components explain."""
        return self.evaluate(x)["explained_variance"]

    def layer(self) -> Any:
        """Return the transform as a frozen Keras layer on preprocessed inputs, for any network.

        ``keras.Sequential([pca.layer(), net])`` trains ``net`` on the components; float32.
        """
        from agentlab.nets.fitted import LinearProjection

        self.check_fitted()
        fitted = self.fitted_preprocessor
        layer = LinearProjection(len(self.components_), fitted.scale, name="pca")
        layer.build((None, *fitted.input_shape))
        layer.set_weights([self.mean_, self.components_.T / self._deviation])
        return layer

    def inference_model(self) -> Any:
        """Return a Keras model from raw inputs to ``codes``, float32 ``[n, components]``."""
        fitted = self.fitted_preprocessor
        raw = fitted.inference_inputs()
        return keras.Model(raw, {"codes": self.layer()(fitted.inference(raw))}, name=self.name)

    def tabulate(
        self, source: str, *, encoding: str | None = None, **options: Any
    ) -> tuple[list[str], list[list[str]]]:
        """Return the coordinates of the examples in a file as a table with a header."""
        codes = self.transform(self.read(source, encoding))
        header = [f"component_{i + 1}" for i in range(codes.shape[1])]
        return header, [[f"{value:.6g}" for value in row] for row in codes]

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Plot the explained variance, the components, reconstructions and coordinates."""
        from agentlab.plots.components import explained_variance, scatter_3d
        from agentlab.plots.images import as_pixels, image_sheet, labeled_rows
        from agentlab.plots.predictions import embedding_scatter

        drawn = {"explained_variance": explained_variance(self.explained_variance_ratio_)}
        codes = self.transform(x)
        if codes.shape[1] > 1:
            labels = np.zeros(len(codes), int) if y is None or is_batches(x) else np.asarray(y)
            drawn["scatter"] = embedding_scatter(codes[:, :2], labels)
            drawn["scatter"].axes[0].set(xlabel="first component", ylabel="second component")
            if codes.shape[1] > 2:
                drawn["scatter_3d"] = scatter_3d(codes[:, :3], None if y is None else labels)
        if self.is_image:
            shape = self.fitted_preprocessor.input_shape
            first = self.components_[:WEIGHTS].reshape(-1, *shape)
            drawn["components"] = image_sheet(as_pixels(first, symmetric=True), "components")
            some = evenly_spaced(len(codes), SHOWN)
            rows = [self.raw(self.rows(np.asarray(x)[some])), self.decode(codes[some])]
            drawn["reconstructions"] = labeled_rows(rows, ["input", "reconstruction"])
        return drawn

    def projection(self, x: Any, y: Any = None) -> tuple[Array, Any, Array | None]:
        """Return the coordinates of some held-out examples, their labels and images."""
        first = self.first_inputs(x)
        codes = self.transform(first)
        return codes, self.labels_of(x, y, len(codes)), first if self.is_image else None
