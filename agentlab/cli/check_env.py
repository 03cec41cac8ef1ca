"""``agentlab check-env``: what is wrong with an environment of your own."""

from __future__ import annotations

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.envs import check_env, make_env
from agentlab.errors import AgentlabError, printable


def run(words: list[str]) -> int:
    """Make the environment named, check it and say that it is fine, if it is."""
    parser = Parser(
        program("check-env"),
        "Step an environment and say in one sentence what is wrong.",
        words="ID",
    )
    parser.add_argument("id", nargs="?", metavar="ID", help="an id, gym:ID or module:ID")
    given = parser.given(words)
    if "help" in given:
        parser.print_help()
        return 0
    if "id" not in given:
        raise AgentlabError(f"which environment? {program('check-env')} ID")
    env = make_env(given["id"])
    try:
        check_env(env)
    finally:
        env.close()
    spaces = f"{env.observation_space} -> {env.action_space}"
    print(printable(f"{given['id']} keeps to the rules: {spaces}"))
    return 0
