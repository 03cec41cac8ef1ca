"""The run of a process that trains with others, but leaves all writing to the chief."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from agentlab.runs.checkpoint import Checkpoint
from agentlab.runs.run import Run


class FollowingRun(Run):
    """A run that another process writes.

    It is read to resume from the chief's checkpoint; nothing is written, and no file is locked.
    """

    follows = True

    @classmethod
    def create(cls, root: Path | str, name: str, config: dict[str, Any]) -> Self:
        """Return the run; its folder is the chief's, and need not exist."""
        return cls(Path(root) / name, config)

    @classmethod
    def open(cls, path: Path | str, writing: bool = False) -> Self:
        """Open the chief's run to read it, whatever ``writing`` is."""
        return super().open(path)

    def place(self) -> Path:
        return self.path

    def log(self, step: int, metrics: Mapping[str, float], timings: Mapping[str, float]) -> None:
        pass

    def log_evaluation(self, step: int, results: Mapping[str, float]) -> None:
        pass

    def save_learner(self, name: str, write: Callable[[Path], None]) -> Path:
        return self.path / name

    def update_config(self, changes: Mapping[str, Any]) -> None:
        self.config = {**self.config, **changes}

    def histograms(self, step: int, values: Mapping[str, npt.NDArray[Any]]) -> None:
        pass

    def graph(self, concrete_function: Any) -> None:
        pass

    def image(self, tag: str, step: int, image: npt.NDArray[np.uint8]) -> None:
        pass

    def text(self, tag: str, step: int, markdown: str) -> None:
        pass

    def save_checkpoint(
        self, number: int, step: int, write: Callable[[Path], None], state: dict[str, Any]
    ) -> Path:
        return self.path / "checkpoints"

    def rewind(self, checkpoint: Checkpoint | None) -> None:
        pass
