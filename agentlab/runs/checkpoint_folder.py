"""The checkpoints of a run that is being written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentlab.errors import AgentlabError
from agentlab.runs import checkpoint as checkpoints
from agentlab.runs.aside import set_aside, tell
from agentlab.runs.checkpoint import Checkpoint
from agentlab.runs.files import TEMPORARY, remove


class CheckpointFolder:
    """The folder ``checkpoints/`` of a run, and which of its entries the run has written.

    Args:
        path: the folder.

    Attributes:
        lost: whether ``check`` found that the newest checkpoint has been deleted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lost = False
        self._known: list[str] = []  # names of the run's checkpoints, the newest last
        self._told: set[str] = set()

    def folders(self) -> list[Path]:
        """Return the folders of all checkpoints, valid or not, newest first."""
        return checkpoints.numbered(self.path)

    def newest(self) -> Checkpoint | None:
        """Return the newest intact checkpoint; see ``newest_whole``."""
        return checkpoints.newest_whole(self.path)

    def to_resume_from(self) -> Checkpoint | None:
        """Return the newest intact checkpoint, or ``None`` to train from the beginning.

        Raises:
            AgentlabError: if all checkpoints are damaged, or missing although the run has ended.
        """
        found, run = self.newest(), self.path.parent
        if found is None and (run / "learner").exists():
            raise AgentlabError(
                f"run={str(run)!r} cannot be resumed, because its checkpoints are gone; start a "
                f"new run (for an agent, with --init-from {run})"
            )
        if found is None and (run / "metrics.csv").exists():
            tell(f"run={str(run)!r} has no checkpoint yet, so training starts over")
        return found

    def save(
        self,
        number: int,
        step: int,
        write: Callable[[Path], None],
        state: dict[str, Any],
        keep: int,
    ) -> Path:
        """Write a checkpoint, remove all but the newest ``keep``, and return its folder.

        Raises:
            OSError: if the files cannot be written; nothing of the checkpoint is left then.
        """
        name = checkpoints.name_of(number)
        if name not in self._known and os.path.lexists(self.path / name):
            aside = set_aside(self.path / name, "is not a checkpoint of this run")
            self._told.add(aside.name)
        path = checkpoints.write_checkpoint(self.path, number, step, write, state)
        self._known.append(name)
        self.lost = False
        for old in self._known[:-keep]:
            remove(self.path / old)
        self._known = self._known[-keep:]
        return path

    def rewind(self, checkpoint: Checkpoint | None) -> None:
        """Remove the checkpoints newer than ``checkpoint``; all of them for ``None``."""
        checkpoints.remove_after(self.path, -1 if checkpoint is None else checkpoint.number)
        self._known = [path.name for path in checkpoints.numbered(self.path)[::-1]]

    def check(self) -> None:
        """Warn about checkpoints that were deleted, and files that were added."""
        left = [name for name in self._known if (self.path / name).is_dir()]
        if self._known and left[-1:] != self._known[-1:]:
            tell(f"{self.path / self._known[-1]} was deleted during training")
            self.lost = True
        self._known = left
        entries = os.listdir(self.path) if self.path.is_dir() else []
        for name in sorted(set(entries) - set(left) - self._told):
            if not name.startswith(TEMPORARY):
                self._told.add(name)
                tell(f"{self.path / name} is not a checkpoint of this run, and is not used")
