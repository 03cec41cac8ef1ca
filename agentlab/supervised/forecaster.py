"""Forecasting: nets that go on with series of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from agentlab.config import option
from agentlab.data.series import Values, split_series
from agentlab.data.windows import Targets, Windows, normalization
from agentlab.errors import AgentlabError
from agentlab.lazy import tf
from agentlab.runs import Run
from agentlab.supervised.features import deviation
from agentlab.training.losses import huber
from agentlab.training.optimizers import ScheduleName
from agentlab.training.trainer import Trainer, TrainerConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 3  # forecasts that are drawn
SHOWN_COLUMNS = 6  # of each


@dataclass(frozen=True)
class ForecasterConfig(TrainerConfig):
    """Hyperparameters of ``forecaster``."""

    epochs: int = option(30, "passes over the training data")
    learning_rate: float = option(1e-2, "step size of the optimizer, at its highest")
    schedule: ScheduleName = option("cosine", "how the learning rate falls during the training")
    max_grad_norm: float | None = option(1.0, "bound on the gradient's norm; none for no bound")
    past: int = option(40, "rows that a forecast is made from")
    horizon: int = option(40, "rows that are forecast")
    cell: Literal["gru", "lstm", "peephole", "simple"] = option("gru", "cell of the net")
    units: int = option(32, "units of each layer")
    layers: int = option(1, "layers of the encoder, and of the decoder")
    dropout: float = option(0.0, "fraction of units that training drops")
    loss: Literal["squared", "huber"] = option(
        "huber", "of the normalized error; huber is squared below 1 and absolute above"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("past", 2), ("horizon", 1), ("units", 1), ("layers", 1)):
            if getattr(self, name) < least:
                raise AgentlabError(f"{name}={getattr(self, name)} must be {least} or more")
        if not 0 <= self.dropout < 1:
            raise AgentlabError(f"dropout={self.dropout} must be 0 or more and less than 1")


class Forecaster(Trainer):
    """Minimizes the error of net(past) against the future, normalized by the past.

    Metrics are in the series' own units, over all rows of the horizon and all columns, and stand
    beside those of the naive forecast, which says that the last value stays.

    Attributes:
        names: of the columns, or ``None``.
    """

    name = "forecaster"
    Config: ClassVar[type] = ForecasterConfig
    score_metric = "ratio"
    config: ForecasterConfig
    names: list[str] | None = None
    _usual: Values

    def fit(
        self,
        values: Any,
        *,
        names: Sequence[str] | None = None,
        validation_data: Any = None,
        run: Run | None = None,
        quiet: bool = False,
    ) -> Self:
        """Learn to go on with series.

        Args:
            values: numbers ``[time, columns]``, or ``[time]`` for one series.
            names: of the columns.
            validation_data: the rows that follow, held out; ``None`` takes the fraction
                ``validation_split`` from the end of ``values``. The past of a window may lie in
                ``values``, what is to be forecast never does.
            run: where metrics and checkpoints go, and where they are taken up again.
            quiet: show no progress.

        Raises:
            AgentlabError: for numbers that are not finite, series that are too short, or a net
                that does not fit them.
        """
        self._begin()
        config, values = self.config, _series("values", values)
        columns = values.shape[1]
        if names is not None and len(names) != columns:
            raise AgentlabError(f"names has {len(names)} entries, but values has {columns} columns")
        self.names = None if names is None else list(names)
        if validation_data is None and config.validation_split:
            values, validation_data = split_series(
                values, (1 - config.validation_split, config.validation_split)
            )
        # In float64, as JSON keeps it, so that a saved trainer says the same when it is loaded.
        self._usual = deviation(values.mean(axis=0), values.std(axis=0))
        train = self._windows("values", values)
        held_out = None
        if validation_data is not None:
            held_out = self._windows(
                "validation_data", self._checked("validation_data", validation_data), values
            )
        if self.net is None:
            with self._precision():
                self.net = self._build()
            self.net.build((None, config.past, columns))
        self._check_net(columns)
        self._train(train, held_out, run, quiet)
        return self

    def _build(self) -> Any:
        from agentlab.nets.forecast import Forecast

        config = self.config
        return Forecast(
            config.horizon,
            config.cell,
            config.units,
            config.layers,
            config.dropout,
            self.seed,
            name="forecast",
        )

    def _check_net(self, columns: int) -> None:
        """See that a net that was given takes and gives what it should."""
        if not self._given:
            return
        past, future = ([1, rows, columns] for rows in (self.config.past, self.config.horizon))
        try:
            given = self.net(tf.zeros(past)).shape
        except (ValueError, TypeError, AttributeError, tf.errors.InvalidArgumentError) as error:
            raise AgentlabError(f"the net cannot be called with inputs {past}: {error}") from error
        if list(given) != future:
            raise AgentlabError(f"the net gives {list(given)} for {past}, but {future} is needed")

    def _checked(self, name: str, values: Any) -> Values:
        """Return rows of as many columns as the net was trained on."""
        series, columns = _series(name, values), len(self._usual)
        if series.shape[1] != columns:
            raise AgentlabError(
                f"{name} has {series.shape[1]} columns, but the net was trained on {columns}"
            )
        return series

    def _windows(self, name: str, values: Values, before: Values | None = None) -> Windows:
        """Return all windows whose future lies in ``values``."""
        past, horizon = self.config.past, self.config.horizon
        if before is None:
            before, needed, why = values[:0], past + horizon, f"past={past} and horizon={horizon}"
        else:
            before, needed, why = before[-past:], horizon, f"horizon={horizon}"
            needed += past - len(before)
        if len(values) < needed:
            raise AgentlabError(
                f"{name} has {len(values)} rows, but {why} need {needed} at least; give more or "
                "make them smaller"
            )
        return Windows(np.concatenate([before, values]), past, horizon, self._usual)

    def losses(self, outputs: Any, targets: Any) -> Any:
        errors = outputs - Targets(*targets).future
        losses = {"squared": tf.square(errors), "huber": huber(errors)}
        return tf.reduce_mean(losses[self.config.loss], axis=(1, 2))

    def metrics(self, outputs: Any, targets: Any) -> dict[str, Any]:
        future, last, spread = targets
        error, naive = ((said - future) * spread[:, None] for said in (outputs, last[:, None]))
        return {
            "rmse": tf.reduce_mean(tf.square(error), axis=(1, 2)),
            "mae": tf.reduce_mean(tf.abs(error), axis=(1, 2)),
            "rmse_naive": tf.reduce_mean(tf.square(naive), axis=(1, 2)),
        }

    def reduce_metrics(self, means: dict[str, float]) -> dict[str, float]:
        if "rmse" not in means:
            return means
        unit = float(self._usual.max())
        rmse, naive = (float(np.sqrt(means[name])) * unit for name in ("rmse", "rmse_naive"))
        metrics = {"rmse": rmse, "mae": means["mae"] * unit, "rmse_naive": naive}
        return {**means, **metrics, "ratio": _ratio(rmse, naive)}

    def predict(self, values: Any) -> Values:
        """Say what follows.

        Args:
            values: numbers ``[time, columns]``, of which the last ``past`` rows count, or
                ``[time]`` for one series.

        Returns:
            float64 ``[horizon, columns]``, in the series' units.

        Raises:
            AgentlabError: for fewer rows than ``past``, other columns than were learned, or
                numbers that are not finite.
        """
        self._need_net()
        values, past = self._checked("values", values), self.config.past
        if len(values) < past:
            raise AgentlabError(
                f"values has {len(values)} rows, but past={past} are needed to say what follows"
            )
        values = values[None, -past:]
        mean, std = normalization(values, self._usual)
        outputs = self._output_step(((values - mean) / std).astype(np.float32)).numpy()
        return np.asarray(mean + outputs[0].astype(np.float64) * std)

    def evaluate(self, values: Any, before: Any = None) -> dict[str, float]:
        """Compare forecasts from every moment with what came, and with the naive forecast.

        Args:
            values: held out, ``[time, columns]``.
            before: the rows before them, which serve as past only; where there are none, the first
                ``past`` rows of ``values`` do so.

        Returns:
            ``loss`` of the normalized errors; ``rmse`` and ``mae`` in the series' units;
            ``rmse_naive`` of the forecast that the last value stays; and ``ratio``, rmse /
            rmse_naive, which is below 1 where the net is better. Of several columns also
            ``rmse/NAME`` and ``ratio/NAME`` of each, since their units may differ.

        Raises:
            AgentlabError: as ``fit``.
        """
        windows = self._held_out(values, before)
        metrics = self._evaluate(windows)
        if len(self._usual) > 1:
            errors = zip(self._names_of_columns(), *self._errors_by_horizon(windows), strict=True)
            for name, *squares in errors:
                rmse, naive = (float(np.sqrt(square.mean())) for square in squares)
                metrics |= {f"rmse/{name}": rmse, f"ratio/{name}": _ratio(rmse, naive)}
        return metrics

    def _held_out(self, values: Any, before: Any) -> Windows:
        self._need_net()
        before = None if before is None else self._checked("before", before)
        return self._windows("values", self._checked("values", values), before)

    def _names_of_columns(self) -> list[str]:
        return self.names or [f"column {i}" for i in range(1, len(self._usual) + 1)]

    @cached_property
    def _output_step(self) -> Any:
        # For any number of windows, so that a loaded net gives the same as the one saved, bit for
        # bit: TensorFlow may round otherwise in a graph made for one window.
        pasts = tf.TensorSpec((None, self.config.past, len(self._usual)), tf.float32)
        return tf.function(lambda inputs: self._forward(inputs, False), [pasts])

    def _errors_by_horizon(self, windows: Windows) -> tuple[Values, Values]:
        """Return the mean squared errors of net and naive forecast, ``[columns, horizon]``."""
        shape = (windows.horizon, len(self._usual))
        net, naive = np.zeros(shape), np.zeros(shape)
        for batch in windows.epoch(256):
            future, last, spread = batch.targets
            scale = spread[:, None].astype(np.float64) * windows.unit
            outputs = self._output_step(batch.inputs).numpy()
            net += np.sum(((outputs - future) * scale) ** 2, axis=0)
            naive += np.sum(((last[:, None] - future) * scale) ** 2, axis=0)
        return net.T / windows.size, naive.T / windows.size

    def plots(self, values: Any, before: Any = None) -> dict[str, Figure]:
        """Draw some forecasts beside what came, and how errors grow with the horizon."""
        from agentlab.plots.predictions import forecast

        windows, names = self._held_out(values, before), self._names_of_columns()[:SHOWN_COLUMNS]
        few, drawn = len(names), dict[str, Any]()
        chosen = np.unique(np.linspace(0, windows.size - 1, SHOWN).astype(int))
        for number, rows in enumerate(windows.rows(chosen), 1):
            past, future = np.split(rows, [windows.past])
            naive = np.broadcast_to(past[-1], future.shape)
            said = self.predict(past)
            drawn[f"forecast_{number}"] = forecast(
                past[:, :few], future[:, :few], said[:, :few], naive[:, :few], names
            )
        net, naive = (np.sqrt(e[:few]) for e in self._errors_by_horizon(windows))
        drawn["error_by_horizon"] = _errors_drawn(net, naive, names)
        return drawn

    def _fitted(self) -> dict[str, Any]:
        return {"names": self.names, "usual": self._usual.tolist()}

    def _restore_fitted(self, described: Mapping[str, Any]) -> None:
        self.names, self._usual = described["names"], np.array(described["usual"], np.float64)


def _series(name: str, values: Any) -> Values:
    """Return values as float64 ``[time, columns]``; every one must be a finite number."""
    try:
        series = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise AgentlabError(f"{name} holds something else than numbers: {error}") from error
    if series.ndim == 1:
        series = series[:, None]
    if series.ndim != 2 or not series.size:
        raise AgentlabError(
            f"{name} has the shape {list(series.shape)}; it must be [time, columns], and not empty"
        )
    if not np.isfinite(series).all():
        row, column = np.argwhere(~np.isfinite(series))[0]
        raise AgentlabError(
            f"{name}[{row}, {column}] is {series[row, column]}; every value must be a finite number"
        )
    return series


def _ratio(rmse: float, naive: float) -> float:
    return rmse / naive if naive else float("nan")


def _errors_drawn(net: Values, naive: Values, names: Sequence[str]) -> Figure:
    """Draw root mean squared errors ``[columns, horizon]``, a panel for each column."""
    from agentlab.plots.style import CONTRAST, INK, LINE, new_figure, plain, tidy

    count, steps = net.shape
    figure = new_figure(8, 0.8 + 2.8 * count)
    for i, axes in enumerate(figure.subplots(count, 1, squeeze=False, sharex=True).flat):
        for errors, color, label in ((net, LINE, "forecast"), (naive, CONTRAST, "naive")):
            marker = "o" if steps == 1 else ""
            axes.plot(np.arange(steps) + 1, errors[i], color=color, lw=1.8, marker=marker)
            axes.lines[-1].set_label(label)
        axes.set_ylim(bottom=0)
        tidy(axes, plain(names[i], 60), "steps ahead" if i == count - 1 else "", "RMSE")
        axes.legend(frameon=False, labelcolor=INK, loc="best")
    return figure
