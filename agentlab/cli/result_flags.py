"""What the commands on trained learners share: arguments, the file to write, messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.config import Options, option
from agentlab.errors import AgentlabError, printable
from agentlab.experiments.results.loading import takes_images
from agentlab.runs.permission import check_output


@dataclass(frozen=True)
class Output(Options):
    """Options of the output file."""

    out: str | None = option(None, "file to write; none for one named after the command and run")
    overwrite: bool = option(False, "replace the file of --out if it exists")


def parse(
    command: str,
    description: str,
    words: Sequence[str],
    inputs: str = "",
    options: type | None = None,
) -> dict[str, Any] | None:
    """Parse the command line of a command on a run.

    Args:
        command: name of the command.
        description: its description for the help.
        words: the command line arguments.
        inputs: names of the arguments after RUN, separated by spaces; those in ``[]`` are optional.
        options: a dataclass with further flags.

    Returns:
        The flags and arguments by name: ``run``, ``inputs`` (a list), ``out`` and ``overwrite``,
        and the given fields of ``options``; ``None`` if the help was printed.

    Raises:
        AgentlabError: for missing or unknown arguments.
    """
    usage = f"RUN {inputs}".strip()
    parser = Parser(program(command), description, words=usage)
    parser.add_argument("run", nargs="?", metavar="RUN", help="folder of a run or a saved learner")
    if inputs:
        parser.add_argument("inputs", nargs="*", metavar=inputs, help="file or folder to read")
    parser.add_fields(Output, "output")
    if options is not None:
        parser.add_fields(options, "flags")
    given = parser.given(words)
    if given.pop("help", False):
        parser.print_help()
        return None
    given["inputs"] = list(given.get("inputs") or [])
    needed = [word for word in inputs.split() if not word.startswith("[")]
    if given.get("run") is None or len(given["inputs"]) < len(needed):
        missing = ["RUN", *needed][bool(given.get("run")) + len(given["inputs"]) :]
        raise AgentlabError(f"{missing[0]} is missing; usage: {program(command)} {usage}")
    return given


def output_path(given: dict[str, Any], what: str, suffix: str | None = None) -> Path:
    """Return the file to write, after checking that no file is overwritten by accident.

    Args:
        given: the return value of ``parse``.
        what: describes the content; without ``--out`` the file is ``RUN-WHAT`` in the current
            folder, with a number appended if it exists.
        suffix: of the file; ``None`` for ``.png`` if the learner was trained on images and ``.csv``
            if not.
    """
    if given.get("out") is not None:
        check_output("--out", given["out"], given.get("overwrite", False), given["inputs"])
        return Path(given["out"])
    suffix = suffix or (".png" if takes_images(given["run"]) else ".csv")
    stem = f"{Path(given['run']).resolve().name}-{what}"
    path, number = Path(f"{stem}{suffix}"), 1
    while path.exists():
        number += 1
        path = Path(f"{stem}-{number}{suffix}")
    return path


def print_written(what: str, path: Path) -> None:
    """Print where a file was written."""
    print(printable(f"wrote {what} to {path}"))
