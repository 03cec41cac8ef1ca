"""Gradient checks by finite differences, for any layer, net, loss or function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from agentlab.errors import AgentlabError
from agentlab.testing.double_precision import as_doubles, call_in_double, double_precision, near

Doubles = npt.NDArray[np.float64]

STEPS = (1e-4, 1e-5, 1e-6, 1e-7)
ROUNDING = 1e-14  # relative rounding error of a value, after many float64 additions
SMALL = 1e-4  # lower bound of slopes in relative errors, as a fraction of the tensor's largest


@dataclass
class GradientReport:
    """The result of ``check_gradients``.

    Attributes:
        errors: largest relative error of each weight and input, by name.
        largest: the largest relative error of all.
        where: its position: a name and an index, or a name and "along a random direction".
        given: the gradient at this position.
        measured: the slope at this position, by finite differences.
        checked: number of slopes compared.
        kinks: number of slopes at a kink, where any subgradient is correct.
        tolerance: largest relative error of a correct gradient.
    """

    tolerance: float
    errors: dict[str, float] = field(default_factory=dict)
    largest: float = 0.0
    where: str = "nowhere"
    given: float = 0.0
    measured: float = 0.0
    checked: int = 0
    kinks: int = 0

    @property
    def passed(self) -> bool:
        """Whether all gradients are correct."""
        return self.largest <= self.tolerance

    def __str__(self) -> str:
        verdict = "right" if self.passed else "wrong"
        return (
            f"gradients are {verdict}: {self.checked} slopes compared, {self.kinks} at kinks; "
            f"the largest relative error is {self.largest:.2g}, at {self.where}: "
            f"the gradient is {self.given:.8g}, finite differences give {self.measured:.8g}"
        )


def check_gradients(
    function: Any,
    inputs: Any,
    targets: Any = None,
    loss: Any = None,
    *,
    gradients: Callable[..., Any] | None = None,
    samples: int = 10,
    tolerance: float = 1e-5,
    training: bool = False,
    seed: int = 0,
) -> GradientReport:
    """Compare gradients with central finite differences, all in float64.

    The differentiated scalar is the mean loss or, without ``loss``, a randomly weighted sum of all
    outputs (a scalar output has weight 1). For each trainable weight and each floating-point input,
    two kinds of slopes are compared: along a random direction, which depends on all elements, and
    along single coordinates, which locate an error.

    Kinks, as in ReLU or a maximum, cause no false alarms. A finite difference across a kink is
    wrong, so if the gradient disagrees, the step size is reduced to 1/10, 1/100 and 1/1000. A layer
    is checked at weights and inputs that are perturbed at random by 0.1 % of their root mean
    square, because many are initialized to 0, exactly at a kink. If a coordinate lies at a kink
    nevertheless, its left and right slopes differ for every step size, and any gradient between
    the two is accepted; a random direction is not compared there.

    Args:
        function: a Keras layer or model, of which a float64 copy is checked; a Keras loss, whose
            ``inputs`` are outputs of a net; or a function of float64 tensors.
        inputs: an array or a tuple of arrays, for ``function(*inputs)``, or for ``layer(inputs)``
            if the layer has one argument. Gradients of floating-point inputs are checked.
        targets: the targets of ``loss``.
        loss: a Keras loss or the name of one, or a function ``(targets, outputs) -> losses``.
        gradients: hand-written gradients to check instead of TensorFlow's:
            ``gradients(*inputs)`` returns the gradient of the scalar ``function(*inputs)`` with
            respect to each floating-point input. Both functions may use NumPy.
        samples: number of coordinates of each weight and input, or all if there are fewer.
        tolerance: largest relative error of a correct gradient.
        training: the ``training`` argument of a layer; ``True`` fails with dropout, whose outputs
            are random.
        seed: of the random weights, directions and coordinates.

    Raises:
        AgentlabError: if the function is random or does not compute in float64.
    """
    with double_precision():
        if isinstance(function, keras.losses.Loss):
            loss, function = function, lambda outputs: outputs
        arrays = inputs if isinstance(inputs, tuple) else (inputs,)
        points = [as_doubles(array) for array in arrays]
        call = function
        weights: list[Any] = []
        if isinstance(function, keras.layers.Layer):
            call, weights = call_in_double(function, points, isinstance(inputs, tuple), training)
            rng = np.random.default_rng(seed)
            for weight in weights:
                weight.assign(near(weight.numpy(), rng))
            points = [near(point, rng) for point in points]
        reduce = _weighted_sum(seed) if loss is None else _mean_loss(loss, targets)

        def value(*tensors: Any) -> Any:
            return reduce(call(*tensors))

        checker = _Checker(value, weights, points, gradients, seed)
        report = GradientReport(tolerance)
        checker.run(report, samples)
    return report


class _Checker:
    """A scalar function of weights and inputs, and its gradients to check."""

    def __init__(
        self,
        value: Callable[..., Any],
        weights: list[Any],
        points: list[Any],
        by_hand: Callable[..., Any] | None,
        seed: int,
    ) -> None:
        self.weights, self.points = weights, points
        self.value = value if by_hand else _traced(value, points)
        self.rng = np.random.default_rng(seed)
        self.places = [i for i, point in enumerate(points) if point.dtype == np.float64]
        self.start = self._evaluate()
        if abs(self._evaluate() - self.start) > 100 * ROUNDING * (1 + abs(self.start)):
            raise AgentlabError(
                "two calls of the function with the same inputs return different values; disable "
                "dropout and other random operations"
            )
        places = self.places
        found = by_hand(*points) if by_hand else _automatic(value, weights, points, places)
        found = found if isinstance(found, list | tuple) else [found]
        self.gradients = [np.asarray(gradient, np.float64) for gradient in found]
        self.names = [weight.path for weight in weights] + [
            "input" if len(points) == 1 else f"input {i}" for i in self.places
        ]
        shapes = [tuple(weight.shape) for weight in weights]
        shapes += [points[i].shape for i in self.places]
        if shapes != [gradient.shape for gradient in self.gradients]:
            raise AgentlabError(
                f"gradients have the shapes {[list(g.shape) for g in self.gradients]}, but must "
                f"have those of the weights and inputs, {[list(shape) for shape in shapes]}"
            )

    def _evaluate(self) -> float:
        return float(self.value(*self.points))

    def run(self, report: GradientReport, samples: int) -> None:
        """Compare all slopes and add the results to ``report``."""
        for number, (name, gradient) in enumerate(zip(self.names, self.gradients, strict=True)):
            scale = SMALL * float(np.abs(gradient).max(initial=0))
            report.errors[name] = 0.0
            for where, direction in self._directions(gradient, samples):
                slope = float((gradient * direction).sum())
                error, measured, kink = self._compare(number, direction, slope, scale)
                report.checked += 1
                report.kinks += kink
                report.errors[name] = max(report.errors[name], error)
                if error > report.largest or report.where == "nowhere":
                    report.largest, report.where = error, name + where
                    report.given, report.measured = slope, measured

    def _directions(self, gradient: Doubles, samples: int) -> Iterator[tuple[str, Doubles]]:
        """Yield coordinates, half of them with nonzero gradients, and a random direction."""
        if gradient.size <= samples:
            chosen = np.arange(gradient.size)
        else:
            alive = np.flatnonzero(gradient)
            first = self.rng.choice(alive, min(len(alive), samples // 2), replace=False)
            others = self.rng.choice(gradient.size, samples - len(first), replace=False)
            chosen = np.union1d(first, others)
        for place in chosen:
            direction = np.zeros(gradient.size)
            direction[place] = 1
            index = [int(i) for i in np.unravel_index(place, gradient.shape)]
            yield str(index), direction.reshape(gradient.shape)
        if gradient.size:
            direction = self.rng.standard_normal(gradient.shape)
            yield " along a random direction", direction / np.linalg.norm(direction)

    def _compare(
        self, number: int, direction: Doubles, slope: float, scale: float
    ) -> tuple[float, float, bool]:
        """Return the relative error of ``slope``, the measured slope, and whether it is a kink."""
        best = (np.inf, 0.0, False)
        for step in STEPS:
            right = (self._moved(number, step * direction) - self.start) / step
            left = (self.start - self._moved(number, -step * direction)) / step
            measured = (left + right) / 2
            noise = ROUNDING * (1 + abs(self.start)) / step
            size = max(abs(slope), abs(measured), scale)
            error = max(abs(slope - measured) - noise, 0.0) / size if size else 0.0
            best = min(best, (error, measured, False))
            if error < 1e-7:
                return best
        low, high = sorted((left, right))
        kink = high - low > 100 * noise
        if kink and (low - noise <= slope <= high + noise or np.count_nonzero(direction) > 1):
            return 0.0, measured, True
        return best

    def _moved(self, number: int, change: Doubles) -> float:
        """Return the function's value after ``change`` is added to a weight or an input."""
        if number < len(self.weights):
            weight = self.weights[number]
            before = weight.numpy()
            weight.assign(before + change)
            value = self._evaluate()
            weight.assign(before)
            return value
        place = self.places[number - len(self.weights)]
        points = [p + change if i == place else p for i, p in enumerate(self.points)]
        return float(self.value(*points))


