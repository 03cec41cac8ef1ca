"""The replay buffer: a ring of steps that stores each observation once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.replay.batch import Batch
from agentlab.replay.description import Description
from agentlab.replay.leaves import check_array
from agentlab.replay.ring import Ring
from agentlab.replay.segments import Segments
from agentlab.replay.sum_tree import SumTree
from agentlab.runs.files import write_arrays
from agentlab.runs.reading import read_arrays

if TYPE_CHECKING:
    from agentlab.envs.vector import Step


class ReplayBuffer:
    """A replay buffer of the last ``capacity`` transitions of a vector of environments.

    Each observation is stored once. Of stacked frames only the newest is stored, and stacks are
    reassembled when they are sampled. A stack never spans two episodes: at the start of an episode
    the first frame is repeated.

    Args:
        observation_space: observation space of one environment.
        action_space: action space of one environment.
        capacity: number of transitions, rounded down to a multiple of ``num_envs``.
        num_envs: number of environments.
        frame_stack: number of frames in an observation ``[h, w, c * frame_stack]``, the newest
            last.
        n_step: number of rewards summed before bootstrapping (Sutton & Barto 2018, section 7.1).
        gamma: discount factor per step.
        alpha: exponent of the priorities, from 0 (uniform sampling) to 1 (in proportion to the
            priorities); ``None`` for none. Schaul et al. 2016, "Prioritized Experience
            Replay", section 3.3.
        compress: whether to compress observations with LZ4: smaller, but slower to sample.
        path: folder, created if it does not exist, for observations kept on disk instead of in
            memory.

    Raises:
        InvalidArgument: for a value out of range, or a space whose elements are not arrays.
        AgentlabError: if ``path`` is not writable, or the package for ``compress`` is missing.

    >>> import agentlab
    >>> with agentlab.make_envs("CartPole-v1", 2) as envs:
    ...     replay = ReplayBuffer(envs.observation_space, envs.action_space, 1000, num_envs=2)
    ...     _ = envs.reset(seed=0)
    ...     for _ in range(10):
    ...         replay.add(envs.step(np.array([0, 1])))
    >>> len(replay)
    18
    >>> batch = replay.sample(32, np.random.default_rng(0))
    >>> batch.observations.shape, batch.returns.shape
    ((32, 4), (32,))
    """

    def __init__(
        self,
        observation_space: gymnasium.Space[Any],
        action_space: gymnasium.Space[Any],
        capacity: int,
        num_envs: int = 1,
        *,
        frame_stack: int = 1,
        n_step: int = 1,
        gamma: float = 0.99,
        alpha: float | None = None,
        compress: bool = False,
        path: Path | str | None = None,
    ) -> None:
        for name, value in {"num_envs": num_envs, "n_step": n_step}.items():
            if value < 1:
                raise InvalidArgument(f"{name}={value} must be 1 or more")
        if not 1 <= frame_stack <= 256:
            raise InvalidArgument(f"frame_stack={frame_stack} must be from 1 to 256")
        _check_fraction("gamma", gamma)
        if alpha is not None:
            _check_fraction("alpha", alpha)
        if compress and path is not None:
            raise InvalidArgument(f"path={str(path)!r} must be none with compress=True")
        minimum = (n_step + frame_stack + 1) * num_envs
        if capacity < minimum:
            raise InvalidArgument(
                f"capacity={capacity} must be {minimum} or more for num_envs={num_envs}, "
                f"n_step={n_step} and frame_stack={frame_stack}"
            )
        self.num_envs, self.frame_stack, self.n_step = num_envs, frame_stack, n_step
        self.gamma, self.alpha = gamma, alpha
        rows = capacity // num_envs
        self._ring = Ring(
            observation_space,
            action_space,
            rows,
            num_envs,
            frame_stack,
            n_step,
            gamma,
            compress,
            None if path is None else Path(path),
        )
        self._tree = None if alpha is None else SumTree(rows * num_envs)
        self._max_priority = 1.0  # so far, to the power of alpha
        self._segments = Segments(rows)
        self._settings = {
            "rows": rows,
            "num_envs": num_envs,
            "frame_stack": frame_stack,
            "n_step": n_step,
            "gamma": gamma,
            "alpha": alpha,
            "compress": compress,
            "observations": [
                [list(leaf.shape), leaf.stored.str] for leaf in self._ring.observation_leaves
            ],
            "actions": [[list(leaf.shape), leaf.stored.str] for leaf in self._ring.action_leaves],
        }

    def __len__(self) -> int:
        """Return how many transitions can be sampled now."""
        return max(0, self._ring.newest + 1 - self._ring.oldest) * self.num_envs

    @property
    def nbytes(self) -> int:
        """Bytes currently used, in memory or at ``path``.

        Arrays count as allocated, compressed observations at their current size.
        """
        return self._ring.nbytes + (0 if self._tree is None else self._tree.nbytes)

    def add(self, step: Step) -> None:
        """Store one step of all environments, with ``rewards``, not ``raw_rewards``.

        ``step.next_observations`` must not be overwritten before the next ``add``.

        Raises:
            InvalidArgument: for a step of another number of environments.
        """
        if len(step.rewards) != self.num_envs:
            raise InvalidArgument(
                f"the replay buffer has num_envs={self.num_envs}, but the step has "
                f"{len(step.rewards)} environments"
            )
        ring = self._ring
        self._segments.mark_changed(ring.count % ring.rows)
        oldest = ring.oldest
        ring.add(step)
        if self._tree is not None:
            self._update_tree(self._tree, oldest)

    def _update_tree(self, tree: SumTree, oldest: int) -> None:
        """Give rows that can now be sampled the highest priority, and rows before them none.

        Args:
            tree: the priorities.
            oldest: the oldest row that could be sampled before the last ``add``.
        """
        ring = self._ring
        lost = range(oldest, ring.oldest)
        new = range(max(ring.newest, 0), ring.newest + 1)
        rows = np.array([*lost, *new], np.int64)
        values = np.array([0.0] * len(lost) + [self._max_priority] * len(new))
        slots = rows[:, None] % ring.rows * self.num_envs + np.arange(self.num_envs)
        if len(rows):
            tree.update(slots.ravel(), values.repeat(self.num_envs))

    def cut(self, envs: npt.NDArray[np.bool_] | None = None) -> None:
        """Truncate unfinished episodes, because their environments are reset.

        Args:
            envs: bool ``[num_envs]``, true for the environments that are reset; ``None`` for all.
        """
        self._segments.mark_changed((self._ring.count - 1) % self._ring.rows)
        self._ring.cut(np.ones(self.num_envs, np.bool_) if envs is None else envs)

    def sample(self, batch: int, rng: np.random.Generator, beta: float = 1.0) -> Batch:
        """Sample a minibatch of transitions, with replacement.

        Without priorities sampling is uniform. With priorities it is stratified: their total is
        divided into ``batch`` equal ranges and one transition is sampled from each (Schaul et al.
        2016, appendix B.2.1). The weights are ``(N * P(i)) ** -beta``, divided by the largest
        weight in the batch (section 3.4).

        Args:
            batch: size of the minibatch; may exceed ``len(self)``.
            rng: random number generator.
            beta: exponent of the importance sampling weights, from 0 (none) to 1 (unbiased).

        Raises:
            InvalidArgument: for a value out of range.
            AgentlabError: if there is no complete transition yet.
        """
        if batch < 1:
            raise InvalidArgument(f"batch={batch} must be 1 or more")
        _check_fraction("beta", beta)
        size = len(self)
        if size == 0:
            raise AgentlabError(
                f"the replay buffer has no complete transition yet: add {self.n_step + 1} steps "
                "or more"
            )
        if self._tree is None:
            rows, envs = np.divmod(rng.integers(size, size=batch), self.num_envs)
            positions = (rows + self._ring.oldest) % self._ring.rows
            slots = positions * self.num_envs + envs
            weights = np.ones(batch, np.float32)
        else:
            total = self._tree.total
            slots = self._tree.find((np.arange(batch) + rng.random(batch)) * (total / batch))
            positions, envs = np.divmod(slots, self.num_envs)
            scaled = (size / total * self._tree.values(slots)) ** -beta
            weights = (scaled / scaled.max()).astype(np.float32)
        return Batch(*self._ring.transitions(positions, envs), weights, slots)

    def update_priorities(self, indices: npt.ArrayLike, priorities: npt.ArrayLike) -> None:
        """Set the priorities of sampled transitions.

        Transitions that have since been overwritten are ignored.

        Args:
            indices: ``Batch.indices``, ``[b]``.
            priorities: positive numbers, ``[b]``, such as ``abs(td_error) + epsilon``; stored as
                ``priority ** alpha``.

        Raises:
            InvalidArgument: for priorities that are not positive, or a buffer without ``alpha``.
        """
        if self._tree is None or self.alpha is None:
            raise InvalidArgument("alpha=None must be a number for a replay buffer with priorities")
        slots, values = np.asarray(indices, np.int64), np.asarray(priorities, np.float64)
        if not ((values > 0) & (values < np.inf)).all():
            raise InvalidArgument(f"priorities={values} must be finite numbers above 0")
        values = np.broadcast_to(values**self.alpha, slots.shape)
        valid = self._tree.values(slots) > 0
        if valid.any():
            self._tree.update(slots[valid], values[valid])
            self._max_priority = max(self._max_priority, float(values[valid].max()))

    def save(self, directory: Path | str) -> None:
        """Save the buffer to ``directory``, which is created if it does not exist.

        Rows that have not changed since the last ``save`` or ``load`` become hard links to the
        files of that time, even if their folder has been renamed since.

        Raises:
            OSError: if the files cannot be written.
        """
        directory, ring = Path(directory), self._ring
        directory.mkdir(parents=True, exist_ok=True)
        self._segments.save(directory, min(ring.count, ring.rows), ring.read_rows)
        extra = ring.extra_state()
        if self._tree is not None:
            extra["priorities"] = self._tree.values(np.arange(self._tree.size))
        write_arrays(directory / "extra.npz", extra)
        Description(self._settings, ring.count, self._max_priority).write(directory)

    def load(self, directory: Path | str) -> None:
        """Load what ``save`` wrote into this buffer.

        The buffer then behaves exactly like the saved one: the same generator samples the same
        batches, bit for bit. If loading fails, the buffer is empty.

        Raises:
            AgentlabError: for missing or damaged files, or files of a buffer with other settings.
        """
        directory, ring = Path(directory), self._ring
        saved = Description.read(directory)
        saved.check_settings(self._settings, directory)
        self._clear()
        try:
            self._segments.load(directory, min(saved.count, ring.rows), ring.write_rows)
            extra = read_arrays(directory / "extra.npz")
            if self._tree is not None:
                values = check_array(extra["priorities"], (self._tree.size,), np.dtype(np.float64))
                self._tree.update(np.arange(self._tree.size), values)
            ring.restore_extra_state(saved.count, extra)
        except Exception as error:  # damaged files can raise anything
            self._clear()
            raise AgentlabError(
                f"{directory} holds no readable replay buffer: {type(error).__name__}: {error}"
            ) from error
        self._max_priority = saved.max_priority

    def _clear(self) -> None:
        self._ring.clear()
        self._segments.clear()
        self._max_priority = 1.0
        if self._tree is not None:
            self._tree = SumTree(self._tree.size)


def _check_fraction(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InvalidArgument(f"{name}={value} must be from 0 to 1")
