"""``agentlab check-env``: check a custom environment."""

from __future__ import annotations

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.envs import check_env, make_env, newest_version, wrap
from agentlab.envs.calls import calling
from agentlab.envs.vector import zeros_of
from agentlab.errors import AgentlabError, printable
from agentlab.experiments.agent_settings import Environment
from agentlab.experiments.plan import fill


def run(words: list[str]) -> int:
    """Check the environment and print its spaces; raise ``AgentlabError`` if a check fails."""
    parser = Parser(
        program("check-env"),
        "Check that an environment follows the Gymnasium API, and report the first error.",
        words="ID",
    )
    parser.add_argument(
        "id", nargs="?", metavar="ID", help="environment: ID, gym:ID, module:ID or module:Class"
    )
    parser.add_fields(Environment, "environment")
    given = parser.given(words)
    if "help" in given:
        parser.print_help()
        return 0
    if "id" not in given:
        raise AgentlabError(f"ID is missing: {program('check-env')} ID")
    environment = fill(Environment, {}, given)
    env = make_env(newest_version(given["id"]), **environment.kwargs)
    try:
        env = wrap(env, environment.wrapper)
        check_env(env)
        zeros_of(env.action_space, "action", given["id"])  # agents refuse Dict and Tuple actions
    finally:
        with calling(env, "close", ""):
            env.close()
    spaces = f"{env.observation_space} -> {env.action_space}"
    print(printable(f"{given['id']} passed all checks: {spaces}"))
    return 0
