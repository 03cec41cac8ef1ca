"""Gradients compared with finite differences: of any layer, net, loss or function."""

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
ROUNDING = 1e-14  # relative error of a value, many additions of float64 in a row
SMALL = 1e-4  # smaller slopes than this fraction of their tensor's largest count as that large


@dataclass
class GradientReport:
    """What ``check_gradients`` found.

    Attributes:
        errors: largest relative error of each weight and input, by name.
        largest: the largest of all.
        where: where that is: a name and an index, or a name and "along a random direction".
        given: the gradient there.
        measured: the slope there, by finite differences.
        checked: slopes compared.
        kinks: those of them that lie at a kink, where the gradient is one of many right ones.
        tolerance: relative error up to which a gradient is right.
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
        """Whether all gradients are right."""
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

    The slopes of one number are compared: of the mean loss, or without ``loss`` of the sum of all
    outputs with random weights (an output that is one number is taken as it is). Compared are, for
    each trainable weight and each input of floats, the slope along a random direction, in which
    all elements count, and those along single coordinates, to say which is wrong.

    Kinks, as of ReLU or a maximum, raise no false alarm. A difference over a kink is wrong; so that
    where one disagrees, steps of a tenth, a hundredth and a thousandth are tried, which few kinks
    lie within. A layer is checked near its weights and inputs, all moved at random by a thousandth
    of their size, since many start at 0, right on a kink. Where a function lies on one all the
    same, a coordinate has a slope to the left and another to the right however small the step is,
    and any gradient between the two is right; a random direction says nothing there.

    Args:
        function: a Keras layer or model, of which a copy in float64 is checked; a Keras loss, whose
            ``inputs`` are outputs; or a function of float64 tensors.
        inputs: an array or a tuple of arrays: ``function(*inputs)``, or ``layer(inputs)`` where the
            layer has one argument. Those of floats are checked.
        targets: what ``loss`` compares with.
        loss: a Keras loss or the name of one, or a function ``(targets, outputs) -> losses``.
        gradients: hand-written gradients to check instead of TensorFlow's:
            ``gradients(*inputs)`` returns the gradient of ``function(*inputs)``, one number, with
            respect to each input of floats. Both may be NumPy's.
        samples: coordinates of each weight and input; all, where there are no more.
        tolerance: relative error up to which a gradient is right.
        training: whether a layer is called as in training; with dropout that is no function.
        seed: of the random weights, directions and coordinates.

    Raises:
        AgentlabError: for what is no function of its inputs, or does not compute in float64.
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
    """One number as a function of weights and inputs, and what its gradient is said to be."""

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
                "the function gives another value at every call, so that it has no gradient; "
                "leave out dropout and other noise"
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
                f"gradients have the shapes {[list(g.shape) for g in self.gradients]}, but what "
                f"they are for has {[list(shape) for shape in shapes]}"
            )

    def _evaluate(self) -> float:
        return float(self.value(*self.points))

    def run(self, report: GradientReport, samples: int) -> None:
        """Compare all, and write what is found into ``report``."""
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
        """Yield coordinates, half of them such as have a gradient, and then a random direction."""
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
        """Return the relative error of ``slope``, the measured slope, and whether at a kink."""
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
        """Return the value where one weight or input is changed."""
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
            f"an output is {output.dtype.name} although all that went in is float64: the function "
            "casts by itself, which finite differences are too fine for"
        )
