"""``Numbers``: arrays of numbers as a network's inputs, standardized or unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from agentlab.data.csv_files import CSVFiles
from agentlab.data.preprocessors import Preprocessor
from agentlab.data.raw_inputs import as_numbers, check_shape
from agentlab.data.standardizing import shifted_and_scaled
from agentlab.errors import AgentlabError, InvalidArgument


class Numbers(Preprocessor):
    """Arrays of numbers, in any dtype; the same numbers always give the same inputs.

    Args:
        shape: the shape of one example; ``None`` for an axis of any size.
        mean, std: ``[features]``, of the training split; ``None`` leaves numbers unchanged.

    Attributes:
        mean, std: float64, which JSON preserves, so that a loaded model predicts the same.

    Raises:
        InvalidArgument: if the shapes of ``mean`` and ``std`` do not match ``shape``.

    >>> numbers = Numbers.fit(np.array([[0.0, 7.0], [4.0, 7.0]]))
    >>> numbers.mean.tolist(), numbers.std.tolist()  # a constant column has deviation 1
    ([2.0, 7.0], [2.0, 1.0])
    >>> numbers.transform(np.array([[4, 8]], np.uint8))
    array([[1., 1.]], dtype=float32)
    """

    kind = "numbers"

    def __init__(
        self,
        shape: Sequence[int | None],
        mean: npt.ArrayLike | None = None,
        std: npt.ArrayLike | None = None,
    ) -> None:
        self.shape = tuple(shape)
        self.mean = None if mean is None else np.asarray(mean, np.float64)
        self.std = None if std is None else np.asarray(std, np.float64)
        for name, learned in (("mean", self.mean), ("std", self.std)):
            if learned is not None and learned.shape != self.shape:
                raise InvalidArgument(
                    f"{name} has the shape {list(learned.shape)}, but it must be that of one "
                    f"example, {list(self.shape)}"
                )
        if (mean is None) != (std is None):
            raise InvalidArgument("mean and std must be given together")

    @classmethod
    def fit(cls, x: Any, standardize: bool = True, any_length: bool = False) -> Self:
        """Learn the shape, mean and standard deviation of the training split.

        Args:
            x: numbers ``[n, ...]``.
            standardize: whether to scale rows ``[n, features]`` to mean 0 and standard deviation 1;
                arrays of more dimensions are not scaled.
            any_length: whether the first axis of an example (time) may have any size.

        Raises:
            InvalidArgument: if x is not numeric or not finite, or has no features or rows.
        """
        x = as_numbers(x)
        if x.ndim < 2:
            raise InvalidArgument(
                f"x has the shape {list(x.shape)}; it must be [n, features] or have more "
                "dimensions: x[:, None] makes one feature of each number"
            )
        if not x.size:
            raise InvalidArgument(f"x has the shape {list(x.shape)}; it must hold numbers")
        shape: tuple[int | None, ...] = x.shape[1:]
        if any_length and len(shape) > 1:
            shape = (None, *shape[1:])
        if not standardize or x.ndim != 2:
            return cls(shape)
        mean, std = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
        # The deviation of equal numbers may be a small rounding error instead of 0.
        return cls(shape, mean, np.where(std > 1e-12 * np.abs(mean), std, 1.0))

    def transform(self, x: Any) -> npt.NDArray[np.float32]:
        """Return numbers as float32 ``[n, *shape]``, standardized if ``mean`` is not ``None``.

        Raises:
            InvalidArgument: if x is not numeric or not finite, or has another shape.
        """
        x = as_numbers(x)
        check_shape(x.shape, self.shape)
        if self.mean is not None:
            x = (x - self.mean) / self.std
        inputs: npt.NDArray[np.float32] = x.astype(np.float32)
        return inputs

    def read(self, source: str, encoding: str | None = None) -> npt.NDArray[np.float64]:
        """Return the rows of a CSV file of numbers, float64 ``[n, features]``.

        Args:
            source: a CSV file with a header and one column per feature, in their order.
            encoding: encoding of the file; ``None`` infers it.

        Raises:
            AgentlabError: if an example is not a row, or the columns do not match the features.
        """
        if len(self.shape) != 1:
            raise AgentlabError(
                f"source={source!r} cannot be read: the model takes arrays of the shape "
                f"{list(self.shape)}, which a CSV file cannot contain; predict in Python"
            )
        files = CSVFiles(source, encoding=encoding)
        if len(files.names) != self.shape[0]:
            raise AgentlabError(
                f"{files.paths[0]} has {len(files.names)} columns, but the model takes "
                f"{self.shape[0]}"
            )
        frames = [chunk.frame for chunk in files.chunks(dict.fromkeys(files.names, float))]
        if not sum(map(len, frames)):
            raise AgentlabError(f"{files.paths[0]} has no rows below its header")
        return np.concatenate([frame[files.names].to_numpy(np.float64) for frame in frames])

    def to_json(self) -> dict[str, Any]:
        """Return everything that was fitted as JSON-compatible values."""
        return {
            "shape": list(self.shape),
            "mean": None if self.mean is None else self.mean.tolist(),
            "std": None if self.std is None else self.std.tolist(),
        }

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """Make a preprocessor from the output of ``to_json``."""
        return cls(described["shape"], described["mean"], described["std"])

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """The shape of one example."""
        return self.shape

    def transform_tensors(self, inputs: Any) -> Any:
        """Return the output of ``transform`` for a float32 tensor ``[n, *shape]``."""
        if self.mean is None:
            return inputs
        assert self.std is not None
        return shifted_and_scaled(inputs, self.mean, 1 / self.std)
