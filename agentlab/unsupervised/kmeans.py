"""``KMeans``: k-means clustering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from agentlab.config import Options, option
from agentlab.data.batches import Array
from agentlab.errors import InvalidArgument
from agentlab.runs import Run
from agentlab.training.callbacks import Callback
from agentlab.training.examples import is_batches
from agentlab.unsupervised.rows import RowEstimator
from agentlab.unsupervised.som import nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

JUDGED = 2000  # rows for the silhouette, which needs memory for each pair
SAMPLED = 200  # rows of each block that are used for the initial centers
ELBOW = 10  # the largest number of clusters in the elbow plot


@dataclass(frozen=True)
class KMeansConfig(Options):
    """Hyperparameters of ``kmeans``."""

    n_clusters: int = option(8, "number of clusters", ge=1)
    n_init: int = option(10, "number of initializations, of which the best is kept", ge=1)
    max_iter: int = option(300, "maximum number of passes over the data", ge=1)
    batch_size: int | None = option(
        None, "rows per mini-batch; none for all rows, which must fit into memory", ge=1
    )
    standardize: bool = option(
        False, "scale numeric columns to mean 0 and standard deviation 1 before clustering"
    )


class KMeans(RowEstimator):
    """K-means clustering, by scikit-learn.

    Attributes:
        cluster_centers_: float64 ``[n_clusters, inputs]``, in the space of the preprocessed rows.
        inertia_: sum of the squared distances of the training rows to their centers.

    >>> kmeans = KMeans(n_clusters=2).fit([[0.0], [1.0], [9.0], [10.0]])
    >>> sorted(kmeans.cluster_centers_.ravel().tolist()), kmeans.inertia_
    ([0.5, 9.5], 1.0)
    """

    name = "kmeans"
    monitor = ("loss", "min")
    Config: ClassVar[type] = KMeansConfig
    config: KMeansConfig
    cluster_centers_: Array
    inertia_: float

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
        """Fit the clusters.

        Args:
            x: numeric ``[n, ...]``, images or named columns, or ``Batches``, which are streamed if
                ``batch_size`` is set.
            y: ignored, for consistency with other ``fit`` methods.
            validation_data: ``(x, y)`` or ``Batches`` for validation metrics.
            run: saves the metrics.
            quiet: ignored, since there is no progress bar.
            callbacks: called with the metrics.

        Raises:
            InvalidArgument: for more clusters than rows, or than distinct rows.
        """
        rows, clusters = self.prepare(x, self.config.standardize), self.config.n_clusters
        if clusters > rows:
            raise InvalidArgument(
                f"n_clusters={clusters} must be at most {rows}, the number of rows of x"
            )
        streamed = self.config.batch_size is not None and (
            is_batches(x) or isinstance(x, np.memmap)
        )
        found = self._streamed(x) if streamed else self._in_memory(self.rows(x))
        self.cluster_centers_, self.inertia_ = found
        return self.log_evaluation(self.evaluate(x), validation_data, run, callbacks)

    def _in_memory(self, rows: Array) -> tuple[Array, float]:
        distinct = (
            len(np.unique(rows, axis=0)) if len(rows) <= 10 * self.config.n_clusters else None
        )
        if distinct is not None and distinct < self.config.n_clusters:
            raise InvalidArgument(
                f"n_clusters={self.config.n_clusters} must be at most {distinct}, the number of "
                "different rows of x"
            )
        return _found(rows, self.config.n_clusters, self.config, self.seed)

    def _streamed(self, x: Any) -> tuple[Array, float]:
        """Update centers by mini-batches, until a pass over the data no longer improves them.

        The initial centers come from rows sampled across all the data, which may be sorted.
        """
        from sklearn.cluster import MiniBatchKMeans

        config = self.config
        sample = np.concatenate(
            [block[:: max(len(block) // SAMPLED, 1)] for block in self.blocks(x)]
        )
        centers, _ = _found(sample, config.n_clusters, replace(config, batch_size=None), self.seed)
        size, before = max(config.batch_size or 1, config.n_clusters), np.inf
        # With sorted rows, it would move clusters missing from a batch into those that it contains.
        options = {"init": centers, "n_init": 1, "reassignment_ratio": 0.0}
        model = MiniBatchKMeans(config.n_clusters, random_state=self.seed, **options)
        for _ in range(config.max_iter):
            for block in self.blocks(x):
                for start in range(0, len(block), size):
                    with one_thread():
                        model.partial_fit(block[start : start + size])
            found = np.asarray(model.cluster_centers_, np.float64)
            now = sum(float(nearest(block, found)[1].sum()) for block in self.blocks(x))
            if now >= before:
                break
            centers, before = found, now
        return centers, before

    def predict(self, x: Any) -> Array:
        """Return the index of each example's cluster, int32 ``[n]``."""
        self.check_fitted()
        found = [nearest(rows, self.cluster_centers_)[0] for rows in self.blocks(x)]
        return np.concatenate(found).astype(np.int32)

    def clusters(self, x: Any) -> tuple[Array, Array]:
        """Return the cluster of each example, and its distance to the center, both ``[n]``."""
        distances = self.transform(x)
        return distances.argmin(1).astype(np.int32), distances.min(1)

    def transform(self, x: Any) -> Array:
        """Return the distances of each example to all centers, float64 ``[n, n_clusters]``."""
        self.check_fitted()
        return np.concatenate([_distances(rows, self.cluster_centers_) for rows in self.blocks(x)])

    def encode(self, x: Any) -> Array:
        """Return ``transform(x)``."""
        return self.transform(x)

    def reconstruct(self, x: Any) -> Array:
        """Return the center of each example's cluster, in the units of ``x``."""
        return self.raw(self.cluster_centers_[self.predict(x)])

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Return ``loss``, the mean squared distance to the nearest center, and ``silhouette``.

        With labels ``y``, also ``adjusted_rand``: 1 if clusters and labels agree, about 0 by chance
        (Hubert & Arabie 1985). The silhouette (Rousseeuw 1987) is that of at most 2,000 rows, and
        is left out if all rows are in one cluster.
        """
        from sklearn.metrics import adjusted_rand_score, silhouette_score

        self.check_fitted()
        total = count = 0.0
        clusters: list[Array] = []
        for rows in self.blocks(x):
            best, squares = nearest(rows, self.cluster_centers_)
            total, count = total + float(squares.sum()), count + len(rows)
            clusters.append(best)
        found = np.concatenate(clusters)
        metrics = {"loss": total / count}
        some = next(self.blocks(x))[:JUDGED]
        if 1 < len(np.unique(found[: len(some)])) < len(some):
            metrics["silhouette"] = float(silhouette_score(some, found[: len(some)]))
        if y is not None and not is_batches(x):
            metrics["adjusted_rand"] = float(adjusted_rand_score(np.asarray(y), found))
        return metrics

    def score(self, x: Any, y: Any = None) -> float:
        """Return the negative mean squared distance to the nearest center."""
        return -self.evaluate(x)["loss"]

    def layer(self) -> Any:
        """Return the transform as a frozen Keras layer on preprocessed inputs, for any network."""
        from agentlab.nets.fitted import distances_to

        self.check_fitted()
        fitted = self.fitted_preprocessor
        return distances_to(self.cluster_centers_, fitted.input_shape, fitted.scale, "kmeans")

    def inference_model(self) -> Any:
        """Return a Keras model from raw inputs to ``predictions``, int32 clusters ``[n]``.

        It also returns ``distances``, float32 ``[n, n_clusters]``.
        """
        return self.nearest_model(self.layer())

    def tabulate(
        self, source: str, *, encoding: str | None = None, **options: Any
    ) -> tuple[list[str], list[list[str]]]:
        """Return the cluster of each example in a file, and the distance to its center."""
        found = zip(*self.clusters(self.read(source, encoding)), strict=True)
        return ["cluster", "distance"], [[str(k), f"{distance:.6g}"] for k, distance in found]

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Plot the elbow curve, silhouettes, clusters and, for images, the centers."""
        from agentlab.plots import clusters
        from agentlab.plots.images import image_sheet

        some = next(self.blocks(x))[:JUDGED]
        counts = range(1, min(ELBOW, len(np.unique(some, axis=0))) + 1)
        inertias = [_found(some, k, self.config, self.seed)[1] / len(some) for k in counts]
        drawn = {"elbow": clusters.elbow(list(counts), inertias, self.config.n_clusters)}
        best = nearest(some, self.cluster_centers_)[0]
        if 1 < len(np.unique(best)) < len(some):
            from sklearn.metrics import silhouette_samples

            drawn["silhouette"] = clusters.silhouette(silhouette_samples(some, best), best)
        if some.shape[1] > 1:
            drawn["clusters"] = clusters.cluster_scatter(some, best, self.cluster_centers_)
        if self.is_image:
            drawn["centers"] = image_sheet(self.raw(self.cluster_centers_), "cluster centers")
        return drawn

    def projection(self, x: Any, y: Any = None) -> tuple[Array, Any, Array | None]:
        """Return some held-out examples, their clusters, and thumbnails for images."""
        first = self.first_inputs(x)
        return self.rows(first), self.predict(first), first if self.is_image else None


def one_thread() -> Any:
    """Return a context that limits scikit-learn to one thread, for reproducible sums."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, "openmp")


def _found(rows: Array, clusters: int, config: KMeansConfig, seed: int) -> tuple[Array, float]:
    """Return the centers of ``clusters`` clusters, and the sum of squared distances to them."""
    from sklearn import cluster

    options: dict[str, Any] = {"n_init": config.n_init, "max_iter": config.max_iter}
    with one_thread():
        if config.batch_size is None:
            model = cluster.KMeans(clusters, random_state=seed, **options)
        else:
            size = max(config.batch_size, clusters)
            model = cluster.MiniBatchKMeans(clusters, random_state=seed, batch_size=size, **options)
        model.fit(rows)
    return np.asarray(model.cluster_centers_, np.float64), float(model.inertia_)


def _distances(rows: Array, centers: Array) -> Array:
    middle = centers.mean(0)
    rows, centers = rows - middle, centers - middle
    squares = np.square(rows).sum(1)[:, None] - 2 * rows @ centers.T + np.square(centers).sum(1)
    return np.asarray(np.sqrt(squares.clip(0)))
