"""The checkpoints of a run that is being written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentlab.runs import checkpoint as checkpoints
from agentlab.runs.checkpoint import Checkpoint
from agentlab.runs.files import TEMPORARY, remove
from agentlab.runs.watch import tell


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
            self._set_aside(name)
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
        """Tell what has been deleted or added since the last checkpoint."""
        left = [name for name in self._known if (self.path / name).is_dir()]
        if self._known and left[-1:] != self._known[-1:]:
            tell(f"{self.path / self._known[-1]} was deleted during training")
            self.lost = True
        self._known = left
        entries = os.listdir(self.path) if self.path.is_dir() else []
        for name in sorted(set(entries) - set(left) - self._told):
            if not name.startswith(TEMPORARY):
                self._told.add(name)
                tell(f"{self.path / name} is no checkpoint of this training, and is not used")

    def _set_aside(self, name: str) -> None:
        """Rename a stray entry that has the name of the next checkpoint."""
        path, aside = self.path / name, self.path / f"{name}.other"
        while os.path.lexists(aside):
            aside = aside.with_name(f"{aside.name}.other")
        os.rename(path, aside)
        self._told.add(aside.name)
        tell(f"{path} is no checkpoint of this training, and was renamed to {aside.name}")