def _automatic(
    value: Callable[..., Any], weights: list[Any], points: list[Any], places: list[int]
) -> list[Any]:
    """Return TensorFlow's gradients with respect to ``weights`` and the points at ``places``."""

    def gradients(*points: Any) -> Any:
        inputs = [points[i] for i in places]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            number = value(*points)
        wanted = [*(weight.value for weight in weights), *inputs]
        found = tape.gradient(number, wanted, unconnected_gradients="zero")
        return [tf.convert_to_tensor(gradient) for gradient in found]

    return list(_traced(gradients, points)(*points))


def _traced(function: Callable[..., Any], points: list[Any]) -> Callable[..., Any]:
    specs = [tf.TensorSpec(point.shape, point.dtype) for point in points]
    concrete = tf.function(function).get_concrete_function(*specs)
    return lambda *arrays: concrete(*map(tf.constant, arrays))


def _weighted_sum(seed: int) -> Callable[[Any], Any]:
    def reduce(outputs: Any) -> Any:
        rng = np.random.default_rng(seed)
        total = 0.0
        for output in tf.nest.flatten(outputs):
            _refuse_single(output)
            weights = rng.standard_normal(output.shape) if len(output.shape) else 1.0
            total += tf.reduce_sum(output * weights)
        return total

    return reduce


def _mean_loss(loss: Any, targets: Any) -> Callable[[Any], Any]:
    chosen = keras.losses.get(loss)
    if isinstance(chosen, keras.losses.Loss):
        chosen = type(chosen).from_config(chosen.get_config())  # now in float64
    targets = tf.nest.map_structure(as_doubles, targets)

    def reduce(outputs: Any) -> Any:
        tf.nest.map_structure(_refuse_single, outputs)
        return tf.reduce_mean(chosen(targets, outputs))

    return reduce


def _refuse_single(output: Any) -> None:
    if output.dtype != tf.float64:
        raise AgentlabError(
            f"an output has the dtype {output.dtype.name}, but must be float64 like the inputs; "
            "remove casts from the function"
        )
