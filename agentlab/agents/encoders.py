"""Encoders of single arrays: elements of a Box, MultiBinary, Discrete or MultiDiscrete."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.envs.parts import ARRAYS, MASK, as_parts
from agentlab.errors import InvalidArgument
from agentlab.lazy import tf

spaces = gymnasium.spaces
ENCODED_SPACES = (*ARRAYS, spaces.Dict, spaces.Tuple)
SPARSE_FROM = 1024  # inputs; below this, dense products are as fast
Array = npt.NDArray[Any]


class ArrayEncoder:
    """Passes the elements of a Box or MultiBinary on; only the dtype may change.

    Attributes:
        space: the space.
        shape: shape of one input.
        dtype: dtype of the inputs: int8 and uint8 are preserved, to save memory; all other dtypes
            become float32.
        scale: the largest absolute value of int8 or uint8 inputs; the torso divides by it.
        sparse: whether inputs are wide and contain only -1, 0 and 1.
        one_hot: false.
    """

    one_hot = False

    def __init__(self, space: Any) -> None:
        self.space = space
        self.shape: tuple[int, ...] = space.shape
        self.dtype: np.dtype[Any] = np.dtype(np.float32)
        self.scale, self.sparse = 1.0, False
        if space.dtype in (np.uint8, np.int8):
            self.dtype = np.dtype(space.dtype)
        if isinstance(space, spaces.Box) and self.dtype != np.float32:
            self.scale = float(np.abs(space.high.astype(np.int64)).max())
            low = int(space.low.min())
            wide = np.prod(space.shape) >= SPARSE_FROM
            self.sparse = bool(wide and self.scale == 1 and low >= -1)

    @property
    def image(self) -> bool:
        """Whether the inputs are images ``[height, width, channels]`` of bytes."""
        return len(self.shape) == 3 and self.dtype == np.uint8

    def __call__(self, observations: Array) -> Array:
        """Return inputs ``[..., *shape]``."""
        inputs: Array = observations.astype(self.dtype, copy=False)
        return inputs

    def tensor(self, observations: Any) -> Any:
        """Return what a call returns, for a tensor."""
        return tf.cast(observations, self.dtype)


class OneHotEncoder:
    """Encodes the elements of a Discrete or MultiDiscrete as concatenated one-hot vectors.

    Attributes: as ``ArrayEncoder``; ``one_hot`` is true.
    """

    one_hot, image, scale = True, False, 1.0

    def __init__(self, space: Any) -> None:
        self.space = space
        multi = isinstance(space, spaces.MultiDiscrete)
        sizes = space.nvec.ravel() if multi else np.array([space.n])
        starts = space.start.ravel() if multi else np.array([space.start])
        self.shape: tuple[int, ...] = (int(sizes.sum()),)
        self._columns, self._axes = len(sizes), len(space.shape)
        self._shifts = (np.cumsum(sizes) - sizes - starts).astype(np.int64)
        self.sparse = self.shape[0] >= SPARSE_FROM
        self.dtype: np.dtype[Any] = np.dtype(np.uint8 if self.sparse else np.float32)

    def __call__(self, observations: Array) -> Array:
        """Return inputs ``[..., *shape]``."""
        leading = observations.shape[: observations.ndim - self._axes]
        places = observations.reshape(*leading, self._columns) + self._shifts
        rows = np.zeros((*leading, *self.shape), self.dtype)
        np.put_along_axis(rows, places, 1, axis=-1)
        return rows

    def tensor(self, observations: Any) -> Any:
        """Return what a call returns, for a tensor ``[n, ...]``."""
        columns = tf.cast(tf.reshape(observations, (-1, self._columns)), tf.int64)
        one_hot = tf.one_hot(columns + self._shifts, self.shape[0])  # [n, columns, inputs]
        return tf.cast(tf.reduce_sum(one_hot, 1), self.dtype)


Encoder = ArrayEncoder | OneHotEncoder


def encoders_of(space: gymnasium.Space[Any]) -> dict[str, Encoder]:
    """Return the encoder of each array of an observation, by name; an action mask has none.

    Raises:
        InvalidArgument: for a space without arrays.
    """
    arrays: dict[str, Any] = {"": space}
    if isinstance(space, spaces.Dict | spaces.Tuple):
        arrays = {name: s for name, s in as_parts(space).items() if name != MASK}
    if not arrays or not all(isinstance(array, ARRAYS) for array in arrays.values()):
        raise InvalidArgument(
            "the observation space must be Box, Discrete, MultiDiscrete or MultiBinary, or a Dict "
            f"or Tuple of these, not {space}"
        )
    return {
        name: OneHotEncoder(array)
        if isinstance(array, spaces.Discrete | spaces.MultiDiscrete)
        else ArrayEncoder(array)
        for name, array in arrays.items()
    }
