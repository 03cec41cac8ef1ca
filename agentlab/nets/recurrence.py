"""Recurrent cells and backpropagation through time, with hand-written gradients.

TensorFlow's gradient of a loop adds a product to the gradient of the recurrent kernel at every
step. Here the backward loop contains only what must be sequential; the kernel's gradient is a
single product over all steps, as in cuDNN (Appleyard et al. 2016, "Optimizing Performance of
Recurrent Neural Networks on GPUs").

All tensors are time-major. Let ``x`` be the projected inputs of a step, bias included, and ``r``
the product of the last ``h`` and the recurrent kernel. A cell computes the new state from ``x``,
``r`` and the old state (``forward``), and their gradients from that of the new state
(``backward``). Cells compute in float32; only the products are in the dtype of the inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import tensorflow as tf

from agentlab.errors import AgentlabError

State = tuple[Any, ...]  # (h,) or (h, c), float32 [batch, units] each
NOT_FIXED = "the network needs a fixed number of time steps"
_UNROLLED = ContextVar("unrolled", default=False)


@contextmanager
def unrolled() -> Iterator[None]:
    """Trace ``recur`` within as a fixed number of steps, without a loop and without gradients.

    Other runtimes can run that form: converters support neither custom gradients nor loops over
    arrays of tensors.
    """
    token = _UNROLLED.set(True)
    try:
        yield
    finally:
        _UNROLLED.reset(token)


def check_steps(steps: int | None) -> None:
    """Raise ``AgentlabError`` within ``unrolled`` if the number of steps is not fixed."""
    if _UNROLLED.get() and steps is None:
        raise AgentlabError(NOT_FIXED)


def _sigmoid_gradient(y: Any, dy: Any) -> Any:
    return tf.raw_ops.SigmoidGrad(y=y, dy=dy)


def _tanh_gradient(y: Any, dy: Any) -> Any:
    return tf.raw_ops.TanhGrad(y=y, dy=dy)


class Cell(Protocol):
    """One step of a recurrent cell, and its gradient.

    Attributes:
        gates: number of gates: ``x`` and ``r`` are ``[batch, gates * units]``.
        saved: number of tensors ``[batch, units]`` that ``forward`` saves for ``backward``.
        states: number of tensors in the state; the first one is the output.
        extra: number of rows of the additional weights ``[extra, units]``.
    """

    gates: int
    saved: int
    states: int
    extra: int

    def forward(self, x: Any, r: Any, old: State, extra: Any) -> tuple[State, State]:
        """Return the new state, and the tensors to save for ``backward``."""

    def backward(
        self, saved: State, old: State, new: State, d: State, extra: Any
    ) -> tuple[Any, Any, State]:
        """Return the gradients of ``x``, of ``r``, and of ``old`` except through ``r``."""

    def extra_gradient(self, dr: Any, old: State, new: State) -> Any:
        """Return the gradient of the additional weights, summed over ``[time, batch, ...]``."""


class Simple(Cell):
    """``h = tanh(x + r)`` (Elman 1990)."""

    gates, saved, states, extra = 1, 0, 1, 0

    def forward(self, x: Any, r: Any, old: State, extra: Any) -> tuple[State, State]:
        return (tf.tanh(x + r),), ()

    def backward(
        self, saved: State, old: State, new: State, d: State, extra: Any
    ) -> tuple[Any, Any, State]:
        dx = _tanh_gradient(new[0], d[0])
        return dx, dx, (0.0,)

    def extra_gradient(self, dr: Any, old: State, new: State) -> Any:
        return tf.zeros((0, dr.shape[-1]), new[0].dtype)


class LSTM(Cell):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; forget gates: Gers et al. 2000).

    The order of the gates is input, forget, candidate, output, as in Keras.
    """

    gates, saved, states, extra = 4, 5, 2, 0

    def forward(self, x: Any, r: Any, old: State, extra: Any) -> tuple[State, State]:
        i, f, g, o = tf.split(x + r, 4, axis=-1)
        i, f, g = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g)
        c = f * old[1] + i * g
        o, squashed = tf.sigmoid(o), tf.tanh(c)
        return (o * squashed, c), (i, f, g, o, squashed)

    def backward(
        self, saved: State, old: State, new: State, d: State, extra: Any
    ) -> tuple[Any, Any, State]:
        i, f, g, o, squashed = saved
        do = _sigmoid_gradient(o, d[0] * squashed)
        dc = d[1] + _tanh_gradient(squashed, d[0] * o)
        di, df = _sigmoid_gradient(i, dc * g), _sigmoid_gradient(f, dc * old[1])
        dx = tf.concat([di, df, _tanh_gradient(g, dc * i), do], axis=-1)
        return dx, dx, (0.0, dc * f)

    def extra_gradient(self, dr: Any, old: State, new: State) -> Any:
        return tf.zeros((0, new[0].shape[-1]), new[0].dtype)


