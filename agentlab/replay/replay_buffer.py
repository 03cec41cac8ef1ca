"""The replay buffer: a ring of steps, each observation kept once, drawn from at random."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError
from agentlab.replay.ring import Ring, checked
from agentlab.replay.segments import Segments
from agentlab.replay.sum_tree import SumTree
from agentlab.runs.files import write_arrays, write_json
from agentlab.runs.reading import read_arrays, read_json

if TYPE_CHECKING:
    from agentlab.envs.vector import Step


@dataclass(slots=True)
class Batch:
    """Transitions drawn from a replay. Dict and Tuple spaces give dicts and tuples of arrays.

    Attributes:
        observations: ``[b, ...]``. Stacked images are a view of ``[b, stack, h, w]`` in memory:
            ``np.moveaxis(observations, -1, 1)`` gives that back at no cost.
        actions: ``[b, ...]``, of the action space's dtype.
        returns: discounted sums of up to ``n_step`` rewards, float32 ``[b]``.
        next_observations: what followed the last of these rewards, ``[b, ...]``; of no meaning
            where ``discounts`` is 0.
        discounts: what a value of ``next_observations`` counts, float32 ``[b]``: ``gamma ** m``
            after ``m`` rewards, 0 where the task terminated.
        weights: importance weights, float32 ``[b]``; 1 where sampling is uniform.
        indices: where the transitions lie, int64 ``[b]``; for ``update_priorities``.
    """

    observations: Any
    actions: Any
    returns: npt.NDArray[np.float32]
    next_observations: Any
    discounts: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    indices: npt.NDArray[np.int64]


class ReplayBuffer:
    """The last ``capacity`` transitions of a vector of environments.

    Each observation is held once. Of stacked images only the newest is held, and stacks are put
    together again when drawn; they never reach over an episode's edge: an episode begins with its
    first image repeated.

    Args:
        observation_space: of one environment.
        action_space: of one environment.
        capacity: transitions; rounded down to whole rows.
        num_envs: environments a step is made in.
        frame_stack: how many images an observation ``[h, w, c * frame_stack]`` consists of, the
            newest last.
        n_step: rewards that are summed before bootstrapping (Sutton & Barto 2018, section 7.1).
        gamma: discount factor a step.
        alpha: how strongly priorities bend the sampling, from 0 (not at all) to 1 (in proportion);
            ``None`` for uniform sampling without priorities. Schaul et al. 2016, "Prioritized
            Experience Replay", section 3.3.
        compress: keep observations compressed (LZ4): smaller, but slower to draw.
        path: a folder to keep observations in instead of in memory; made if missing.

    Raises:
        AgentlabError: for a value out of range, a space that cannot be replayed, a ``path`` that
            cannot be written to, or a missing package.
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
                raise AgentlabError(f"{name}={value} must be 1 or more")
        if not 1 <= frame_stack <= 256:
            raise AgentlabError(f"frame_stack={frame_stack} must be from 1 to 256")
        _check_share("gamma", gamma)
        if alpha is not None:
            _check_share("alpha", alpha)
        if compress and path is not None:
            raise AgentlabError(f"path={str(path)!r} must be none with compress=True")
        least = (n_step + frame_stack + 1) * num_envs
        if capacity < least:
            raise AgentlabError(
                f"capacity={capacity} must be {least} or more for num_envs={num_envs}, "
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
        self._highest = 1.0  # of the priorities so far, to the power of alpha
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
        """Return how many transitions can be drawn now."""
        return max(0, self._ring.newest + 1 - self._ring.oldest) * self.num_envs

    @property
    def nbytes(self) -> int:
        """Bytes held now, in memory or at ``path``.

        Arrays count as allocated, compressed observations as large as they are now.
        """
        return self._ring.nbytes + (0 if self._tree is None else self._tree.nbytes)

    def add(self, step: Step) -> None:
        """Store one step of all environments: the rewards to learn from, not the raw ones.

        ``step.next_observations`` must not be overwritten before the next ``add``.

        Raises:
            AgentlabError: where the step is of another number of environments.
        """
        if len(step.rewards) != self.num_envs:
            raise AgentlabError(
                f"the replay was made for {self.num_envs} environments, "
                f"but the step is of {len(step.rewards)}"
            )
        ring = self._ring
        self._segments.touch(ring.count % ring.rows)
        before = ring.oldest
        ring.add(step)
        if self._tree is not None:
            self._move_priorities(self._tree, before)

    def _move_priorities(self, tree: SumTree, before: int) -> None:
        """Let in the row whose next rows are now complete, and shut out those that are lost."""
        ring = self._ring
        lost = range(before, ring.oldest)
        entering = range(max(ring.newest, 0), ring.newest + 1)
        rows = np.array([*lost, *entering], np.int64)
        values = np.array([0.0] * len(lost) + [self._highest] * len(entering))
        slots = rows[:, None] % ring.rows * self.num_envs + np.arange(self.num_envs)
        if len(rows):
            tree.update(slots.ravel(), values.repeat(self.num_envs))

    def cut(self) -> None:
        """Note that the environments are about to be reset: all episodes are truncated here."""
        self._segments.touch((self._ring.count - 1) % self._ring.rows)
        self._ring.cut()

    def sample(self, batch: int, rng: np.random.Generator, beta: float = 1.0) -> Batch:
        """Draw transitions, with replacement.

        Without priorities all are equally likely. With them, the total of the priorities is cut
        into ``batch`` equal parts and one transition drawn from each (Schaul et al. 2016, appendix
        B.2.1); the weights are ``(N * P(i)) ** -beta``, divided by the largest in the batch
        (section 3.4).

        Args:
            batch: how many; may exceed ``len(self)``.
            rng: where chance comes from.
            beta: how fully weights make up for the bent sampling, from 0 to 1.

        Raises:
            AgentlabError: while there is no transition yet, or for a value out of range.
        """
        if batch < 1:
            raise AgentlabError(f"batch={batch} must be 1 or more")
        _check_share("beta", beta)
        size = len(self)
        if size == 0:
            raise AgentlabError(
                f"the replay has no transition to draw yet: add {self.n_step + 1} steps or more"
            )
        if self._tree is None:
            rows, envs = np.divmod(rng.integers(size, size=batch), self.num_envs)
            places = (rows + self._ring.oldest) % self._ring.rows
            slots = places * self.num_envs + envs
            weights = np.ones(batch, np.float32)
        else:
            total = self._tree.total
            slots = self._tree.find((np.arange(batch) + rng.random(batch)) * (total / batch))
            places, envs = np.divmod(slots, self.num_envs)
            scaled = (size / total * self._tree.values(slots)) ** -beta
            weights = (scaled / scaled.max()).astype(np.float32)
        return Batch(*self._ring.transitions(places, envs), weights, slots)

    def update_priorities(self, indices: npt.ArrayLike, priorities: npt.ArrayLike) -> None:
        """Set the priorities of transitions that ``sample`` returned.

        What can no longer be drawn is passed over.

        Args:
            indices: ``Batch.indices``, ``[b]``.
            priorities: numbers above 0, ``[b]``, such as ``abs(error) + epsilon``; kept as
                ``priority ** alpha``.

        Raises:
            AgentlabError: for priorities that are not above 0, or a replay without ``alpha``.
        """
        if self._tree is None or self.alpha is None:
            raise AgentlabError("alpha=None must be a number for a replay with priorities")
        slots, values = np.asarray(indices, np.int64), np.asarray(priorities, np.float64)
        if not ((values > 0) & (values < np.inf)).all():
            raise AgentlabError(f"priorities={values} must be finite numbers above 0")
        values = np.broadcast_to(values**self.alpha, slots.shape)
        held = self._tree.values(slots) > 0
        if held.any():
            self._tree.update(slots[held], values[held])
            self._highest = max(self._highest, float(values[held].max()))

    def save(self, directory: Path | str) -> None:
        """Write everything to ``directory``, made if missing.

        Rows that have not changed since the last ``save`` or ``load`` are linked to the files of
        then, which may lie in a folder that has been renamed since.

        Raises:
            OSError: where the disk is full or refuses.
        """
        directory, ring = Path(directory), self._ring
        directory.mkdir(parents=True, exist_ok=True)
        self._segments.save(directory, min(ring.count, ring.rows), ring.read_rows)
        extra = ring.aside()
        if self._tree is not None:
            extra["priorities"] = self._tree.values(np.arange(self._tree.size))
        write_arrays(directory / "extra.npz", extra)
        described = {"settings": self._settings, "count": ring.count, "highest": self._highest}
        write_json(directory / "replay.json", described)

    def load(self, directory: Path | str) -> None:
        """Take back what ``save`` wrote, into this buffer.

        Afterwards equal generators give equal batches, bit for bit, and equal steps keep them so.
        A replay whose loading failed is empty.

        Raises:
            AgentlabError: for missing or damaged files, or those of another replay.
        """
        directory, ring = Path(directory), self._ring
        try:
            described = read_json(directory / "replay.json")
            settings, count = described["settings"], int(described["count"])
            highest = float(described["highest"])
            if count < 0:
                raise ValueError(f"count={count}")
        except FileNotFoundError:
            raise AgentlabError(f"{directory} holds no replay: there is no replay.json") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AgentlabError(f"{directory / 'replay.json'} is damaged: {error}") from error
        if settings != self._settings:
            raise AgentlabError(f"{directory} holds another replay: {self._difference(settings)}")
        self._empty()
        try:
            self._segments.load(directory, min(count, ring.rows), ring.write_rows)
            extra = read_arrays(directory / "extra.npz")
            if self._tree is not None:
                values = checked(extra["priorities"], (self._tree.size,), np.dtype(np.float64))
                self._tree.update(np.arange(self._tree.size), values)
            ring.take_aside(count, extra)
        except Exception as error:  # whatever a damaged file makes the readers raise
            self._empty()
            raise AgentlabError(
                f"{directory} holds no readable replay: {type(error).__name__}: {error}"
            ) from error
        self._highest = highest

    def _difference(self, settings: Any) -> str:
        if not isinstance(settings, dict):
            return "its settings are damaged"
        for name, mine in self._settings.items():
            if settings.get(name) != mine:
                return f"its {name} is {settings.get(name)}, not {mine}"
        return "it has unknown settings"

    def _empty(self) -> None:
        self._ring.clear()
        self._segments.forget()
        self._highest = 1.0
        if self._tree is not None:
            self._tree = SumTree(self._tree.size)


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise AgentlabError(f"{name}={value} must be from 0 to 1")
