"""``RowEstimator``: the base of PCA, k-means and self-organizing maps, which take numeric rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np

from agentlab.data import Preprocessor, load_preprocessor, make_preprocessor
from agentlab.data.batches import Array
from agentlab.data.images import Images
from agentlab.data.numbers import Numbers
from agentlab.data.raw_inputs import as_numbers, check_shape
from agentlab.errors import InvalidArgument
from agentlab.estimator import Estimator
from agentlab.lazy import keras
from agentlab.runs import Run
from agentlab.training.callbacks import Callback, Callbacks
from agentlab.training.examples import is_batches
from agentlab.training.presented import Presented

BLOCK = 4096  # rows that are processed at once
PROJECTED = 1000  # examples in TensorBoard's projector
MAX_NAMED = 5  # constant columns that a message lists


class RowEstimator(Presented, Estimator):
    """An estimator on numeric rows, which are read in blocks and may be larger than memory.

    Attributes:
        preprocessor: converts raw inputs to rows.
        history: the metrics during ``fit``, one row per logged iteration.
    """

    interrupted = False

    def __init__(self, config: Any = None, seed: int = 0, **options: Any) -> None:
        super().__init__(config, seed, **options)
        self.preprocessor: Preprocessor | None = None
        self.history: list[dict[str, float]] = []

    def prepare(self, x: Any, standardize: bool) -> int:
        """Fit the preprocessor on the training inputs, and return the number of rows.

        Args:
            x: numeric ``[n, ...]``, images or named columns, or ``Batches`` of network inputs. An
                array may be memory-mapped and larger than memory.
            standardize: whether to scale each column to mean 0 and standard deviation 1.

        Raises:
            InvalidArgument: for no rows, or with ``standardize`` for constant columns.
        """
        if is_batches(x):
            if self.preprocessor is None:
                self.preprocessor = Numbers(np.asarray(next(iter(x.epoch(1))).inputs).shape[1:])
            return int(x.size)
        if isinstance(x, np.ndarray) and x.dtype.kind in "biuf":
            self.preprocessor = _of_array(x, standardize)
        else:
            self.preprocessor = make_preprocessor(x, takes="numeric", standardize=standardize)
            x = self.preprocessor.transform(x)
        return len(x)

    @property
    def fitted_preprocessor(self) -> Preprocessor:
        """The preprocessor; raises an error before ``fit``."""
        if self.preprocessor is None:
            self.check_fitted()
        assert self.preprocessor is not None
        return self.preprocessor

    def blocks(self, x: Any) -> Iterator[Array]:
        """Yield raw inputs, or ``Batches``, as rows, float64 ``[at most BLOCK, inputs]``."""
        if is_batches(x):
            for batch in x.epoch(BLOCK):
                yield self._flat(np.asarray(batch.inputs))
        elif isinstance(x, np.ndarray):
            for start in range(0, max(len(x), 1), BLOCK):
                yield self.rows(x[start : start + BLOCK])
        else:
            rows = self.rows(x)
            for start in range(0, max(len(rows), 1), BLOCK):
                yield rows[start : start + BLOCK]

    def rows(self, x: Any) -> Array:
        """Return raw inputs, or ``Batches``, as rows, float64 ``[n, inputs]``."""
        if is_batches(x):
            return np.concatenate(list(self.blocks(x)))
        fitted = self.fitted_preprocessor
        if not isinstance(fitted, Numbers):
            return self._flat(fitted.transform(x))
        x = as_numbers(x)  # in float64, like scikit-learn; transform would return float32
        check_shape(x.shape, fitted.shape)
        rows: Array = x.astype(np.float64).reshape(len(x), -1)
        return rows if fitted.std is None else (rows - fitted.mean) / fitted.std

    def _flat(self, inputs: Array) -> Array:
        scale = self.fitted_preprocessor.scale
        flat: Array = inputs.astype(np.float64).reshape(len(inputs), -1) / scale
        return flat

    def raw(self, rows: Array) -> Array:
        """Return rows in the units and shape of the raw inputs: uint8 pixels, or numbers."""
        fitted = self.fitted_preprocessor
        if isinstance(fitted, Numbers) and fitted.mean is not None:
            rows = rows * fitted.std + fitted.mean
        shape = [size for size in fitted.input_shape if size is not None]
        rows = rows.reshape(len(rows), *shape)
        if fitted.dtype == "uint8":
            return np.rint(rows * fitted.scale).clip(0, 255).astype(np.uint8)
        return rows

    @property
    def is_image(self) -> bool:
        """Whether the raw inputs are images."""
        return self.fitted_preprocessor.dtype == "uint8"

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Return the metrics of raw inputs or ``Batches``; a subclass defines them."""
        raise NotImplementedError

    def log(
        self, rows: Sequence[Mapping[str, float]], run: Run | None, callbacks: Sequence[Callback]
    ) -> Self:
        """Store and log rows of metrics, and return ``self``; refitting replaces them."""
        self.history = [dict(row) for row in rows]
        told = Callbacks(callbacks)
        told.on_start(self, run)
        if run is not None:
            run.rewind(None)  # refitting is faster than loading
        for number, row in enumerate(self.history, 1):
            if run is not None:
                run.log(number, row, {})
            told.on_metrics(number, row)
        told.on_end()
        return self

    def log_evaluation(
        self,
        train: Mapping[str, float],
        validation_data: Any,
        run: Run | None,
        callbacks: Sequence[Callback],
    ) -> Self:
        """Log the metrics ``train`` and those of the validation inputs as one row."""
        others = validation_rows(validation_data)
        parts = {"train": train, "validation": {} if others is None else self.evaluate(others)}
        metrics = {
            f"{part}/{name}": value
            for part, values in parts.items()
            for name, value in values.items()
        }
        return self.log([metrics], run, callbacks)

    def first_inputs(self, x: Any) -> Any:
        """Return the first raw inputs, or those of ``Batches``, for TensorBoard's projector."""
        return next(iter(x.epoch(PROJECTED))).inputs if is_batches(x) else x[:PROJECTED]

    def nearest_model(self, layer: Any) -> Any:
        """Return a Keras model from raw inputs to the nearest center or unit, and the distances.

        Args:
            layer: a layer from preprocessed inputs to distances, ``[n, centers]``.
        """
        fitted = self.fitted_preprocessor
        raw = fitted.inference_inputs()
        found = layer(fitted.inference(raw))
        best = keras.ops.cast(keras.ops.argmin(found, -1), "int32")
        return keras.Model(raw, {"predictions": best, "distances": found}, name=self.name)

    def labels_of(self, x: Any, y: Any, limit: int) -> Any:
        """Return the labels of the first examples, for plots: ``y``, or their indices."""
        return np.arange(limit) if y is None or is_batches(x) else np.asarray(y)[:limit]

    def specification(self) -> dict[str, Any]:
        """Return the fitted preprocessor and the history."""
        fitted = self.fitted_preprocessor
        return {"preprocessor": {fitted.kind: fitted.to_json()}, "history": self.history}

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Make an estimator from its ``specification``."""
        estimator = cls(config=config, seed=seed)
        ((kind, fitted),) = specification["preprocessor"].items()
        estimator.preprocessor = load_preprocessor(kind, fitted)
        estimator.history = list(specification["history"])
        return estimator


def validation_rows(validation: Any) -> Any:
    """Return the inputs of validation data, ``(x, y)`` or ``Batches``; ``None`` for none."""
    return validation[0] if isinstance(validation, tuple | list) else validation


def _of_array(x: Array, standardize: bool) -> Preprocessor:
    """Return a preprocessor fitted on an array, which is read in blocks."""
    if x.dtype == np.uint8 and x.ndim in (3, 4):
        return Images.fit(x)
    if x.ndim < 2 or not x.size:
        raise InvalidArgument(
            f"x has the shape {list(x.shape)}; it must be [n, features] or have more dimensions, "
            "with at least one row"
        )
    mean, spread = _moments(x)
    constant = np.flatnonzero(spread <= 1e-12 * np.abs(mean))
    if len(constant) == mean.size and len(x) > 1:
        raise InvalidArgument("all columns of x are constant, so there is nothing to learn")
    if not standardize or x.ndim != 2:
        return Numbers(x.shape[1:])
    if len(constant):
        raise InvalidArgument(
            f"{say_columns(constant)} of x cannot be standardized, being constant; leave out "
            "constant columns, or pass standardize=False"
        )
    return Numbers(x.shape[1:], mean, spread)


def say_columns(columns: Array) -> str:
    """Return ``column 3`` or ``columns 3, 4, 5, 6, 7 and 12 more``."""
    named = ", ".join(map(str, columns[:MAX_NAMED]))
    more = f" and {len(columns) - MAX_NAMED} more" if len(columns) > MAX_NAMED else ""
    return f"column{'s' if len(columns) > 1 else ''} {named}{more}"


def warn_constant(columns: Array) -> None:
    """Warn that columns are constant and therefore carry no information."""
    warnings.warn(
        f"{say_columns(columns)} of x {'are' if len(columns) > 1 else 'is'} constant, without any "
        "variance to explain",
        stacklevel=3,
    )


def _moments(x: Array) -> tuple[Array, Array]:
    """Return the mean and standard deviation of each column, merged over blocks.

    Source: Chan, Golub & LeVeque 1979.
    """
    count, mean, squares = 0, np.zeros(1), np.zeros(1)
    for start in range(0, len(x), BLOCK):
        block = as_numbers(x[start : start + BLOCK]).reshape(-1, x[0].size).astype(np.float64)
        between = block.mean(0) - mean
        within = np.square(block - block.mean(0)).sum(0)
        total = count + len(block)
        squares = squares + within + np.square(between) * (count * len(block) / total)
        mean = mean + between * (len(block) / total)
        count = total
    return mean, np.sqrt(squares / count)
