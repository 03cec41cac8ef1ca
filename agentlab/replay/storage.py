"""Storage for arrays such as frames: in memory, in a file, or compressed in memory."""

from __future__ import annotations

import importlib
import math
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agentlab.envs.shared_memory import reserve
from agentlab.errors import AgentlabError
from agentlab.replay.leaves import Array, Leaf


class Storage(ABC):
    """Stores ``rows * num_envs`` items, arrays of the same shape and dtype.

    The item of environment ``env`` in row ``row`` has the slot ``row * num_envs + env``.
    """

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes currently used, in memory or on disk."""

    @abstractmethod
    def write(self, row: int, items: Array) -> None:
        """Store the items of one row, ``[num_envs, ...]``."""

    @abstractmethod
    def take(self, slots: list[Array]) -> list[Array]:
        """Return copies of the items, ``[*slots.shape, ...]`` for each array of slots."""

    @abstractmethod
    def read_rows(self, rows: slice) -> dict[str, Array]:
        """Return the content of some rows as named arrays, for saving."""

    @abstractmethod
    def write_rows(self, rows: slice, arrays: Mapping[str, Array]) -> None:
        """Restore rows from the arrays that ``read_rows`` returned.

        Raises:
            ValueError: for arrays of another shape or dtype.
        """


class PlainStorage(Storage):
    """Items in one array, in memory or in a memory-mapped file.

    Args:
        rows: number of rows.
        num_envs: number of items in a row.
        leaf: shape and dtype of an item.
        path: folder for a memory-mapped file; ``None`` keeps the array in memory.

    Raises:
        AgentlabError: if the file cannot be created.
    """

    def __init__(
        self,
        rows: int,
        num_envs: int,
        leaf: Leaf,
        path: Path | None = None,
    ) -> None:
        shape, dtype = (rows, num_envs, *leaf.shape), leaf.stored
        self.array: Array = (
            np.zeros(shape, dtype) if path is None else _memory_map(path, shape, dtype)
        )
        self._flat = self.array.reshape(rows * num_envs, *leaf.shape).view(np.ndarray)

    @property
    def nbytes(self) -> int:
        return self.array.nbytes

    def write(self, row: int, items: Array) -> None:
        self.array[row] = items

    def take(self, slots: list[Array]) -> list[Array]:
        return [self._flat.take(chosen, axis=0) for chosen in slots]

    def read_rows(self, rows: slice) -> dict[str, Array]:
        return {"items": self.array[rows]}

    def write_rows(self, rows: slice, arrays: Mapping[str, Array]) -> None:
        target, items = self.array[rows], arrays["items"]
        if (items.shape, items.dtype) != (target.shape, target.dtype):
            raise ValueError(f"{items.dtype}{items.shape} instead of {target.dtype}{target.shape}")
        target[...] = items


def _memory_map(folder: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # An unnamed file, so nothing is left behind even if this process is killed.
        with tempfile.TemporaryFile(dir=folder) as file:
            # Without reserved space, writing to the file could kill the process.
            reserve(file, math.prod(shape) * dtype.itemsize)
            return np.memmap(file, dtype, "r+", shape=shape)
    except OSError as error:
        raise AgentlabError(
            f"path={str(folder)!r} cannot hold the replay buffer: {error.strerror or error}"
        ) from error


class CompressedStorage(Storage):
    """Items compressed individually with LZ4, which is fast rather than small.

    Args:
        rows: number of rows.
        num_envs: number of items in a row.
        leaf: shape and dtype of an item.

    Raises:
        AgentlabError: if the package ``lz4`` is not installed.
    """

    def __init__(self, rows: int, num_envs: int, leaf: Leaf) -> None:
        try:
            self._lz4: Any = importlib.import_module("lz4.block")
        except ImportError:
            raise AgentlabError("compress=True needs the package lz4: pip install lz4") from None
        self._num_envs, self._shape, self._dtype = num_envs, leaf.shape, leaf.stored
        self._size = int(np.prod(leaf.shape, dtype=np.int64)) * leaf.stored.itemsize
        self._items: list[bytes] = [b""] * (rows * num_envs)
        self._nbytes = sys.getsizeof(self._items)

    @property
    def nbytes(self) -> int:
        return self._nbytes

    def write(self, row: int, items: Array) -> None:
        compress = self._lz4.compress
        for slot, item in enumerate(items.astype(self._dtype), row * self._num_envs):
            self._put(slot, compress(item.tobytes(), store_size=False))

    def _put(self, slot: int, packed: bytes) -> None:
        old = self._items[slot]
        # All empty items are the same object, which takes no extra memory.
        self._nbytes += sys.getsizeof(packed) - (sys.getsizeof(old) if old else 0)
        self._items[slot] = packed

    def take(self, slots: list[Array]) -> list[Array]:
        all_slots = np.concatenate([array.ravel() for array in slots])
        unique, inverse = np.unique(all_slots, return_inverse=True)
        decompress, items, size = self._lz4.decompress, self._items, self._size
        unpacked = b"".join(
            [decompress(items[slot], uncompressed_size=size) for slot in unique.tolist()]
        )
        flat = np.frombuffer(unpacked, self._dtype).reshape(len(unique), *self._shape)
        ends = np.cumsum([array.size for array in slots])[:-1]
        return [
            flat.take(part.reshape(array.shape), axis=0)
            for array, part in zip(slots, np.split(inverse, ends), strict=True)
        ]

    def read_rows(self, rows: slice) -> dict[str, Array]:
        items = self._items[rows.start * self._num_envs : rows.stop * self._num_envs]
        return {
            "packed": np.frombuffer(b"".join(items), np.uint8),
            "lengths": np.array([len(item) for item in items], np.int64),
        }

    def write_rows(self, rows: slice, arrays: Mapping[str, Array]) -> None:
        packed, lengths = arrays["packed"].tobytes(), arrays["lengths"]
        first, count = rows.start * self._num_envs, (rows.stop - rows.start) * self._num_envs
        if lengths.shape != (count,) or lengths.min() < 1 or lengths.sum() != len(packed):
            raise ValueError("the lengths of the compressed items are wrong")
        ends = np.cumsum(lengths).tolist()
        for slot, (start, end) in enumerate(zip([0, *ends], ends, strict=False), first):
            self._put(slot, packed[start:end])
