"""``agentlab envs``: list the ids of all environments."""

from __future__ import annotations

import sys

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.envs import list_envs


def run(words: list[str]) -> int:
    """Print the ids that contain a filter, one per line."""
    parser = Parser(
        program("envs"),
        "List the ids of all environments, or of those that contain FILTER.",
        words="[FILTER]",
    )
    parser.add_argument(
        "filter", nargs="?", metavar="FILTER", help="part of the id; case is ignored"
    )
    given = parser.given(words)
    if "help" in given:
        parser.print_help()
        return 0
    ids = list_envs(given.get("filter", ""))
    if not ids:
        print(f"no environment id contains {given['filter']!r}", file=sys.stderr)
    print("\n".join(ids))
    return 0
