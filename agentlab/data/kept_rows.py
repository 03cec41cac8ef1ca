"""``KeptRows``: the rows of CSV files, kept in memory for a second pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

OBJECT = np.dtype(object)  # NumPy has only one instance
TEXT_BYTES = 72  # of a short string and the pointer to it


class KeptRows:
    """Chunks of CSV files as they were read in a pass over all rows and columns.

    Args:
        memory_budget: bytes for the chunks; the rows of larger files are not kept.
    """

    def __init__(self, memory_budget: int) -> None:
        self._budget = memory_budget
        self._frames: list[tuple[int, int, Any]] = []
        self._bytes, self._complete = 0, False

    def start(self) -> bool:
        """Forget all rows before a new pass, and return whether to ``add`` its chunks."""
        self._frames, self._bytes, self._complete = [], 0, False
        return self._budget > 0

    def add(self, file: int, first: int, frame: Any) -> bool:
        """Add a chunk, and return whether there is memory for it.

        Args:
            file: index of its file.
            first: index of its first row in the file.
            frame: all columns, a pandas DataFrame.
        """
        frame = _texts_only(frame)
        texts = sum(dtype.kind not in "iufb" for dtype in frame.dtypes)
        numbers = len(frame.columns) - texts
        self._bytes += len(frame) * (8 * numbers + TEXT_BYTES * texts)
        if self._bytes > self._budget:
            self.start()
            return False
        self._frames.append((file, first, frame))
        return True

    def complete(self) -> None:
        """Note that all rows have been added."""
        self._complete = True

    def serve(self, types: Mapping[str, type | None]) -> bool:
        """Return whether all rows are kept, with the columns and dtypes of ``types``."""
        return self._complete and all(_serves(frame, types) for _, _, frame in self._frames)

    def frames(self, file: int) -> Iterator[tuple[int, Any]]:
        """Yield the chunks of a file, each with the index of its first row."""
        for number, first, frame in self._frames:
            if number == file:
                yield first, frame


def _texts_only(frame: Any) -> Any:
    """Return a frame without columns in which pandas converted strings such as ``true``."""
    import pandas as pd

    objects = [name for name, dtype in frame.dtypes.items() if dtype is OBJECT]
    kinds = {name: pd.api.types.infer_dtype(frame[name], skipna=True) for name in objects}
    converted = [name for name, kind in kinds.items() if kind.startswith(("boolean", "mixed"))]
    return frame.drop(columns=converted) if converted else frame


def _serves(frame: Any, types: Mapping[str, type | None]) -> bool:
    kinds = {name: dtype.kind for name, dtype in frame.dtypes.items()}
    wanted = {float: "iuf", str: "OUTS"}
    return all(
        name in kinds and (type is None or kinds[name] in wanted[type])
        for name, type in types.items()
    )
