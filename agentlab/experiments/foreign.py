"""Names in saved files that stand for code from outside agentlab."""

from __future__ import annotations

from typing import Any

from agentlab.errors import AgentlabError


def is_foreign(name: str) -> bool:
    """Whether making what ``name`` names imports a module from outside agentlab."""
    return ":" in name.removeprefix("gym:")


def trusted(what: str, stored: Any) -> str:
    """Return a name that a file holds, where nothing foreign is imported for it.

    Raises:
        AgentlabError: where the user must give the name, because it stands for other code, or
            because the file holds none.
    """
    if not isinstance(stored, str):
        raise AgentlabError(f"--{what} is missing: the saved files do not say which")
    if is_foreign(stored):
        raise AgentlabError(
            f"the saved {what}={stored!r} is code from outside agentlab: if you trust it, "
            f"add --{what} {stored}"
        )
    return stored
