"""The ring buffer of steps behind a replay buffer, and assembling transitions from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.replay.leaves import Array, check_array, flatten, frame_leaf, leaves_of, unflatten
from agentlab.replay.storage import CompressedStorage, PlainStorage, Storage

if TYPE_CHECKING:
    from agentlab.envs.vector import Step

Indices = npt.NDArray[np.int64]


class Ring:
    """A ring of ``rows`` rows, each a step of ``num_envs`` environments.

    Rows are numbered from the first one added. Row ``t`` is at position ``t % rows``, and the
    transition of environment ``e`` in it at slot ``position * num_envs + e``. The next observation
    of a row is the observation of the next row, so each observation is stored once; of stacked
    frames only the newest is stored.

    Args:
        observation_space: observation space of one environment.
        action_space: action space of one environment.
        rows: number of rows.
        num_envs: number of environments.
        frame_stack: number of frames in an observation; see ``ReplayBuffer``.
        n_step: number of rewards in a return.
        gamma: discount factor per step.
        compress: whether to compress observations.
        path: folder for a file of observations; ``None`` keeps them in memory.

    Attributes:
        count: number of rows added so far.
    """

    def __init__(
        self,
        observation_space: gymnasium.Space[Any],
        action_space: gymnasium.Space[Any],
        rows: int,
        num_envs: int,
        frame_stack: int,
        n_step: int,
        gamma: float,
        compress: bool,
        path: Path | None,
    ) -> None:
        self.rows, self.num_envs = rows, num_envs
        self.frame_stack, self.n_step = frame_stack, n_step
        self._observation_space, self._action_space = observation_space, action_space
        if frame_stack == 1:
            self.observation_leaves = leaves_of(observation_space)
        else:
            self.observation_leaves = [frame_leaf(observation_space, frame_stack)]
        self.action_leaves = leaves_of(action_space)
        self._observations: list[Storage] = []
        for leaf in self.observation_leaves:
            if compress:
                self._observations.append(CompressedStorage(rows, num_envs, leaf))
            else:
                self._observations.append(PlainStorage(rows, num_envs, leaf, path))
        self._actions = [PlainStorage(rows, num_envs, leaf) for leaf in self.action_leaves]
        self._rewards = np.zeros((rows, num_envs), np.float32)
        self._terminated = np.zeros((rows, num_envs), np.bool_)
        self._ended = np.zeros((rows, num_envs), np.bool_)
        # Rows since the start of the episode, up to frame_stack - 1.
        self._age = np.zeros((rows, num_envs), np.uint8)
        self._discounts = gamma ** np.arange(n_step + 1)
        self._step_offsets = np.arange(n_step)
        self._stack_offsets = np.arange(frame_stack - 1, -1, -1)
        # glibc returns the memory of each batch to the system, which makes sampling four times
        # slower, until a block of at least that size has been freed once.
        np.empty(31 << 20, np.uint8)
        self.clear()

    def clear(self) -> None:
        """Remove all rows."""
        self.count = 0
        self._next_age = np.zeros(self.num_envs, np.uint8)
        self._last: list[Array] = []  # the observations after the newest row
        # Final observations of truncated episodes by slot: the next row is of another episode.
        self._finals: dict[int, list[Array]] = {}

    @property
    def oldest(self) -> int:
        """The first row that can be sampled: its stack is still complete."""
        return 0 if self.count < self.rows else self.count - self.rows + self.frame_stack - 1

    @property
    def newest(self) -> int:
        """The last row that can be sampled: its next rows are stored. Negative if there is none."""
        return self.count - 1 - self.n_step

    @property
    def nbytes(self) -> int:
        """Bytes used: allocated arrays, and compressed observations at their current size."""
        finals = [array for final in self._finals.values() for array in final]
        arrays = [*self._columns.values(), *self._last, *finals]
        stored = sum(storage.nbytes for storage in self._storages.values())
        return stored + sum(array.nbytes for array in arrays)

    def add(self, step: Step) -> None:
        """Store a step, replacing the oldest row once the ring is full."""
        position = self.count % self.rows
        if self._finals and self._ended[position].any():
            for slot in np.flatnonzero(self._ended[position]) + position * self.num_envs:
                self._finals.pop(int(slot), None)
        for storage, array in zip(self._observations, self._stored(step.observations), strict=True):
            storage.write(position, array)
        actions = flatten(self._action_space, step.actions)
        for storage, array in zip(self._actions, actions, strict=True):
            storage.write(position, array)
        self._rewards[position] = step.rewards
        self._terminated[position] = step.terminated
        self._ended[position] = step.terminated | step.truncated
        if self.frame_stack > 1:
            self._age[position] = self._next_age
            older = np.minimum(self._next_age, self.frame_stack - 2) + 1
            # A lost life does not end the game, so the stack continues.
            self._next_age = np.where(step.episode_over | step.truncated, 0, older).astype(np.uint8)
        if step.truncated.any():
            truncated = step.truncated & ~step.terminated
            chosen = np.searchsorted(step.ended, np.flatnonzero(truncated))
            finals = self._stored(step.final_observations)
            self._store_finals(position, truncated, [array[chosen] for array in finals])
        self._last = self._stored(step.next_observations)
        self.count += 1

    def cut(self, envs: npt.NDArray[np.bool_]) -> None:
        """Truncate the unfinished episodes of some environments at the newest row."""
        position = (self.count - 1) % self.rows
        running = envs & ~self._ended[position]
        if self.count and running.any():
            self._store_finals(position, running, [array[running] for array in self._last])
            self._ended[position] |= running
        self._next_age = np.where(envs, 0, self._next_age).astype(np.uint8)

    def _store_finals(
        self, position: int, which: npt.NDArray[np.bool_], finals: list[Array]
    ) -> None:
        for i, slot in enumerate(np.flatnonzero(which) + position * self.num_envs):
            self._finals[int(slot)] = [
                np.array(array[i], leaf.stored)
                for array, leaf in zip(finals, self.observation_leaves, strict=True)
            ]

    def transitions(self, positions: Indices, envs: Indices) -> tuple[Any, Any, Array, Any, Array]:
        """Assemble transitions.

        Args:
            positions: positions of rows from ``oldest`` to ``newest``, int64 ``[b]``.
            envs: indices of environments, int64 ``[b]``.

        Returns:
            Observations, actions, returns, next observations and discounts, as in ``Batch``.
        """
        n = self.num_envs
        window = (positions[:, None] + self._step_offsets) % self.rows * n + envs[:, None]
        ended = self._ended.reshape(-1).take(window)
        used = np.ones_like(ended)  # rows up to the end of the episode
        used[:, 1:] = ~np.logical_or.accumulate(ended[:, :-1], axis=1)
        lengths = used.sum(axis=1)
        rewards = np.where(used, self._rewards.reshape(-1).take(window), 0)
        ends = np.arange(len(positions)), lengths - 1
        last = window[ends]
        terminated = self._terminated.reshape(-1).take(last)
        truncated = np.flatnonzero(ended[ends] & ~terminated)
        now = self._slots_of(positions, envs)
        after = self._slots_of((positions + lengths) % self.rows, envs)
        if self.frame_stack > 1 and len(truncated):
            # The final stack is the last one shifted by a frame; its newest frame is in _finals.
            after[truncated, :-1] = self._slots_of(last[truncated] // n, envs[truncated])[:, 1:]
        observations, next_observations = [], []
        for i, (storage, leaf) in enumerate(
            zip(self._observations, self.observation_leaves, strict=True)
        ):
            first, following = storage.take([now, after])
            for k in truncated:
                index = k if self.frame_stack == 1 else (k, -1)
                following[index] = self._finals[int(last[k])][i]
            observations.append(self._stacked(first).astype(leaf.dtype, copy=False))
            next_observations.append(self._stacked(following).astype(leaf.dtype, copy=False))
        actions = [
            storage.take([window[:, 0]])[0].astype(leaf.dtype, copy=False)
            for storage, leaf in zip(self._actions, self.action_leaves, strict=True)
        ]
        return (
            unflatten(self._observation_space, observations),
            unflatten(self._action_space, actions),
            (rewards * self._discounts[:-1]).sum(axis=1).astype(np.float32),
            unflatten(self._observation_space, next_observations),
            np.where(terminated, 0, self._discounts[lengths]).astype(np.float32),
        )

    def _slots_of(self, positions: Indices, envs: Indices) -> Indices:
        """Return the slots of observations: ``[b]``, or ``[b, frame_stack]`` for stacked frames."""
        slots = positions * self.num_envs + envs
        if self.frame_stack == 1:
            return slots
        back = np.minimum(self._stack_offsets, self._age.reshape(-1).take(slots)[:, None])
        stacks: Indices = (positions[:, None] - back) % self.rows * self.num_envs + envs[:, None]
        return stacks

    def _stored(self, observations: Any) -> list[Array]:
        """Return the arrays to store for observations ``[n, ...]``: of stacks the newest frame."""
        arrays = flatten(self._observation_space, observations)
        if self.frame_stack == 1:
            return arrays
        channels = arrays[0].shape[-1] // self.frame_stack
        return [arrays[0][..., -1] if channels == 1 else arrays[0][..., -channels:]]

    def _stacked(self, images: Array) -> Array:
        """Convert ``[b, stack, h, w]`` or ``[b, stack, h, w, c]`` to ``[b, h, w, stack * c]``."""
        if self.frame_stack == 1:
            return images
        if images.ndim == 4:
            return np.moveaxis(images, 1, -1)
        return np.moveaxis(images, 1, 3).reshape(*images.shape[:1], *images.shape[2:4], -1)

    @property
    def _columns(self) -> dict[str, Array]:
        return {
            "rewards": self._rewards,
            "terminated": self._terminated,
            "ended": self._ended,
            "age": self._age,
        }

    @property
    def _storages(self) -> dict[str, Storage]:
        named: dict[str, Storage] = {f"o{i}": s for i, s in enumerate(self._observations)}
        return named | {f"a{i}": s for i, s in enumerate(self._actions)}

    def read_rows(self, positions: slice) -> dict[str, Array]:
        """Return the content at some positions as named arrays, for saving."""
        arrays = {name: column[positions] for name, column in self._columns.items()}
        for storage_name, storage in self._storages.items():
            for name, array in storage.read_rows(positions).items():
                arrays[f"{storage_name}_{name}"] = array
        return arrays

    def write_rows(self, positions: slice, arrays: Mapping[str, Array]) -> None:
        """Restore the arrays that ``read_rows`` returned.

        Raises:
            KeyError, ValueError: for missing arrays, or another shape or dtype.
        """
        for name, column in self._columns.items():
            column[positions] = check_array(arrays[name], column[positions].shape, column.dtype)
        for storage_name, storage in self._storages.items():
            prefix = f"{storage_name}_"
            names = [name for name in arrays if name.startswith(prefix)]
            storage.write_rows(
                positions, {name.removeprefix(prefix): arrays[name] for name in names}
            )

    def extra_state(self) -> dict[str, Array]:
        """Return the state besides the rows as named arrays, for saving."""
        arrays: dict[str, Array] = {
            "next_age": self._next_age,
            "final_slots": np.array(list(self._finals), np.int64),
        }
        for i, leaf in enumerate(self.observation_leaves):
            finals = [final[i] for final in self._finals.values()]
            arrays[f"finals_{i}"] = np.array(finals, leaf.stored).reshape(-1, *leaf.shape)
            if self._last:
                arrays[f"last_{i}"] = self._last[i].astype(leaf.stored)
        return arrays

    def restore_extra_state(self, count: int, arrays: Mapping[str, Array]) -> None:
        """Restore the state that ``extra_state`` returned after ``count`` rows.

        Raises:
            KeyError, ValueError: for missing arrays, or another shape or dtype.
        """
        n, slots = self.num_envs, arrays["final_slots"].tolist()
        next_age = check_array(arrays["next_age"], (n,), np.dtype(np.uint8))
        finals, last = [], []
        for i, leaf in enumerate(self.observation_leaves):
            shape = (len(slots), *leaf.shape)
            finals.append(check_array(arrays[f"finals_{i}"], shape, leaf.stored))
            if count:
                last.append(check_array(arrays[f"last_{i}"], (n, *leaf.shape), leaf.stored))
        self._finals = {slot: [array[k].copy() for array in finals] for k, slot in enumerate(slots)}
        self._last, self._next_age, self.count = last, next_age, count