class Peephole(Cell):
    """An LSTM with peephole connections from the cell state ``c`` (Gers & Schmidhuber 2000).

    The additional weights are those of ``c`` in the input, forget and output gates.
    """

    gates, saved, states, extra = 4, 5, 2, 3

    def forward(self, x: Any, r: Any, old: State, extra: Any) -> tuple[State, State]:
        i, f, g, o = tf.split(x + r, 4, axis=-1)
        i, f = tf.sigmoid(i + extra[0] * old[1]), tf.sigmoid(f + extra[1] * old[1])
        g = tf.tanh(g)
        c = f * old[1] + i * g
        o, squashed = tf.sigmoid(o + extra[2] * c), tf.tanh(c)
        return (o * squashed, c), (i, f, g, o, squashed)

    def backward(
        self, saved: State, old: State, new: State, d: State, extra: Any
    ) -> tuple[Any, Any, State]:
        i, f, g, o, squashed = saved
        do = _sigmoid_gradient(o, d[0] * squashed)
        dc = d[1] + _tanh_gradient(squashed, d[0] * o) + do * extra[2]
        di, df = _sigmoid_gradient(i, dc * g), _sigmoid_gradient(f, dc * old[1])
        dx = tf.concat([di, df, _tanh_gradient(g, dc * i), do], axis=-1)
        return dx, dx, (0.0, dc * f + di * extra[0] + df * extra[1])

    def extra_gradient(self, dr: Any, old: State, new: State) -> Any:
        di, df, _, do = tf.split(tf.cast(dr, new[0].dtype), 4, axis=-1)
        products = [di * old[1], df * old[1], do * new[1]]
        return tf.stack([tf.reduce_sum(product, axis=[0, 1]) for product in products])


class GRU(Cell):
    """The gated recurrent unit (Cho et al. 2014), reset after the product as in cuDNN and Keras.

    The order of the gates is update, reset, candidate. The additional weights are the biases of
    ``r``.
    """

    gates, saved, states, extra = 3, 4, 1, 3

    def forward(self, x: Any, r: Any, old: State, extra: Any) -> tuple[State, State]:
        xz, xr, xg = tf.split(x, 3, axis=-1)
        rz, rr, rg = tf.split(r, 3, axis=-1)
        z, reset = tf.sigmoid(xz + rz + extra[0]), tf.sigmoid(xr + rr + extra[1])
        rg += extra[2]
        g = tf.tanh(xg + reset * rg)
        return (g + z * (old[0] - g),), (z, reset, g, rg)

    def backward(
        self, saved: State, old: State, new: State, d: State, extra: Any
    ) -> tuple[Any, Any, State]:
        z, reset, g, rg = saved
        d_old = d[0] * z
        dz = _sigmoid_gradient(z, d[0] * (old[0] - g))
        dg = _tanh_gradient(g, d[0] - d_old)
        dreset = _sigmoid_gradient(reset, dg * rg)
        dr = tf.concat([dz, dreset, dg * reset], axis=-1)
        return tf.concat([dz, dreset, dg], axis=-1), dr, (d_old,)

    def extra_gradient(self, dr: Any, old: State, new: State) -> Any:
        return tf.reshape(tf.reduce_sum(tf.cast(dr, new[0].dtype), axis=[0, 1]), (3, -1))


CELLS: dict[str, Cell] = {"simple": Simple(), "lstm": LSTM(), "peephole": Peephole(), "gru": GRU()}


