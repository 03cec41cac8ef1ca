"""Linear regression in closed form, and what all trainers without hidden layers share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from agentlab.config import option
from agentlab.data import Batches
from agentlab.data.batches import Array
from agentlab.errors import AgentlabError
from agentlab.runs import Run
from agentlab.supervised.features import FeatureTrainer
from agentlab.supervised.regressor import Regressor, RegressorConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLOCK = 4096  # examples worked on at once


class Linear(FeatureTrainer):
    """A trainer of a net that is one dense layer, whose weights it finds without gradients."""

    def __init__(self, net: Any = None, config: Any = None, seed: int = 0, **options: Any) -> None:
        super().__init__(net, config, seed, **options)
        if self._given or self.config.net != "mlp" or self.config.hidden:
            raise AgentlabError(f"net and hidden cannot be chosen: {self.name} has one layer")

    def _rows(self, batches: Batches) -> Iterator[tuple[Array, Array, Array]]:
        """Go through examples: float64 rows ``[b, inputs + 1]`` that end in 1, targets, weights."""
        for batch in batches.epoch(BLOCK):
            inputs = np.asarray(batch.inputs, np.float64).reshape(len(batch.weights), -1)
            rows = np.column_stack([inputs / self.net.torso.scale, np.ones(len(inputs))])
            yield rows, np.asarray(batch.targets), batch.weights

    @property
    def _units_of_inputs(self) -> tuple[Any, Any]:
        """The mean and the deviation that the net's inputs were standardized by."""
        scale = self.net.torso.scale
        return (0.0, scale) if self._mean is None else (self._mean, self._std * scale)

    def _own_units(self) -> tuple[Any, Any]:
        """Return ``[inputs, units]`` and ``[units]``, of inputs as they were given."""
        kernel, bias = (part.astype(np.float64) for part in self.net.head.get_weights())
        mean, deviation = self._units_of_inputs
        kernel = (kernel.T / deviation).T
        return kernel, bias - (mean * kernel.T).sum(1)

    def _names_of_inputs(self) -> list[str]:
        count = self.net.torso.features
        return list(getattr(self.preprocessor, "inputs", None) or (f"x{i}" for i in range(count)))


@dataclass(frozen=True)
class LinearRegressionConfig(RegressorConfig):
    """Hyperparameters of ``linear_regression``: ``l2`` (ridge regression) and ``standardize``."""

    hidden: tuple[int, ...] = option((), "must be empty: the model has one layer")
    validation_split: float = option(
        0.0, "fraction of the training data held out, where none is given"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.l1 or self.loss != "squared":
            raise AgentlabError("l1 and loss cannot be chosen: only l2 has a closed form")


class LinearRegression(Linear, Regressor):
    """Least squares, solved exactly: what ``Regressor`` without hidden layers comes to in the end.

    Minimizes the mean squared error of standardized targets plus ``l2`` times the squared weights
    of the net's (standardized) inputs. Data may stream: of all rows only a triangle is kept
    (Golub & Van Loan 2013, section 5.3.2), never the less accurate normal equations.

    Attributes:
        coef_: what a target rises by as an input rises by 1, ``[inputs]``; ``[k, inputs]`` for
            several targets.
        intercept_: the target where all inputs are 0; ``[k]`` for several targets.
        errors_: standard errors of ``coef_``; a coefficient of more than about twice its error is
            hardly there by chance. ``None`` with ``l2``, without spare rows, or where inputs follow
            from each other.
    """

    name = "linear_regression"
    Config: ClassVar[type] = LinearRegressionConfig
    config: LinearRegressionConfig
    errors_: Array | None = None

    @property
    def coef_(self) -> Array:
        """See ``LinearRegression``."""
        self._need_net()
        return _single(self._own_units()[0] * self._std_target)

    @property
    def intercept_(self) -> Any:
        """See ``LinearRegression``."""
        self._need_net()
        offsets = self._own_units()[1] * self._std_target + self._mean_target
        return offsets if len(offsets) > 1 else float(offsets[0])

    def _train(
        self,
        train: Batches,
        validation: Batches | None = None,
        run: Run | None = None,
        quiet: bool = False,
    ) -> None:
        inputs, units = self.net.torso.features, len(self._std_target)
        triangle: Any = np.empty((0, inputs + 1 + units))
        count = 0.0
        for rows, targets, weights in self._rows(train):
            wanted = (targets.reshape(len(rows), -1) - self._mean_target) / self._std_target
            block = np.column_stack([rows, wanted]) * np.sqrt(weights)[:, None]
            triangle = np.linalg.qr(np.vstack([triangle, block]), mode="r")
            count += float(weights.sum())
        penalty = np.eye(inputs, triangle.shape[1]) * np.sqrt(self.config.l2 * count * units)
        known, wanted = np.split(np.vstack([triangle, penalty]), [inputs + 1], axis=1)
        solution, _, rank, _ = np.linalg.lstsq(known, wanted)
        self.net.head.set_weights([solution[:-1], solution[-1]])
        spare = count - inputs - 1
        self.errors_ = None
        if not self.config.l2 and rank == inputs + 1 and spare > 0:
            variance = np.square(wanted - known @ solution).sum(0) / spare
            spread = np.sqrt(np.square(np.linalg.inv(known[:rank])).sum(1))[:-1]
            deviation = self._units_of_inputs[1]
            self.errors_ = _single(
                np.outer(spread / deviation, np.sqrt(variance) * self._std_target)
            )
        parts = (
            {"train": train} if validation is None else {"train": train, "validation": validation}
        )
        metrics = {
            f"{part}/{name}": value
            for part, batches in parts.items()
            for name, value in self._evaluate(batches).items()
        }
        self.history = [metrics]
        if run is not None:
            run.rewind(None)  # it is sooner solved again than loaded
            run.log(1, metrics, {})
            run.save_checkpoint(1, 1, lambda folder: self.save(folder / "trainer"), {})

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Draw residuals, and the coefficients of the net's inputs, each in its deviations."""
        from agentlab.plots.matrices import coefficients

        kernel = self.net.head.get_weights()[0][:, 0] * self._std_target[0]
        errors = None if self.errors_ is None else self.errors_.reshape(-1, len(kernel))[0]
        if errors is not None:
            errors = errors * self._units_of_inputs[1]
        scaled = self._mean is not None or self.preprocessor is not None
        unit = f"rise of the target for each {'deviation' if scaled else 'unit'} of the input"
        drawn = coefficients(self._names_of_inputs(), kernel, errors, unit)
        return {**super().plots(x, y), "coefficients": drawn}

    def _fitted(self) -> dict[str, Any]:
        errors = None if self.errors_ is None else self.errors_.tolist()
        return {**super()._fitted(), "errors": errors}

    def _restore_fitted(self, described: Mapping[str, Any]) -> None:
        super()._restore_fitted(described)
        errors = described["errors"]
        self.errors_ = None if errors is None else np.array(errors, np.float64)


def _single(columns: Array) -> Array:
    """Return ``[inputs, units]`` as scikit-learn has it: by unit, or flat where there is one."""
    return np.asarray(columns[:, 0] if columns.shape[1] == 1 else columns.T)
