"""``Forecaster``: forecasting of time series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from agentlab.config import option, override
from agentlab.data import Batch, Batches
from agentlab.data.series import SeriesForm, Values, as_series, split_series
from agentlab.data.windows import Targets, Windows, normalization
from agentlab.errors import AgentlabError
from agentlab.lazy import keras, tf
from agentlab.runs import Run
from agentlab.supervised.forecasts import tabulate_forecast
from agentlab.supervised.horizon import errors_by_horizon, metrics_by_column, ratio
from agentlab.supervised.targets import deviation
from agentlab.training.callbacks import Callback
from agentlab.training.losses import huber
from agentlab.training.optimization import Optimization
from agentlab.training.optimizers import ScheduleName
from agentlab.training.presented import Table
from agentlab.training.trainer import Trainer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN, SHOWN_COLUMNS = 3, 6  # forecasts that are drawn, and columns of each


@dataclass(frozen=True)
class ForecasterConfig(Optimization):
    """Hyperparameters of ``forecaster``."""

    epochs: int = override(Optimization, "epochs", 30)
    learning_rate: float = override(Optimization, "learning_rate", 1e-2)
    schedule: ScheduleName = override(Optimization, "schedule", "cosine")
    max_grad_norm: float | None = override(Optimization, "max_grad_norm", 1.0)
    past: int = option(40, "input rows of a forecast", ge=2)
    horizon: int = option(40, "forecast rows", ge=1)
    cell: Literal["gru", "lstm", "peephole", "simple"] = option("gru", "recurrent cell")
    units: int = option(32, "units per layer", ge=1)
    layers: int = option(1, "layers of the encoder and of the decoder", ge=1)
    dropout: float = option(0.0, "dropout rate", ge=0, lt=1)
    loss: Literal["squared", "huber"] = option(
        "huber", "loss of the normalized error; huber is quadratic up to 1, linear above"
    )


class Forecaster(Trainer):
    """Minimizes the error between net(past) and the future, both normalized by the past.

    Metrics are in the units of the series, over all rows of the horizon and all columns, and are
    compared with the naive forecast, which repeats the last value.

    Attributes:
        names: names of the columns, or ``None``.
        form: what the columns of files of such series mean, or ``None``.
    """

    name = "forecaster"
    Config: ClassVar[type] = ForecasterConfig
    score_metric = "ratio"
    data_keys = ("preprocessor", "names", "usual", "form")
    config: ForecasterConfig
    names: list[str] | None = None
    form: SeriesForm | None = None
    _usual: Values

    def fit(  # type: ignore[override]
        self,
        values: Any,
        *,
        names: Sequence[str] | None = None,
        form: SeriesForm | None = None,
        validation_data: Any = None,
        run: Run | None = None,
        quiet: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train the network.

        Args:
            values: numbers ``[time, columns]``, or ``[time]`` for one series.
            names: names of the columns.
            form: the form of the file that was read, for forecasts of later files.
            validation_data: the rows after ``values``; ``None`` holds out the fraction
                ``validation_split`` at the end of ``values``. The past of a validation window may
                overlap the training rows; its horizon never does.
            run: saves metrics and checkpoints; training resumes from its newest checkpoint.
            quiet: show no progress.
            callbacks: called during training.

        Raises:
            AgentlabError: for values that are not finite, series that are too short, or a net
                whose inputs or outputs do not match the series.
        """
        config, values = self.config, as_series("values", values)
        columns = values.shape[1]
        if names is not None and len(names) != columns:
            raise AgentlabError(
                f"names has {len(names)} entries, but must have {columns}, one per column"
            )
        self.names, self.form = None if names is None else list(names), form
        if validation_data is None and config.validation_split:
            values, validation_data = split_series(
                values, (1 - config.validation_split, config.validation_split)
            )
        # In float64, which JSON preserves, so that a loaded trainer predicts the same.
        self._usual = deviation(values.mean(axis=0), values.std(axis=0))
        train = self._windows("values", values)
        held_out = None
        if validation_data is not None:
            held_out = self._windows(
                "validation_data", self._checked("validation_data", validation_data), values
            )
        return self.train(train, held_out, run, quiet, callbacks)

    def build(self, data: Batches) -> None:
        """Build an encoder of the past and a decoder of the future."""
        from agentlab.nets.forecast import Forecast

        c = self.config
        self.net = Forecast(
            c.horizon, c.cell, c.units, c.layers, c.dropout, self.seed, name="forecast"
        )
        self.net.build((None, c.past, len(self._usual)))

    def check_net(self, data: Batches) -> None:
        """Check the inputs and outputs of a net that the user passed."""
        if not self.given_net:
            return
        columns = len(self._usual)
        past, future = ([1, rows, columns] for rows in (self.config.past, self.config.horizon))
        try:
            given = self.net(tf.zeros(past)).shape
        except (ValueError, TypeError, AttributeError, tf.errors.InvalidArgumentError) as error:
            raise AgentlabError(f"the net must accept inputs {past}, but raises {error}") from error
        if list(given) != future:
            raise AgentlabError(
                f"the net returns {list(given)} for {past}, but must return {future}"
            )

    def _checked(self, name: str, values: Any) -> Values:
        series, columns = as_series(name, values), len(self._usual)
        if series.shape[1] != columns:
            raise AgentlabError(
                f"{name} has {series.shape[1]} columns, but must have {columns} as in training"
            )
        return series

    def _windows(self, name: str, values: Values, before: Values | None = None) -> Windows:
        """Return all windows whose horizon lies in ``values``."""
        past, horizon = self.config.past, self.config.horizon
        if before is None:
            before, needed, why = values[:0], past + horizon, f"past={past} and horizon={horizon}"
        else:
            before, needed, why = before[-past:], horizon, f"horizon={horizon}"
            needed += past - len(before)
        if len(values) < needed:
            raise AgentlabError(f"{name} has {len(values)} rows, but needs {needed} for {why}")
        return Windows(np.concatenate([before, values]), past, horizon, self._usual)

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        """Return ``loss`` and the errors of each forecast and of the naive one, ``[b]``."""
        outputs = self.forward(batch.inputs, training)  # [b, horizon, columns]
        future, last, spread = Targets(*batch.targets)
        normalized = outputs - future
        losses = {"squared": tf.square(normalized), "huber": huber(normalized)}
        error, naive = ((said - future) * spread[:, None] for said in (outputs, last[:, None]))
        return {
            "loss": tf.reduce_mean(losses[self.config.loss], axis=(1, 2)),
            "rmse": tf.reduce_mean(tf.square(error), axis=(1, 2)),
            "mae": tf.reduce_mean(tf.abs(error), axis=(1, 2)),
            "rmse_naive": tf.reduce_mean(tf.square(naive), axis=(1, 2)),
        }

    def reduce_metrics(self, means: dict[str, float]) -> dict[str, float]:
        """Return the means in the units of the series, and ``ratio`` to the naive forecast."""
        if "rmse" not in means:
            return means
        unit = float(self._usual.max())
        rmse, naive = (float(np.sqrt(means[name])) * unit for name in ("rmse", "rmse_naive"))
        own = {"rmse": rmse, "mae": means["mae"] * unit, "rmse_naive": naive}
        return {**means, **own, "ratio": ratio(rmse, naive)}

    def predict(self, values: Any) -> Values:
        """Forecast the next ``horizon`` rows.

        Args:
            values: numbers ``[time, columns]``, of which the last ``past`` rows are used, or
                ``[time]`` for one series.

        Returns:
            float64 ``[horizon, columns]``, in the units of the series.
        """
        self.check_fitted()
        values, past = self._checked("values", values), self.config.past
        if len(values) < past:
            raise AgentlabError(
                f"values has {len(values)} rows, but a forecast needs at least past={past}"
            )
        values = values[None, -past:]
        mean, std = normalization(values, self._usual)
        outputs = self._forecast(((values - mean) / std).astype(np.float32)).numpy()
        return np.asarray(mean + outputs[0].astype(np.float64) * std)

    def evaluate(self, values: Any, before: Any = None) -> dict[str, float]:
        """Evaluate forecasts of all windows, and compare them with the naive forecast.

        Args:
            values: test data, ``[time, columns]``.
            before: the rows before ``values``, used only as the past of windows; without it, the
                first ``past`` rows of ``values`` are not forecast.

        Returns:
            ``loss`` of the normalized errors; ``rmse`` and ``mae`` in the units of the series;
            ``rmse_naive`` of the naive forecast, which repeats the last value; and ``ratio``, rmse
            / rmse_naive, which is below 1 if the net is better. If there are several columns, also
            ``rmse/NAME`` and ``ratio/NAME`` of each, because their units may differ.
        """
        windows = self._held_out(values, before)
        metrics = self.evaluate_batches(windows)
        if len(self._usual) > 1:
            metrics |= metrics_by_column(self._names_of_columns(), self._forecast, windows)
        return metrics

    def _held_out(self, values: Any, before: Any) -> Windows:
        self.check_fitted()
        before = None if before is None else self._checked("before", before)
        return self._windows("values", self._checked("values", values), before)

    def _names_of_columns(self) -> list[str]:
        return self.names or [f"column {i}" for i in range(1, len(self._usual) + 1)]

    def _forecast(self, pasts: Any) -> Any:
        # One graph for any number of windows, so that a loaded net predicts the same bits as the
        # saved one: TensorFlow may round differently in a graph for one window.
        spec = tf.TensorSpec((None, self.config.past, len(self._usual)), tf.float32)
        step = self.compiled(
            "forecast", lambda: tf.function(lambda pasts: self.forward(pasts, False), [spec])
        )
        return step(pasts)

    def inference_model(self) -> Any:
        """Return a Keras model from pasts ``[n, past, columns]`` to ``predictions``, float32."""
        self.check_fitted()
        raw = keras.Input((self.config.past, len(self._usual)), name="past")
        mean = keras.ops.mean(raw, axis=1, keepdims=True)
        std = keras.ops.std(raw, axis=1, keepdims=True)
        changes = std > 1e-6 * keras.ops.abs(mean)  # larger than a rounding error of float32
        std = keras.ops.where(changes, std, keras.ops.cast(self._usual, "float32"))
        outputs = keras.ops.cast(self.net((raw - mean) / std, training=False), "float32")
        return keras.Model(raw, {"predictions": outputs * std + mean}, name=self.name)

    def tabulate(self, source: str, *, encoding: str | None = None, **options: Any) -> Table:
        """Return the forecast rows after those of a CSV file, with their times if it has any."""
        return tabulate_forecast(self.predict, self.form, self.names, source, encoding)

    def format_prediction(self, source: str, **options: Any) -> list[str]:
        """Return the rows of ``tabulate`` below the names of the columns."""
        header, rows = self.tabulate(source, **options)
        return [",".join(row) for row in [header, *rows]]

    def plots(self, values: Any, before: Any = None) -> dict[str, Figure]:
        """Plot some forecasts with the true values, and the error by forecast step."""
        from agentlab.plots.predictions import forecast, horizon_errors

        windows, names = self._held_out(values, before), self._names_of_columns()[:SHOWN_COLUMNS]
        few, drawn = len(names), dict[str, Any]()
        chosen = np.unique(np.linspace(0, windows.size - 1, SHOWN).astype(int))
        for number, rows in enumerate(windows.rows(chosen), 1):
            past, future = np.split(rows, [windows.past])
            naive = np.broadcast_to(past[-1], future.shape)
            shown = past, future, self.predict(past), naive
            past, future, predicted, naive = (part[:, :few] for part in shown)
            drawn[f"forecast_{number}"] = forecast(past, future, predicted, naive, names)
        net, naive = (np.sqrt(e[:few]) for e in errors_by_horizon(self._forecast, windows))
        drawn["error_by_horizon"] = horizon_errors(net, naive, names)
        return drawn

    def specification(self) -> dict[str, Any]:
        """Return the fitted state other than weights."""
        form = None if self.form is None else self.form.to_json()
        learned = {"names": self.names, "usual": self._usual.tolist(), "form": form}
        return {**super().specification(), **learned}

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Make a forecaster from its ``specification``."""
        trainer = super().from_specification(specification, config, seed, models)
        trainer.names, form = specification["names"], specification.get("form")
        trainer.form = None if form is None else SeriesForm.from_json(form)
        trainer._usual = np.array(specification["usual"], np.float64)
        return trainer
