"""``agentlab launch``: train in several processes on this machine."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.config import Options, option
from agentlab.errors import AgentlabError, printable
from agentlab.experiments.plan import fill
from agentlab.scale.launch import launch

DESCRIPTION = """Run `agentlab fit ... --strategy multiworker` in several processes on this machine,
or `--strategy ps` with parameter servers. The command follows --:

  agentlab launch --workers 2 -- fit --recipe mnist-mlp --strategy multiworker

Only the chief prints and writes the run. On several machines, start the command itself on each one,
with an environment variable TF_CONFIG that lists them all, and the run folder on a shared disk."""
COMMANDS = ("fit", "fit-unsupervised")


@dataclass(frozen=True)
class Processes(Options):
    """The processes to start."""

    workers: int = option(2, "number of processes that compute gradients", ge=1, le=256)
    ps: int = option(0, "number of parameter servers, for --strategy ps", ge=0, le=64)


def run(words: list[str]) -> int:
    """Run the command with the command line arguments ``words`` and return the exit code."""
    parser = Parser(program("launch"), DESCRIPTION, words="[flags] -- COMMAND")
    parser.add_fields(Processes, "processes")
    own, command = _split(words)
    given = parser.given(own)
    if given.get("help"):
        parser.print_help()
        return 0
    wanted: Processes = fill(Processes, {}, given)
    check_command(command, wanted)
    return launch(command, wanted.workers, wanted.ps, _warn)


def check_command(command: list[str], wanted: Processes) -> None:
    """Raise ``AgentlabError`` unless several processes can run the command together."""
    if not command or command[0] not in COMMANDS:
        raise AgentlabError(
            f"launch needs a command after --, {' or '.join(COMMANDS)}, such as "
            "`agentlab launch --workers 2 -- fit --recipe mnist-mlp --strategy multiworker`"
        )
    if "--resume" in command or "--help" in command:
        return  # the strategy is in the config of the run
    expected = "ps" if wanted.ps else "multiworker"
    pairs = zip(command, [*command[1:], ""], strict=True)
    if f"--strategy={expected}" not in command and ("--strategy", expected) not in {*pairs}:
        raise AgentlabError(
            f"the command after -- needs --strategy {expected}, since launch starts "
            + ("parameter servers" if wanted.ps else "no parameter servers (--ps)")
        )


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Return the words before and after ``--``."""
    if "--" not in words:
        return words, []
    place = words.index("--")
    return words[:place], words[place + 1 :]


def _warn(text: str) -> None:
    print(printable(f"agentlab: warning: {text}"), file=sys.stderr)
