"""``SOM``: self-organizing maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from agentlab.config import Options, option
from agentlab.data.batches import Array
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.runs import Progress, Run
from agentlab.training.callbacks import Callback
from agentlab.training.examples import is_batches
from agentlab.unsupervised.lattice import Lattice, Topology
from agentlab.unsupervised.rows import RowEstimator, validation_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class SOMConfig(Options):
    """Hyperparameters of ``som``."""

    map_rows: int = option(10, "rows of units", ge=1)
    map_columns: int = option(10, "columns of units", ge=1)
    topology: Topology = option("rectangle", "arrangement of the units")
    epochs: int = option(60, "passes over the data, with one batch update of all units each", ge=1)
    sigma: float | None = option(
        None, "initial neighborhood radius, in units; none for half of the longer side", gt=0
    )
    sigma_end: float = option(0.58, "final neighborhood radius, in units", gt=0)
    init: Literal["pca", "sample"] = option(
        "pca",
        "initial weights: the plane of the first two principal components, or random examples",
    )
    standardize: bool = option(
        False, "scale numeric columns to mean 0 and standard deviation 1 before training"
    )

    def check(self) -> None:
        super().check()
        if self.map_rows * self.map_columns < 2:
            raise InvalidArgument(
                f"map_rows={self.map_rows} times map_columns={self.map_columns} must be 2 or more"
            )


class SOM(RowEstimator):
    """A self-organizing map, trained by the batch algorithm (Kohonen 2013, section 4).

    In each epoch, every unit moves to the mean of all examples, weighted by the neighborhood of the
    best-matching unit of each example. Apart from rounding, the result does not depend on
    the order of the examples. There is no learning rate. The radius decays exponentially.

    Attributes:
        weights_: weight vectors of the units, float32 ``[map_rows * map_columns, inputs]``.

    >>> x = [[0.0, 0.0], [0.2, 0.0], [9.0, 1.0]]
    >>> som = SOM(map_rows=1, map_columns=2, epochs=20).fit(x, quiet=True)
    >>> som.predict([[0.1, 0.0], [8.0, 1.0]]).tolist() in ([0, 1], [1, 0])
    True
    """

    name = "som"
    monitor = ("quantization_error", "min")
    Config: ClassVar[type] = SOMConfig
    config: SOMConfig
    weights_: Array

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
        """Train the map.

        Args:
            x: numeric ``[n, ...]``, images or named columns, or ``Batches``.
            y: ignored, for consistency with other ``fit`` methods.
            validation_data: ``(x, y)`` or ``Batches``, whose quantization error is logged too.
            run: saves the metrics of each epoch.
            quiet: show no progress.
            callbacks: called with the metrics.

        Raises:
            AgentlabError: for fewer than 2 rows, or rows that are all equal.
        """
        config = self.config
        rows = self.prepare(x, config.standardize)
        if rows < 2:
            raise InvalidArgument(f"x has {rows} row; a map needs at least 2")
        kept = is_batches(x) or isinstance(x, np.memmap)
        held = None if kept else [block.astype(np.float32) for block in self.blocks(x)]
        others = validation_rows(validation_data)
        self.weights_ = self._initial(x)
        first = config.sigma or max(config.map_rows, config.map_columns) / 2
        rates = np.geomspace(max(first, config.sigma_end), config.sigma_end, config.epochs)
        progress = Progress(config.epochs, 0, quiet, "epochs")
        history: list[dict[str, float]] = []
        for epoch, sigma in enumerate(rates.tolist(), 1):
            error = self._epoch(self.blocks(x) if held is None else held, sigma)
            history.append({"train/quantization_error": error, "sigma": sigma})
            if others is not None:
                validation = self.evaluate(others)["quantization_error"]
                history[-1]["validation/quantization_error"] = validation
            progress.update(epoch, lambda: f"error {history[-1]['train/quantization_error']:.4g}")
        progress.close()
        return self.log(history, run, callbacks)

    def _initial(self, x: Any) -> Array:
        """Return initial weights, ``[units, inputs]``."""
        some = next(self.blocks(x))
        if not (some != some[0]).any() and not any((b != some[0]).any() for b in self.blocks(x)):
            raise AgentlabError("all rows of x are equal, so there is nothing to map")
        if self.config.init == "sample":
            chosen = self.rng.integers(len(some), size=self.lattice.units)
            return some[chosen].astype(np.float32)
        mean = some.mean(0)
        _, values, directions = np.linalg.svd(some - mean, full_matrices=False)
        spread = 1.7 * values[:2] / np.sqrt(len(some))  # a uniform density ends at 1.73 deviations
        lengths = self.lattice.places.max(0)
        centered = 2 * self.lattice.places / np.maximum(lengths, 1e-9) - (lengths > 0)
        order = np.argsort(-lengths, kind="stable")[: len(spread)]  # first component: longer side
        plane = centered[:, order] * spread @ directions[: len(order)]
        return np.asarray(mean + plane, np.float32)

    def _epoch(self, blocks: Any, sigma: float) -> float:
        """Move all units once, and return the mean distance of the examples before that."""
        units, weights = self.lattice.units, self.weights_
        sums = np.zeros((units, weights.shape[1] + 1), np.float32)
        distance = 0.0
        for block in blocks:
            block = block.astype(np.float32, copy=False)
            best, squares = nearest(block, weights)
            distance += float(np.sqrt(squares).sum())
            sums[:, -1] += np.bincount(best, minlength=units)
            for column, values in enumerate(block.T):
                sums[:, column] += np.bincount(best, values, units)
        smoothed = self.lattice.smooth(sums, sigma)
        total = smoothed[:, -1:]
        # A unit whose neighborhood weights underflow in float32 keeps its weights.
        moved = smoothed[:, :-1] / np.where(total > 0, total, 1)
        self.weights_ = np.where(total > 0, moved, weights).astype(np.float32)
        return distance / float(sums[:, -1].sum())

    @cached_property
    def lattice(self) -> Lattice:
        """The lattice of the units."""
        return Lattice(self.config.topology, self.config.map_rows, self.config.map_columns)

    def predict(self, x: Any) -> Array:
        """Return the best-matching unit of each example, an index ``[n]``; rows come first."""
        self.check_fitted()
        return np.concatenate([nearest(rows, self.weights_)[0] for rows in self.blocks(x)])

    def transform(self, x: Any) -> Array:
        """Return the position of each example's best-matching unit, float64 ``[n, 2]``."""
        return np.asarray(self.lattice.places[self.predict(x)])

    def encode(self, x: Any) -> Array:
        """Return ``transform(x)``."""
        return self.transform(x)

    def reconstruct(self, x: Any) -> Array:
        """Return the weights of each example's best-matching unit, in the units of ``x``."""
        return self.raw(self.weights_[self.predict(x)].astype(np.float64))

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Return ``quantization_error`` and ``topographic_error``.

        The first is the mean distance of an example to its best-matching unit; the second is the
        fraction of examples whose second-best unit is not a neighbor of the best.
        """
        self.check_fitted()
        distance = apart = count = 0.0
        for rows in self.blocks(x):
            best, squares = nearest(rows, self.weights_)
            second, _ = nearest(rows, self.weights_, without=best)
            distance += float(np.sqrt(squares).sum())
            apart += float((~np.asarray(self.lattice.neighbors(best, second))).sum())
            count += len(rows)
        return {"quantization_error": distance / count, "topographic_error": apart / count}

    def score(self, x: Any, y: Any = None) -> float:
        """Return the negative quantization error."""
        return -self.evaluate(x)["quantization_error"]

    def u_matrix(self) -> Array:
        """Return the mean distance of each unit to its neighbors, ``[rows, columns]``."""
        self.check_fitted()
        one, other = self.lattice.pairs().T
        gaps = np.sqrt(np.square(self.weights_[one] - self.weights_[other]).sum(1))
        ends = np.concatenate([one, other])
        total = np.bincount(ends, np.concatenate([gaps, gaps]), self.lattice.units)
        mean = total / np.bincount(ends, minlength=self.lattice.units)
        return np.asarray(mean.reshape(self.lattice.rows, self.lattice.columns))

    def inference_model(self) -> Any:
        """Return a Keras model from raw inputs to ``predictions``, int32 units ``[n]``."""
        from agentlab.nets.fitted import distances_to

        fitted = self.fitted_preprocessor
        self.check_fitted()
        layer = distances_to(self.weights_, fitted.input_shape, fitted.scale, name="units")
        return self.nearest_model(layer)

    def tabulate(
        self, source: str, *, encoding: str | None = None, **options: Any
    ) -> tuple[list[str], list[list[str]]]:
        """Return the row and the column of each example's unit as a table with a header."""
        units = self.predict(self.read(source, encoding))
        places = np.column_stack(np.divmod(units, self.config.map_columns))
        return ["row", "column"], [[str(row), str(column)] for row, column in places]

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Plot the U-matrix, the examples on the map, and the weights."""
        from agentlab.plots import maps
        from agentlab.plots.images import as_pixels, image_sheet

        units, places = self.predict(x), self.lattice.places
        u_matrix = maps.cell_map(self.u_matrix().ravel(), places, "mean distance to neighbors")
        drawn, colors = {"u_matrix": u_matrix}, None
        weights = self.raw(self.weights_)
        if self.is_image:
            drawn["weights"] = image_sheet(as_pixels(weights), "weights", self.config.map_columns)
        elif weights.shape[1:] == (3,) and weights.min() >= 0 and weights.max() <= 1:
            colors = weights
            drawn["colors"] = maps.color_map(colors, places)
        if y is not None and not is_batches(x):
            drawn["labels"] = maps.label_map(units, y, places, colors)
        return drawn


def nearest(rows: Array, centers: Array, without: Array | None = None) -> tuple[Array, Array]:
    """Return the index of the nearest center of each row, and the squared distance to it.

    Args:
        rows: ``[n, inputs]``.
        centers: ``[k, inputs]``.
        without: a center to leave out for each row, indices ``[n]``.
    """
    # Relative to the mean of the centers, because large numbers would lose precision.
    middle = centers.mean(0)
    rows, centers = rows - middle, centers - middle
    closeness = rows @ (2 * centers.T) - np.square(centers).sum(1)  # |row|^2 - distance^2
    if without is not None:
        closeness[np.arange(len(rows)), without] = -np.inf
    best = closeness.argmax(1)
    squares = np.square(rows - centers[best]).sum(1)
    return best, squares
