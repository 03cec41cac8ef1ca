"""``LinearRegression``: linear and ridge regression in closed form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from agentlab.config import option
from agentlab.data import Batches, Preprocessor, load_preprocessor
from agentlab.data.batches import Array
from agentlab.errors import InvalidArgument
from agentlab.estimator import Estimator
from agentlab.lazy import keras
from agentlab.runs import Run
from agentlab.supervised.linear_rows import Rows, fit_preprocessor, split_rows
from agentlab.supervised.targets import all_targets, as_targets, r2, target_scale
from agentlab.training.callbacks import Callback, Callbacks
from agentlab.training.examples import is_batches
from agentlab.training.network import Standardization
from agentlab.training.presented import Table, number_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class LinearRegressionConfig(Standardization):
    """Hyperparameters of ``linear_regression``."""

    l2: float = option(0.0, "weight of the L2 penalty (ridge regression)", ge=0)
    validation_split: float = option(
        0.0, "fraction of the training data held out for validation", ge=0, lt=1
    )


class LinearRegression(Estimator):
    """The exact least squares solution, to which ``Regressor`` without hidden layers converges.

    Minimizes the mean squared error of standardized targets plus ``l2`` times the squared weights
    of the (standardized) inputs. Data may be streamed: a QR decomposition is updated block by block
    (Golub & Van Loan 2013, section 5.3.2), which is more accurate than the normal equations.

    Attributes:
        kernel_: weights of the standardized inputs for targets in original units, ``[inputs, k]``.
        bias_: ``[k]``.
        errors_: standard errors of ``coef_``; a coefficient larger than about twice its standard
            error is significant at the 5 % level. ``None`` with ``l2``, with no more rows than
            coefficients, or for linearly dependent inputs.
        preprocessor: turns raw inputs into rows.
        history: the metrics of the fit, one row.
    """

    name = "linear_regression"
    monitor = ("rmse", "min")
    interrupted = False
    Config: ClassVar[type] = LinearRegressionConfig
    config: LinearRegressionConfig
    kernel_: Array
    bias_: Array
    target_std_: Array
    errors_: Array | None

    def __init__(self, config: Any = None, seed: int = 0, **options: Any) -> None:
        super().__init__(config, seed, **options)
        self.preprocessor: Preprocessor | None = None
        self.history: list[dict[str, float]] = []

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
        """Solve the least squares problem.

        Args:
            x: numbers ``[n, ...]``, or ``Batches`` of inputs and targets.
            y: numbers ``[n]`` or ``[n, k]``.
            validation_data: ``(x, y)`` or ``Batches``; ``None`` holds out the fraction
                ``validation_split`` of the training data.
            run: saves the metrics.
            quiet: ignored, since nothing is shown; for consistency with other ``fit`` methods.
            callbacks: called with the metrics.

        Raises:
            AgentlabError: for values that are not finite numbers, or if x and y do not match.
        """
        split = self.config.validation_split
        x, y, validation_data = split_rows(x, y, validation_data, split, self.seed)
        mean, std = target_scale(x, y)
        self.preprocessor = fit_preprocessor(x, self.config.standardize, self.preprocessor)
        self.target_std_ = std
        train = self._batches(x, y)
        self._solve(train, mean, std)
        parts = {"train": train}
        if validation_data is not None:
            pair = isinstance(validation_data, tuple | list)
            parts["validation"] = self._batches(*(validation_data if pair else (validation_data,)))
        metrics = {
            f"{part}/{name}": value
            for part, batches in parts.items()
            for name, value in self._metrics(batches).items()
        }
        self.history = [metrics]
        told = Callbacks(callbacks)
        told.on_start(self, run)
        if run is not None:
            run.rewind(None)  # solving again is faster than loading
            run.log(1, metrics, {})
        told.on_metrics(1, metrics)
        told.on_end()
        return self

    def _batches(self, x: Any, y: Any = None) -> Batches:
        return x if is_batches(x) else self._rows().batches(x, as_targets(y))

    def _rows(self) -> Rows:
        if self.preprocessor is None:
            self.check_fitted()
        assert self.preprocessor is not None
        return Rows(self.preprocessor)

    def _solve(self, train: Batches, mean: Array, std: Array) -> None:
        units, count = len(std), 0.0
        triangle: Any = None
        for rows, targets, weights in self._rows().blocks(train):
            wanted = (targets.reshape(len(rows), -1) - mean) / std
            block = np.column_stack([rows, wanted]) * np.sqrt(weights)[:, None]
            above = block[:0] if triangle is None else triangle
            triangle = np.linalg.qr(np.vstack([above, block]), mode="r")
            count += float(weights.sum())
        inputs = triangle.shape[1] - 1 - units
        penalty = np.eye(inputs, triangle.shape[1]) * np.sqrt(self.config.l2 * count * units)
        known, wanted = np.split(np.vstack([triangle, penalty]), [inputs + 1], axis=1)
        solution, _, rank, _ = np.linalg.lstsq(known, wanted)
        self.kernel_, self.bias_ = solution[:-1] * std, solution[-1] * std + mean
        spare = count - inputs - 1
        self.errors_ = None
        if not self.config.l2 and rank == inputs + 1 and spare > 0:
            variance = np.square(wanted - known @ solution).sum(0) / spare
            spread = np.sqrt(np.square(np.linalg.inv(known[:rank])).sum(1))[:-1]
            deviation = self._rows().units[1]
            self.errors_ = _single(np.outer(spread / deviation, np.sqrt(variance) * std))

    @property
    def coef_(self) -> Array:
        """The coefficients of the raw inputs, ``[inputs]`` or ``[k, inputs]``."""
        self.check_fitted()
        return _single(self._rows().in_own_units(self.kernel_, self.bias_)[0])

    @property
    def intercept_(self) -> Any:
        """The prediction if all raw inputs are 0, a float or ``[k]``."""
        self.check_fitted()
        offsets = self._rows().in_own_units(self.kernel_, self.bias_)[1]
        return offsets if len(offsets) > 1 else float(offsets[0])

    def predict(self, x: Any) -> Array:
        """Return predictions in the units of the targets, float64 ``[n]`` or ``[n, k]``."""
        self.check_fitted()
        numbers: Array = self._rows().of(x) @ self.kernel_ + self.bias_
        return numbers[:, 0] if numbers.shape[1] == 1 else numbers

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Return ``loss`` (of standardized targets), ``rmse``, ``mae`` and ``r2``."""
        self.check_fitted()
        batches = self._batches(x, y)
        if (k := all_targets(batches).shape[1]) != len(self.bias_):
            raise InvalidArgument(
                f"y has {k} numbers per example, but must have {len(self.bias_)} as in training"
            )
        means = self._metrics(batches)
        return {**means, "r2": r2(means["rmse"], batches)}

    def score(self, x: Any, y: Any = None) -> float:
        """Return r2, the fraction of the targets' variance that is explained."""
        return self.evaluate(x, y)["r2"]

    def _metrics(self, batches: Batches) -> dict[str, float]:
        errors = self._predicted(batches) - all_targets(batches)
        return {
            "loss": float(np.mean(np.square(errors / self.target_std_))),
            "rmse": float(np.sqrt(np.mean(np.square(errors)))),
            "mae": float(np.mean(np.abs(errors))),
        }

    def _predicted(self, batches: Batches) -> Array:
        weights = np.vstack([self.kernel_, self.bias_])
        return np.concatenate([rows @ weights for rows, _, _ in self._rows().blocks(batches)])

    def format_prediction(self, source: str, **options: Any) -> list[str]:
        """Return the predictions for the rows of a CSV file, one line per row."""
        return [",".join(row) for row in self.tabulate(source, **options)[1]]

    def tabulate(self, source: str, *, encoding: str | None = None, **options: Any) -> Table:
        """Return the predictions for the rows of a CSV file as a table with a header."""
        return number_table(self.predict(self._rows().preprocessor.read(source, encoding)))

    def report(self, *data: Any) -> list[str]:
        """Return no lines beside the metrics."""
        return []

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Plot the residuals and the coefficients of the (standardized) inputs."""
        from agentlab.plots.matrices import coefficients
        from agentlab.plots.predictions import residuals

        batches, rows, kernel = self._batches(x, y), self._rows(), self.kernel_[:, 0]
        errors = None if self.errors_ is None else self.errors_.reshape(-1, len(kernel))[0]
        if errors is not None:
            errors = errors * rows.units[1]
        scale = "standard deviation" if rows.scaled else "unit"
        unit = f"change in the target per {scale} of the input"
        drawn = coefficients(rows.names(len(kernel)), kernel, errors, unit)
        true, said = all_targets(batches)[:, 0], self._predicted(batches)[:, 0]
        return {"residuals": residuals(true, said, "target"), "coefficients": drawn}

    def projection(self, *data: Any) -> None:
        """Return nothing for TensorBoard's projector."""

    def inference_model(self) -> Any:
        """Return a Keras model from raw inputs to ``predictions``, float32 ``[n]``, ``[n, k]``."""
        self.check_fitted()
        raw, outputs = self._rows().model(self.kernel_, self.bias_)
        predictions = outputs[:, 0] if len(self.bias_) == 1 else outputs
        return keras.Model(raw, {"predictions": predictions}, name=self.name)

    def specification(self) -> dict[str, Any]:
        """Return the fitted preprocessor and the history."""
        fitted = self._rows().preprocessor
        return {"preprocessor": {fitted.kind: fitted.to_json()}, "history": self.history}

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Make a regression from its ``specification``."""
        regression = cls(config=config, seed=seed)
        ((kind, fitted),) = specification["preprocessor"].items()
        regression.preprocessor = load_preprocessor(kind, fitted)
        regression.history = list(specification["history"])
        return regression


def _single(columns: Array) -> Array:
    """Return ``[inputs, k]`` as in scikit-learn: ``[k, inputs]``, or ``[inputs]`` if k = 1."""
    return np.asarray(columns[:, 0] if columns.shape[1] == 1 else columns.T)
