"""What a network is fed: observations of any space as arrays, sparse ones as sparse rows."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError
from agentlab.lazy import tf
from agentlab.nets.sparse import SparseRows

SPARSE_FROM = 1024  # inputs; narrower ones are as quick dense


class Encoding:
    """Turns a batch of observations of ``space`` into a network's inputs.

    Attributes:
        shape: of one input.
        dtype: of inputs: bytes stay bytes, so that they are stored small; the rest is float32.
        sparse: whether inputs are wide and hold only -1, 0 and 1, so that sparse products pay.

    Raises:
        AgentlabError: for a space that is neither Box, Discrete nor MultiBinary.
    """

    def __init__(self, space: gymnasium.Space[Any]) -> None:
        self.sparse = False
        self._start: int | None = None
        self.dtype: np.dtype[Any] = np.dtype(np.float32)
        self.scale = 1.0
        if isinstance(space, gymnasium.spaces.Discrete):
            self._start = int(space.start)
            self.shape: tuple[int, ...] = (int(space.n),)
        elif isinstance(space, gymnasium.spaces.Box | gymnasium.spaces.MultiBinary):
            self.shape = space.shape
            if space.dtype in (np.uint8, np.int8):
                self.dtype = np.dtype(space.dtype)
            if isinstance(space, gymnasium.spaces.Box) and self.dtype != np.float32:
                self.scale = float(np.abs(space.high.astype(np.int64)).max())
                low = int(space.low.min())
                wide = np.prod(space.shape) >= SPARSE_FROM
                self.sparse = bool(wide and self.scale == 1 and low >= -1)
        else:
            raise AgentlabError(
                f"the observation space {space} is neither Box, Discrete nor MultiBinary"
            )

    def __call__(self, observations: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return inputs ``[n, *shape]``; one-hot rows for discrete observations."""
        if self._start is not None:
            rows = np.zeros((*observations.shape, *self.shape), np.float32)
            np.put_along_axis(rows, observations[..., None] - self._start, 1, axis=-1)
            return rows
        inputs: npt.NDArray[Any] = observations.astype(self.dtype, copy=False)
        return inputs

    def spec(self, batch: int | None, sparse: bool) -> Any:
        """Return the TensorFlow type of a batch of inputs, or of its sparse rows."""
        if not sparse:
            return tf.TensorSpec((batch, *self.shape), self.dtype)
        places = tf.TensorSpec((None,), tf.int32)
        return SparseRows(places, places, places, places, tf.TensorSpec((), tf.int32))