def recur(
    cell: Cell, x: Any, kernel: Any, extra: Any, state: State, keep: Any = None, mask: Any = None
) -> tuple[Any, State]:
    """Run a cell over time; differentiable in ``x``, ``kernel``, ``extra`` and ``state``.

    Args:
        cell: one of ``CELLS``.
        x: projected inputs, ``[time, batch, gates * units]``; products are computed in their dtype.
        kernel: the recurrent kernel, float32 ``[units, gates * units]``.
        extra: the cell's additional weights, float32 ``[cell.extra, units]``.
        state: the initial state, ``cell.states`` float32 tensors ``[batch, units]``.
        keep: float32 ``[time, batch, 1]``, 0 where the state is reset before the step, else 1.
        mask: bool ``[time, batch, 1]``, false where the step leaves the state unchanged.

    Returns:
        The outputs ``[time, batch, units]`` in the dtype of ``x``, and the final state.

    Raises:
        AgentlabError: within ``unrolled``, if the number of steps is not fixed.
    """
    if _UNROLLED.get():
        return _forward(cell, x, kernel, extra, state, keep, mask)
    dtype, exact = x.dtype, kernel.dtype
    steps, units = tf.shape(x)[0], kernel.shape[0]

    def arrays(count: int, width: int = units, dtype: Any = exact) -> State:
        shape = (x.shape[1], width)
        return tuple(tf.TensorArray(dtype, steps, element_shape=shape) for _ in range(count))

    def reset(state: State, t: Any) -> State:
        return state if keep is None else tuple(s * keep[t] for s in state)

    def masked(t: Any, new: State, old: State) -> State:
        return tuple(tf.where(mask[t], n, o) for n, o in zip(new, old, strict=True))

    @tf.custom_gradient
    def loop(x: Any, kernel: Any, extra: Any, *initial: Any) -> Any:
        cast_kernel = tf.cast(kernel, dtype)  # [units, gates * units]

        def step(t: Any, state: State, stored: State, news: State) -> Any:
            old = reset(state, t)
            r = tf.cast(tf.cast(old[0], dtype) @ cast_kernel, exact)
            new, saved = cell.forward(tf.cast(x[t], exact), r, old, extra)
            if mask is not None:
                new = masked(t, new, old)
            stored = tuple(a.write(t, s) for a, s in zip(stored, saved, strict=True))
            news = tuple(a.write(t, s) for a, s in zip(news, new, strict=True))
            return t + 1, new, stored, news

        start = (0, initial, arrays(cell.saved), arrays(cell.states))
        if x.shape[0] == 1:
            _, last, stored, news = step(*start)
            for array in stored:  # only the gradient reads it
                getattr(array, "mark_used", list)()  # a method that not all kinds of arrays have
        else:
            _, last, stored, news = tf.while_loop(lambda t, *_: t < steps, step, start)
        news = tuple(a.stack() for a in news)  # each [time, batch, units]

        def gradient(d_outputs: Any, *d_last: Any) -> Any:
            olds = tuple(
                tf.concat([s[None], all_[:-1]], axis=0)
                for s, all_ in zip(initial, news, strict=True)
            )
            if keep is not None:
                olds = tuple(old * keep for old in olds)
            transposed = tf.transpose(cast_kernel)

            def backward_step(t: Any, d: State, dxs: State) -> Any:
                d = (d[0] + tf.cast(d_outputs[t], exact), *d[1:])
                d_unmasked = d
                if mask is not None:
                    d = masked(t, d, tuple(tf.zeros_like(s) for s in d))
                saved = tuple(a.read(t) for a in stored)
                old, new = (tuple(s[t] for s in states) for states in (olds, news))
                dx, dr, d = cell.backward(saved, old, new, d, extra)
                written = [tf.cast(s, dtype) for s in ([dr] if dr is dx else [dr, dx])]
                d = (tf.cast(written[0] @ transposed, exact) + d[0], *d[1:])
                if mask is not None:
                    d = masked(t, d, tuple(a + b for a, b in zip(d, d_unmasked, strict=True)))
                dxs = tuple(a.write(t, s) for a, s in zip(dxs, written, strict=True))
                return t - 1, reset(d, t), dxs

            distinct = 2 if isinstance(cell, GRU) else 1  # dr is dx in the other cells
            start = (steps - 1, d_last, arrays(distinct, cell.gates * units, dtype))
            _, d, dxs = tf.while_loop(lambda t, *_: t >= 0, backward_step, start)
            stacked = [a.stack() for a in dxs]
            dr, dx = stacked[0], stacked[-1]
            rows = tf.reshape(tf.cast(olds[0], dtype), (-1, units))  # [time * batch, units]
            d_kernel = tf.matmul(rows, tf.reshape(dr, (-1, cell.gates * units)), transpose_a=True)
            return dx, tf.cast(d_kernel, exact), cell.extra_gradient(dr, olds, news), *d

        return (tf.cast(news[0], dtype), *last), gradient

    outputs, *last = loop(x, kernel, extra, *state)
    return outputs, tuple(last)


def _forward(
    cell: Cell, x: Any, kernel: Any, extra: Any, state: State, keep: Any, mask: Any
) -> tuple[Any, State]:
    """Compute what ``recur`` does in a fixed number of steps; see ``unrolled``."""
    check_steps(x.shape[0])
    cast_kernel, outputs = tf.cast(kernel, x.dtype), []  # [units, gates * units]
    for t in range(x.shape[0]):
        old = state if keep is None else tuple(s * keep[t] for s in state)
        r = tf.cast(tf.cast(old[0], x.dtype) @ cast_kernel, kernel.dtype)
        state, _ = cell.forward(tf.cast(x[t], kernel.dtype), r, old, extra)
        if mask is not None:
            state = tuple(tf.where(mask[t], n, o) for n, o in zip(state, old, strict=True))
        outputs.append(tf.cast(state[0], x.dtype))
    return tf.stack(outputs), state
