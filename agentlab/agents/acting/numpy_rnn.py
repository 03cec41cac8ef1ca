"""Recurrent torsos by NumPy, one step at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from agentlab.nets.rnn import RNN

Floats = npt.NDArray[np.float32]
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


class NumpyRNN:
    """One step of an ``RNN`` by NumPy, with the weights that it has now.

    Many times faster on a few sequences than a call of TensorFlow.

    Attributes:
        states: how many arrays its state has.

    Args:
        torso: a built ``RNN`` of one direction whose inputs are numbers.
    """

    CELLS: ClassVar[dict[str, Callable[..., State]]] = {
        "simple": _simple,
        "lstm": _lstm,
        "peephole": _lstm,
        "gru": _gru,
    }

    def __init__(self, torso: RNN) -> None:
        self._scale = np.float32(1 / torso.scale)
        self._layers: list[tuple[int, Any, list[Floats], Floats | None]] = []
        for (layer,) in torso.recurrents:
            weights = [w.numpy() for w in (layer.kernel, layer.recurrent_kernel, layer.bias)]
            extra = None if layer.extra is None else layer.extra.numpy()
            self._layers.append((layer.states, self.CELLS[layer.cell], weights, extra))
        self.states = sum(states for states, *_ in self._layers)

    def __call__(
        self, inputs: npt.NDArray[Any], state: Sequence[Floats]
    ) -> tuple[Floats, list[Floats]]:
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
