"""The ring of steps that a replay keeps, and how transitions are put together from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError
from agentlab.replay.leaves import Array, Leaf, flatten, leaves_of, unflatten
from agentlab.replay.storage import CompressedStorage, PlainStorage, Storage

if TYPE_CHECKING:
    from agentlab.envs.vector import Step

Indices = npt.NDArray[np.int64]


class Ring:
    """``rows`` rows, each one step of ``num_envs`` environments; the newest replaces the oldest.

    Rows are counted from the very first; row ``t`` lies at place ``t % rows``, and its step of
    environment ``e`` at slot ``place * num_envs + e``. The next observation of a row is the row
    after it, so that each observation is held once; of stacked images only the newest is held.

    Args:
        observation_space: of one environment.
        action_space: of one environment.
        rows: how many rows.
        num_envs: environments a step is made in.
        frame_stack: images in an observation; see ``ReplayBuffer``.
        n_step: rewards in a return.
        gamma: discount factor a step.
        compress: keep observations compressed.
        path: a folder to keep observations in; ``None`` for memory.

    Attributes:
        count: rows added in all.
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
            self.observation_leaves = [_image_of(observation_space, frame_stack)]
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
        # Rows since the episode's first, as far as a stack reaches back.
        self._age = np.zeros((rows, num_envs), np.uint8)
        self._powers = gamma ** np.arange(n_step + 1)
        self._ahead = np.arange(n_step)
        self._back = np.arange(frame_stack - 1, -1, -1)
        # Until glibc has once freed a block as large as a batch, it gives the memory of each batch
        # back to the system, and the next batch takes four times as long.
        np.empty(31 << 20, np.uint8)
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        self.count = 0
        self._next_age = np.zeros(self.num_envs, np.uint8)
        self._last: list[Array] = []  # what follows the newest row; needed where that is cut
        # By slot, what truncated episodes ended with: the row after them shows another episode.
        self._finals: dict[int, list[Array]] = {}

    @property
    def oldest(self) -> int:
        """The first row that can be drawn: its stack is still complete."""
        return 0 if self.count < self.rows else self.count - self.rows + self.frame_stack - 1

    @property
    def newest(self) -> int:
        """The last row that can be drawn: the rows after it are there. Negative where none is."""
        return self.count - 1 - self.n_step

    @property
    def nbytes(self) -> int:
        """Bytes held: arrays as allocated, compressed observations as they are."""
        arrays = [*self._columns.values(), *self._last]
        for final in self._finals.values():
            arrays += final
        stored = sum(storage.nbytes for storage in self._storages.values())
        return stored + sum(array.nbytes for array in arrays)

    def add(self, step: Step) -> None:
        """Store a step in the place of the oldest row."""
        place = self.count % self.rows
        if self._finals and self._ended[place].any():
            for slot in np.flatnonzero(self._ended[place]) + place * self.num_envs:
                self._finals.pop(int(slot), None)
        for storage, array in zip(self._observations, self._stored(step.observations), strict=True):
            storage.write(place, array)
        acted = flatten(self._action_space, step.actions)
        for actions, array in zip(self._actions, acted, strict=True):
            actions.write(place, array)
        self._rewards[place] = step.rewards
        self._terminated[place] = step.terminated
        self._ended[place] = step.terminated | step.truncated
        if self.frame_stack > 1:
            self._age[place] = self._next_age
            older = np.minimum(self._next_age, self.frame_stack - 2) + 1
            # A game that goes on after a lost life keeps its stack.
            self._next_age = np.where(step.episode_over | step.truncated, 0, older).astype(np.uint8)
        if step.truncated.any():
            cut = step.truncated & ~step.terminated
            among = np.searchsorted(step.ended, np.flatnonzero(cut))
            finals = self._stored(step.final_observations)
            self._keep_finals(place, cut, [array[among] for array in finals])
        self._last = self._stored(step.next_observations)
        self.count += 1

    def cut(self) -> None:
        """Truncate all episodes at the newest row."""
        place = (self.count - 1) % self.rows
        running = ~self._ended[place]
        if self.count and running.any():
            self._keep_finals(place, running, [array[running] for array in self._last])
            self._ended[place] = True
        self._next_age = np.zeros(self.num_envs, np.uint8)

    def _keep_finals(self, place: int, which: npt.NDArray[np.bool_], finals: list[Array]) -> None:
        for i, slot in enumerate(np.flatnonzero(which) + place * self.num_envs):
            self._finals[int(slot)] = [
                np.array(array[i], leaf.stored)
                for array, leaf in zip(finals, self.observation_leaves, strict=True)
            ]

    def transitions(self, places: Indices, envs: Indices) -> tuple[Any, Any, Array, Any, Array]:
        """Put transitions together.

        Args:
            places: ``[b]``, of rows from ``oldest`` to ``newest``.
            envs: ``[b]``.

        Returns:
            Observations, actions, returns, next observations and discounts, as in ``Batch``.
        """
        n = self.num_envs
        window = (places[:, None] + self._ahead) % self.rows * n + envs[:, None]
        ended = self._ended.reshape(-1).take(window)
        used = np.ones_like(ended)  # rows up to the first that ends an episode
        used[:, 1:] = ~np.logical_or.accumulate(ended[:, :-1], axis=1)
        lengths = used.sum(axis=1)
        rewards = np.where(used, self._rewards.reshape(-1).take(window), 0)
        ends = np.arange(len(places)), lengths - 1
        last = window[ends]
        terminated = self._terminated.reshape(-1).take(last)
        cut = np.flatnonzero(ended[ends] & ~terminated)
        now = self._slots_of(places, envs)
        after = self._slots_of((places + lengths) % self.rows, envs)
        if self.frame_stack > 1 and len(cut):
            # The final stack is the last one moved by one; its newest image was kept aside.
            after[cut, :-1] = self._slots_of(last[cut] // n, envs[cut])[:, 1:]
        observations, next_observations = [], []
        for i, (storage, leaf) in enumerate(
            zip(self._observations, self.observation_leaves, strict=True)
        ):
            first, following = storage.take([now, after])
            for k in cut:
                place = k if self.frame_stack == 1 else (k, -1)
                following[place] = self._finals[int(last[k])][i]
            observations.append(self._stacked(first).astype(leaf.dtype, copy=False))
            next_observations.append(self._stacked(following).astype(leaf.dtype, copy=False))
        actions = [
            storage.take([window[:, 0]])[0].astype(leaf.dtype, copy=False)
            for storage, leaf in zip(self._actions, self.action_leaves, strict=True)
        ]
        return (
            unflatten(self._observation_space, observations),
            unflatten(self._action_space, actions),
            (rewards * self._powers[:-1]).sum(axis=1).astype(np.float32),
            unflatten(self._observation_space, next_observations),
            np.where(terminated, 0, self._powers[lengths]).astype(np.float32),
        )

    def _slots_of(self, places: Indices, envs: Indices) -> Indices:
        """Where observations lie: ``[b]``, or for stacked images ``[b, frame_stack]``."""
        slots = places * self.num_envs + envs
        if self.frame_stack == 1:
            return slots
        back = np.minimum(self._back, self._age.reshape(-1).take(slots)[:, None])
        stacks: Indices = (places[:, None] - back) % self.rows * self.num_envs + envs[:, None]
        return stacks

    def _stored(self, observations: Any) -> list[Array]:
        """What is stored of observations ``[n, ...]``: of stacked images the newest."""
        arrays = flatten(self._observation_space, observations)
        if self.frame_stack == 1:
            return arrays
        channels = arrays[0].shape[-1] // self.frame_stack
        return [arrays[0][..., -1] if channels == 1 else arrays[0][..., -channels:]]

    def _stacked(self, images: Array) -> Array:
        """Turn ``[b, stack, h, w]`` or ``[b, stack, h, w, c]`` into ``[b, h, w, stack * c]``."""
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

    def read_rows(self, places: slice) -> dict[str, Array]:
        """Return all that is held at some places, as named arrays."""
        arrays = {name: column[places] for name, column in self._columns.items()}
        for storage_name, storage in self._storages.items():
            for name, array in storage.read_rows(places).items():
                arrays[f"{storage_name}_{name}"] = array
        return arrays

    def write_rows(self, places: slice, arrays: Mapping[str, Array]) -> None:
        """Take back what ``read_rows`` returned.

        Raises:
            KeyError, ValueError: where arrays are missing, or are of another shape or dtype.
        """
        for name, column in self._columns.items():
            column[places] = checked(arrays[name], column[places].shape, column.dtype)
        for storage_name, storage in self._storages.items():
            prefix = f"{storage_name}_"
            names = [name for name in arrays if name.startswith(prefix)]
            storage.write_rows(places, {name.removeprefix(prefix): arrays[name] for name in names})

    def aside(self) -> dict[str, Array]:
        """Return what is held beside the rows, as named arrays."""
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

    def take_aside(self, count: int, arrays: Mapping[str, Array]) -> None:
        """Take back what ``aside`` returned after ``count`` rows.

        Raises:
            KeyError, ValueError: where arrays are missing, or are of another shape or dtype.
        """
        n, slots = self.num_envs, arrays["final_slots"].tolist()
        next_age = checked(arrays["next_age"], (n,), np.dtype(np.uint8))
        finals, last = [], []
        for i, leaf in enumerate(self.observation_leaves):
            shape = (len(slots), *leaf.shape)
            finals.append(checked(arrays[f"finals_{i}"], shape, leaf.stored))
            if count:
                last.append(checked(arrays[f"last_{i}"], (n, *leaf.shape), leaf.stored))
        self._finals = {slot: [array[k].copy() for array in finals] for k, slot in enumerate(slots)}
        self._last, self._next_age, self.count = last, next_age, count


def checked(array: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return ``array`` if it is of that shape and dtype, and raise ``ValueError`` otherwise."""
    if (array.shape, array.dtype) != (shape, dtype):
        raise ValueError(f"{array.dtype}{array.shape} instead of {dtype}{shape}")
    return array


def _image_of(space: gymnasium.Space[Any], stack: int) -> Leaf:
    """The single image that stacked observations consist of."""
    if not (
        isinstance(space, gymnasium.spaces.Box)
        and len(space.shape) == 3
        and space.shape[-1] % stack == 0
    ):
        raise AgentlabError(
            f"frame_stack={stack} must be 1 for {space}: stacks need a Box [h, w, c * frame_stack]"
        )
    height, width, channels = space.shape
    dtype = np.dtype(space.dtype)
    if channels == stack:
        return Leaf((height, width), dtype, dtype)
    return Leaf((height, width, channels // stack), dtype, dtype)
