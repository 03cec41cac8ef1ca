"""Recurrent torsos in NumPy, one step at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from agentlab.agents.acting.actor import Array, Floats

State = tuple[Floats, ...]


def _sigmoid(x: Floats) -> Floats:
    half = np.float32(0.5)
    return np.asarray(half * np.tanh(half * x) + half)  # never overflows


def _simple(x: Floats, r: Floats, old: State, extra: Floats | None) -> State:
    return (np.tanh(x + r),)


def _lstm(x: Floats, r: Floats, old: State, extra: Floats | None) -> State:
    i, f, g, o = np.split(x + r, 4, axis=1)
    if extra is not None:
        i, f = i + extra[0] * old[1], f + extra[1] * old[1]
    c = _sigmoid(f) * old[1] + _sigmoid(i) * np.tanh(g)
    if extra is not None:
        o = o + extra[2] * c
    return _sigmoid(o) * np.tanh(c), c


def _gru(x: Floats, r: Floats, old: State, extra: Floats | None) -> State:
    assert extra is not None
    xz, xr, xg = np.split(x, 3, axis=1)
    rz, rr, rg = np.split(r + extra.reshape(-1), 3, axis=1)
    z, g = _sigmoid(xz + rz), np.tanh(xg + _sigmoid(xr + rr) * rg)
    return (g + z * (old[0] - g),)


CELLS: dict[str, Callable[..., State]] = {
    "simple": _simple,
    "lstm": _lstm,
    "peephole": _lstm,
    "gru": _gru,
}


class NumpyRNN:
    """One step of a unidirectional ``RNN`` torso, many times faster than in TensorFlow.

    Attributes:
        widths: widths of the arrays of its state.

    Args:
        specification: ``scale`` (the divisor of inputs) and ``layers``: for each layer its ``cell``
            (a key of ``CELLS``), the ``widths`` of its states, and the names of its ``kernel``,
            ``recurrent_kernel``, ``bias`` and ``extra`` (or ``None``).
        weights: arrays by name.
    """

    def __init__(self, specification: Mapping[str, Any], weights: Mapping[str, Array]) -> None:
        self._scale = np.float32(1 / specification["scale"])
        self._layers: list[tuple[int, Any, list[Floats], Floats | None]] = []
        self.widths: list[int] = []
        for layer in specification["layers"]:
            kernels = [weights[layer[name]] for name in ("kernel", "recurrent_kernel", "bias")]
            extra = None if layer["extra"] is None else weights[layer["extra"]]
            self._layers.append((len(layer["widths"]), CELLS[layer["cell"]], kernels, extra))
            self.widths += layer["widths"]

    @property
    def states(self) -> int:
        """The number of arrays in its state."""
        return len(self.widths)

    def __call__(self, inputs: Array, state: Sequence[Floats]) -> tuple[Floats, list[Floats]]:
        """Return the features of ``inputs [batch, ...]``, ``[batch, features]``, and the new state.

        States are as in ``RNN.run``.
        """
        features = np.asarray(inputs.reshape(len(inputs), -1) * self._scale, np.float32)
        new_state: list[Floats] = []
        for states, cell, (kernel, recurrent_kernel, bias), extra in self._layers:
            old, state = tuple(state[:states]), state[states:]
            new = cell(features @ kernel + bias, old[0] @ recurrent_kernel, old, extra)
            features = new[0]
            new_state += new
        return features, new_state
