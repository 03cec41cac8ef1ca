"""Training until a measurement is over, by a trainer of agentlab or by ``fit`` of Keras."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from steady import Meter

FOREVER = 10**6  # epochs


class Measured(Exception):
    """Stops training when the measurement is over."""


def measure_fit(meter: Meter, trainer: Any, *data: Any, run: Any = None) -> None:
    """Train with ``fit``; a step is an example, or what the weights of a batch belong to."""
    train_step = trainer.train_step

    def step_and_count(batch: Any) -> Any:
        means = train_step(batch)
        if meter.tick(batch.weights.size):
            raise Measured
        return means

    trainer.train_step = step_and_count
    with suppress(Measured):
        trainer.fit(*data, run=run, quiet=True)


def measure_keras_fit(meter: Meter, net: Any, *data: Any, batch: int, steps: int = 1) -> None:
    """Train a compiled Keras model with ``fit``.

    Args:
        meter: counts the steps.
        net: the model.
        data: inputs, and targets if there are any.
        batch: examples per batch.
        steps: steps per example.
    """
    import keras

    class Metered(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, number: int, logs: Any = None) -> None:
            if meter.tick(batch * steps):
                raise Measured

    with suppress(Measured):
        net.fit(*data, batch_size=batch, epochs=FOREVER, verbose=0, callbacks=[Metered()])
