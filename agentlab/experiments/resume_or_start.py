"""Start a run, or resume it if it was started before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentlab.config import flag_of, format_value
from agentlab.errors import InvalidArgument
from agentlab.experiments.plan import Plan, resume, start
from agentlab.runs.files import folder_name


def resume_or_start(
    plan: Plan, runs_dir: Path | str = "runs", name: str | None = None, **options: Any
) -> Any:
    """Resume the run of a plan if its folder exists, else start it.

    A cluster that restarts the same command after each interruption thus completes the run. A
    finished run is left as it is.

    Args:
        plan: the settings of the run.
        runs_dir: the folder that contains the runs.
        name: name of the run's folder; ``None`` for the plan's default.
        options: ``on_start``, ``report`` and ``callbacks``, as for ``start``.

    Returns:
        An ``AgentResult`` or a ``TrainerResult``.

    Raises:
        InvalidArgument: if the folder's run has other settings.
        AgentlabError: as ``start`` and ``resume``.
    """
    path = Path(runs_dir, folder_name(name or plan.default_name))
    empty = path.is_dir() and not any(path.iterdir())  # killed before it wrote anything
    if empty and not plan.run_class.follows:
        path.rmdir()
    if empty or not path.exists():
        return start(plan, runs_dir, name, **options)
    with plan.run_class.open(path, writing=True) as run:
        for setting, (old, new) in plan.changes(run.config).items():
            if setting not in plan.changeable:
                raise InvalidArgument(
                    f"{flag_of(setting)} {format_value(new)} differs from {format_value(old)} in "
                    f"{path}; choose another --name"
                )
        return resume(plan, run, **options)
