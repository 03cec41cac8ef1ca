"""Names in saved files that refer to code from outside agentlab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentlab.errors import AgentlabError


def is_foreign(name: str) -> bool:
    """Return whether ``name`` refers to a module from outside agentlab and Gymnasium."""
    return ":" in name.removeprefix("gym:").removeprefix("gymnasium.wrappers:")


def trusted(what: str, stored: Any) -> str:
    """Return a name stored in a file, if it refers to no code from outside agentlab.

    Raises:
        AgentlabError: if the user must give the name, because it refers to code from outside
            agentlab or is missing from the file.
    """
    if not isinstance(stored, str):
        raise AgentlabError(f"--{what} is missing, and the saved files do not contain it")
    if is_foreign(stored):
        raise AgentlabError(
            f"the saved {what}={stored!r} is code from outside agentlab: if you trust it, "
            f"add --{what} {stored}"
        )
    return stored


def trusted_wrappers(stored: Sequence[str]) -> tuple[str, ...]:
    """Return the wrappers stored in a file, if all of them are Gymnasium's.

    Raises:
        AgentlabError: if the user must give them, because one is code from elsewhere.
    """
    if any(map(is_foreign, stored)):
        raise AgentlabError(
            f"the saved wrapper={', '.join(stored)!r} is code from outside agentlab: if you trust "
            f"it, add --wrapper {' '.join(stored)}"
        )
    return tuple(stored)
