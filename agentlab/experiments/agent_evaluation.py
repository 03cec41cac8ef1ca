"""The final evaluation in an agent's run folder."""

from __future__ import annotations

from pathlib import Path

from agentlab.agents.evaluation import Evaluation
from agentlab.runs.files import reporting, write_json


def write_evaluation(played: Evaluation, path: Path) -> str:
    """Write an evaluation to ``path`` and return a one-line summary.

    Raises:
        AgentlabError: if the file cannot be written.
    """
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
