"""``agentlab check-env``: check an environment of your own."""

from __future__ import annotations

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.envs import check_env, make_env
from agentlab.errors import AgentlabError, printable


def run(words: list[str]) -> int:
    """Make the environment, check it and print its spaces, or raise what is wrong with it."""
    parser = Parser(
        program("check-env"),
        "Step an environment, and report in one sentence what is wrong with it.",
        words="ID",
    )
    parser.add_argument("id", nargs="?", metavar="ID", help="an id, gym:ID or module:ID")
    given = parser.given(words)
    if "help" in given:
        parser.print_help()
        return 0
    if "id" not in given:
        raise AgentlabError(f"ID is missing: {program('check-env')} ID")
    env = make_env(given["id"])
    try:
        check_env(env)
    finally:
        env.close()
    spaces = f"{env.observation_space} -> {env.action_space}"
    print(printable(f"{given['id']} passed all checks: {spaces}"))
    return 0
