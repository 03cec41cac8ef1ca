"""Manual edits of a run's ``config.json``, detected when the run is resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentlab.config import flag_of, format_value
from agentlab.errors import AgentlabError
from agentlab.runs import Run
from agentlab.runs.config_file import CONFIG, read_config, warn_edited

if TYPE_CHECKING:
    from agentlab.experiments.plan import Plan


def edits_of(plan: Plan, run: Run, accept: bool) -> dict[str, list[Any]]:
    """Return the old and new values of the settings that were edited in ``config.json``.

    The old values come from the newest checkpoint, which is protected by its own checksum.

    Args:
        plan: the plan made from the run's ``config.json``.
        run: the run.
        accept: whether to accept edits of settings that a resumed run cannot change.

    Raises:
        AgentlabError: for such an edit that is not accepted.
    """
    if not run.edited:
        return {}
    if (saved := run.latest_checkpoint()) is None:
        warn_edited(run.path)
        return {}
    found = plan.changes(read_config(saved.path)[0])
    fixed = {name: pair for name, pair in found.items() if name not in plan.changeable}
    if fixed and not accept:
        edits = ", ".join(
            f"{flag_of(name)} from {format_value(old)} to {format_value(new)}"
            for name, (old, new) in fixed.items()
        )
        raise AgentlabError(
            f"{run.path / CONFIG} was changed by hand or damaged: {edits}, which cannot be changed "
            f"in a resumed run; restore the file from {saved.path / CONFIG}, or accept the changes "
            "with --accept-edits"
        )
    warn_edited(run.path)
    return found
