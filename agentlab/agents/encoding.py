"""Encoding of observations as network inputs; wide inputs become sparse rows."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.errors import InvalidArgument
from agentlab.lazy import LazyModule, tf
from agentlab.nets.sparse import SparseRows

cnn: Any = LazyModule("agentlab.nets.cnn")
ENCODED_SPACES = (gymnasium.spaces.Box, gymnasium.spaces.Discrete, gymnasium.spaces.MultiBinary)
SPARSE_FROM = 1024  # inputs; below this, dense products are as fast


class Encoding:
    """Turns a batch of observations of ``space`` into a network's inputs.

    Attributes:
        space: the observation space.
        shape: shape of one input.
        dtype: dtype of the inputs: int8 and uint8 are preserved, to save memory; all other dtypes
            become float32.
        scale: the largest absolute value of integer inputs; the torso divides by it.
        sparse: whether inputs are wide and contain only -1, 0 and 1, so that sparse products are
            faster.
        frames_first: whether the replay buffer stores them as ``[stack, height, width]``.

    Raises:
        InvalidArgument: for a space other than Box, Discrete or MultiBinary.
    """

    def __init__(self, space: gymnasium.Space[Any]) -> None:
        self.space, self.sparse = space, False
        self._start: int | None = None
        self.dtype: np.dtype[Any] = np.dtype(np.float32)
        self.scale = 1.0
        frame_stack = getattr(space, "frame_stack", 1)
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
            raise InvalidArgument(
                f"the observation space must be Box, Discrete or MultiBinary, not {space}"
            )
        self.frames_first = frame_stack > 1 and self.shape[-1] == frame_stack

    def __call__(self, observations: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return inputs ``[n, *shape]``; one-hot rows for discrete observations."""
        if self._start is not None:
            rows = np.zeros((*observations.shape, *self.shape), np.float32)
            np.put_along_axis(rows, observations[..., None] - self._start, 1, axis=-1)
            return rows
        inputs: npt.NDArray[Any] = observations.astype(self.dtype, copy=False)
        return inputs

    def tensor(self, observations: Any) -> Any:
        """Return network inputs for a tensor of observations, as ``__call__`` does for arrays."""
        if self._start is not None:
            return tf.one_hot(observations - self._start, self.shape[0])
        return tf.cast(observations, self.dtype)

    def spec(self, batch: int | None, sparse: bool) -> Any:
        """Return the TensorSpec of a batch of inputs, dense or as sparse rows."""
        if not sparse:
            return tf.TensorSpec((batch, *self.shape), self.dtype)
        places = tf.TensorSpec((None,), tf.int32)
        return SparseRows(places, places, places, places, tf.TensorSpec((), tf.int32))

    # As the replay buffer stores them: stacked frames are transposed only inside the update.

    def stored(self, observations: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return sampled observations as inputs, or as stacked frames ``[b, stack, h, w]``."""
        return np.moveaxis(observations, -1, 1) if self.frames_first else self(observations)

    def stored_spec(self, *leading: int | None) -> Any:
        """Return the TensorSpec of what ``stored`` returns, with the given leading axes."""
        *size, stack = self.shape or (1,)
        shape = (stack, *size) if self.frames_first else self.shape
        return tf.TensorSpec((*leading, *shape), self.dtype)

    def from_stored(self, observations: Any) -> Any:
        """Return network inputs for a tensor of observations returned by ``stored``."""
        return cnn.frames_last(observations) if self.frames_first else observations
