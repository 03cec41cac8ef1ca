"""Opening runs of any kind, with their plans."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agentlab.experiments.agent_run import AgentPlan
from agentlab.experiments.plan import Plan, kind_of
from agentlab.experiments.trainer_run import TrainerPlan
from agentlab.runs import Run


def open_run(
    path: Path | str,
    *,
    env: str | None = None,
    algo: str | None = None,
    wrapper: Sequence[str] = (),
) -> tuple[Plan, Run]:
    """Open a run to resume it, and return its plan and the run.

    Args:
        path: the run's folder.
        env: an agent's environment; required if it is code from outside agentlab.
        algo: an agent's algorithm; required if it is code from outside agentlab.
        wrapper: the wrappers of an agent's environment; required for code from outside agentlab.

    Raises:
        AgentlabError: for a missing or damaged run, or one that another process is training.
    """
    run = Run.open(path, writing=True)
    try:
        if kind_of(run) == "agent":
            return AgentPlan.from_json(run.config, env, algo, wrapper), run
        return TrainerPlan.from_json(run.config), run
    except BaseException:
        run.close()
        raise
