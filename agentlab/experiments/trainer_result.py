"""The result of a trainer's run, and its metrics on the test split in ``test.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentlab.errors import AgentlabError
from agentlab.experiments.data_splits import TrainingData
from agentlab.experiments.plan import Result
from agentlab.runs.files import reporting, write_json
from agentlab.runs.reading import read_json


@dataclass(frozen=True)
class TrainerResult(Result):
    """The result of a trainer's run.

    Attributes:
        epochs: number of completed epochs.
        metrics: metrics on the test split, by name; empty if interrupted.
    """

    epochs: int = 0
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def length(self) -> dict[str, int]:
        return {"epochs": self.epochs}


def write_test(metrics: Mapping[str, float], data: TrainingData, path: Path, **more: Any) -> None:
    """Write the metrics on the test split, and a description of the data, to ``test.json``."""
    content = {"metrics": metrics, "data": data.notes, **more}
    with reporting(f"{path / 'test.json'} cannot be written"):
        write_json(path / "test.json", content)


def read_test(path: Path) -> dict[str, float]:
    """Return the metrics that ``write_test`` wrote into the folder of a run.

    Raises:
        AgentlabError: for a missing or damaged file.
    """
    try:
        content = read_json(path / "test.json")["metrics"]
        return {name: float(value) for name, value in content.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AgentlabError(f"{path / 'test.json'} is damaged: {error!r}") from error
