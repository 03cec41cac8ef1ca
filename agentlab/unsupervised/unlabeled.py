"""The base of unsupervised trainers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from agentlab.data import Arrays, Batches, make_preprocessor, split_indices
from agentlab.data.batches import Array
from agentlab.data.raw_inputs import as_frame, as_numbers, has_columns, has_texts
from agentlab.errors import InvalidArgument
from agentlab.lazy import tf
from agentlab.nets import TORSOS, make_torso, torso_class
from agentlab.runs import Run
from agentlab.training.callbacks import Callback
from agentlab.training.examples import applied, is_batches
from agentlab.training.trainer import Trainer

SHOWN = 10  # examples in the images of a run
BLOCK = 256  # examples per forward pass


class UnlabeledTrainer(Trainer):
    """A trainer on unlabeled inputs ``[n, ...]``.

    ``preprocessor`` converts raw inputs to network inputs; it is fitted on the training split
    unless it was set before. uint8 images are scaled to the range 0 to 1, numbers are standardized.

    Attributes:
        watched: some held-out inputs to plot; training inputs if there are none.
    """

    watched: Array
    _held: Batches | None = None
    _makes_preprocessor = False  # whether the last fit created it

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
        """Train on inputs.

        Args:
            x: inputs ``[n, ...]``: images, numeric rows, or named columns; or ``Batches``.
            y: ignored; for consistency with other ``fit`` methods.
            validation_data: inputs, ``(x, y)`` or ``Batches``; ``None`` holds out the fraction
                ``validation_split`` of the training data.
            run: saves metrics and checkpoints; training resumes from its newest checkpoint.
            quiet: show no progress.
            callbacks: called during training.

        Raises:
            AgentlabError: if the inputs and the network do not match.
        """
        train, held_out = self.prepare(x, validation_data)
        self._held = held_out or train
        self.watched = np.asarray(next(iter(self._held.epoch(SHOWN))).inputs)
        return self.train(train, held_out, run, quiet, callbacks)

    def prepare(self, x: Any, validation: Any) -> tuple[Batches, Batches | None]:
        """Split off validation data, and fit the preprocessor on the rest."""
        if isinstance(validation, tuple | list) and not has_columns(validation):
            validation = validation[0]
        if hasattr(x, "element_spec") or hasattr(x, "__next__"):
            raise InvalidArgument(
                f"x is a {type(x).__name__}; pass arrays, or an object with the methods of Batches"
            )
        if is_batches(x):
            self._fit_preprocessor(next(iter(x.epoch(1))).inputs, standardize=False)
            return x, None if validation is None else self.batches(validation)
        x = _rows(x)
        split = self.config.validation_split
        if validation is None and split:
            rows, held = split_indices(len(x), (1 - split, split), self.seed)
            x, validation = _take(x, rows), _take(x, held)
        self._fit_preprocessor(x, getattr(self.config, "standardize", False))
        held_out = None if validation is None else self.batches(validation)
        return self.batches(x), held_out

    def _fit_preprocessor(self, x: Any, standardize: bool) -> None:
        if self.preprocessor is None or self._makes_preprocessor:
            if has_texts(x) and not has_columns(x):
                raise InvalidArgument("x contains texts; it must be images or numbers")
            takes = getattr(self.config, "net", None)
            takes = None if takes is None or self.given_net else TORSOS[takes].takes
            self.preprocessor = make_preprocessor(x, takes=takes, standardize=standardize)
            self._makes_preprocessor = True

    def batches(self, x: Any) -> Batches:
        """Return raw inputs as ``Batches`` of network inputs; ``Batches`` are unchanged."""
        if is_batches(x):
            return x
        inputs = self.inputs_of(x)
        return Arrays(inputs, np.zeros(len(inputs), np.float32))

    def inputs_of(self, x: Any) -> Array:
        """Return the network's inputs for raw inputs.

        Raises:
            AgentlabError: before ``fit``, or for inputs of another kind or shape.
        """
        if self.preprocessor is None:
            self.check_fitted()
        assert self.preprocessor is not None
        return self.preprocessor.transform(x)

    @property
    def pixels(self) -> bool:
        """Whether inputs are images, with pixels from 0 to 1 after scaling."""
        return self.preprocessor is not None and self.preprocessor.dtype == "uint8"

    def scaled(self, inputs: Any) -> Any:
        """Return network inputs as floats: pixels from 0 to 1, or numbers."""
        assert self.preprocessor is not None
        return tf.cast(inputs, tf.float32) / self.preprocessor.scale

    def raw(self, outputs: Array) -> Array:
        """Return outputs in the units of the raw inputs: uint8 pixels, or numbers.

        Args:
            outputs: pixels from 0 to 1, or standardized numbers.
        """
        if self.pixels:
            pixels: Array = np.rint(np.clip(outputs, 0, 1) * 255).astype(np.uint8)
            return pixels
        mean, std = (getattr(self.preprocessor, name, None) for name in ("mean", "std"))
        return outputs if mean is None else np.asarray(outputs * std + mean)

    def make_torso(self, data: Batches) -> Any:
        """Build the torso that the configuration names, for the shape of the inputs in ``data``."""
        config, arguments = self.config, dict[str, Any]()
        assert self.preprocessor is not None
        takes = TORSOS[config.net].takes
        if takes in ("sequences", "ids"):
            raise InvalidArgument(
                f"net={config.net!r} takes {takes}, which cannot be reconstructed; choose a net "
                "for vectors or images"
            )
        if config.net == "mlp":
            arguments = {"hidden": config.hidden, "activation": config.activation}
        if takes == "images" or self.preprocessor.scale != 1:
            arguments["scale"] = self.preprocessor.scale
        if "dropout" in inspect.signature(torso_class(config.net).__init__).parameters:
            arguments["dropout"] = 0.0  # dropout makes codes worse
        shape = self.input_shape(data)
        return make_torso(config.net, shape, name="torso", seed=self.seed, **arguments)

    def input_shape(self, data: Batches) -> tuple[int, ...]:
        """Return the shape of one input."""
        return np.asarray(next(iter(data.epoch(1))).inputs).shape[1:]

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Return metrics on raw inputs or ``Batches``, by name; ``y`` is ignored."""
        self.check_fitted()
        return self.evaluate_batches(self.batches(x))

    def in_blocks(self, name: str, function: Callable[[Any], Any], inputs: Array) -> Array:
        """Return ``function(inputs)``, compiled and applied in blocks of ``BLOCK`` examples.

        Args:
            name: of the compiled function.
            function: of a tensor ``[b, ...]``.
            inputs: an array ``[n, ...]``.
        """
        step = self.compiled(name, lambda: tf.function(function, reduce_retracing=True))
        parts = [
            applied(step, tf.constant(inputs[i : i + BLOCK])).numpy()
            for i in range(0, len(inputs), BLOCK)
        ]
        return np.concatenate(parts)


def _rows(x: Any) -> Any:
    """Return raw inputs in a form from which ``_take`` can select rows."""
    if has_columns(x):
        return list(x) if isinstance(x, list | tuple) else as_frame(x)
    if has_texts(x):
        raise InvalidArgument("x contains texts; it must be images or numbers")
    return as_numbers(x)


def _take(x: Any, rows: Array) -> Any:
    if isinstance(x, list):
        return [x[i] for i in rows]
    return x.iloc[rows] if hasattr(x, "iloc") else x[rows]
