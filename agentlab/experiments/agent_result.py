"""The result of an agent's run, and its final evaluation in ``evaluation.json``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agentlab.agents.evaluation import Evaluation
from agentlab.errors import AgentlabError
from agentlab.experiments.plan import Result
from agentlab.runs.files import reporting, write_json
from agentlab.runs.reading import read_json


@dataclass(frozen=True)
class AgentResult(Result):
    """The result of an agent's run.

    Attributes:
        steps: total number of environment steps.
        evaluation: the final evaluation, or ``None``.
        best: the folder of the best agent in evaluations during training, or ``None``.
    """

    steps: int = 0
    evaluation: Evaluation | None = None
    best: Path | None = None

    @property
    def length(self) -> dict[str, int]:
        return {"steps": self.steps}


def read_evaluation(path: Path) -> Evaluation | None:
    """Return what ``write_evaluation`` wrote; ``None`` if there was no evaluation.

    Raises:
        AgentlabError: for a damaged file.
    """
    try:
        content = read_json(path)
        returns, lengths = np.array(content["returns"], float), np.array(content["lengths"], int)
        return Evaluation(returns, lengths, int(content.get("cut", 0)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AgentlabError(f"{path} is damaged: {error!r}") from error


def write_evaluation(played: Evaluation, path: Path) -> str:
    """Write an evaluation to ``path`` and return a one-line summary."""
    metrics = {
        "mean": played.mean,
        "std": played.std,
        "min": float(played.returns.min()),
        "max": float(played.returns.max()),
    }
    episodes = {"returns": played.returns.tolist(), "lengths": played.lengths.tolist()}
    count = {"episodes": len(played.returns), "cut": played.cut}
    with reporting(f"{path} cannot be written"):
        write_json(path, {**count, **metrics, **episodes})
    line = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
    return f"{len(played.returns)} episodes: return {line}{played.cut_note()}"
