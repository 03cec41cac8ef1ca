"""Parses the commands that the documentation shows, without running them."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from pathlib import Path

from agentlab.cli import COMMANDS, SCRIPTS, fit, train, tune
from agentlab.cli.flags import Parser
from agentlab.config import flag_of
from agentlab.errors import AgentlabError
from agentlab.experiments.recipes import find_recipe
from agentlab.registry import registry_of, trainer_class

ROOT = Path(__file__).parents[1]
# Programs whose arguments are not checked.
OTHERS = ("cd", ".", "curl", "git", "pip", "make", "pre-commit", "tensorboard")
TRAINERS = [name for kind in ("trainer", "estimator") for name in registry_of(kind)]
COMMANDS_OF = {script: command for command, script in SCRIPTS.items()}


def commands(text: str) -> list[list[str]]:
    """Return the words of each command in the shell blocks of a Markdown page."""
    found = []
    for block in re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", text, re.S | re.M):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            while "&&" in words:
                end = words.index("&&")
                found.append(words[:end])
                words = words[end + 1 :]
            found.append(words)
    return [words for words in found if words]


def check_command(words: list[str]) -> None:
    """Raise an error unless all flags and values of a command exist."""
    program, *rest = words
    if program == "python":
        if rest[:2] == ["-m", "agentlab"]:
            check_agentlab(rest[2:])
        elif rest[0].startswith("scripts/") and Path(rest[0]).name in COMMANDS_OF:
            check_agentlab([COMMANDS_OF[Path(rest[0]).name], *rest[1:]])
        else:
            assert rest[0] in ("-m", "-c") or (ROOT / rest[0]).is_file(), words
    elif program == "agentlab":
        check_agentlab(rest)
    else:
        assert program in OTHERS, words


def check_agentlab(words: list[str]) -> None:
    """Raise an error unless all flags and values of an ``agentlab`` command exist."""
    command, *flags = words
    assert command in COMMANDS, words
    if "--" in flags:  # a command that starts another one, such as launch
        end = flags.index("--")
        check_agentlab(flags[end + 1 :])
        flags = flags[:end]
    if command == "train":
        _check_train(flags)
    elif command in ("fit", "fit-unsupervised"):
        _check_fit(flags, command)
    elif command == "tune":
        _check_tune(flags)
    else:  # parses all flags before it prints the help
        module = import_module(f"agentlab.cli.{command.replace('-', '_')}")
        assert module.run([*flags, "--help"]) == 0


def _check_train(words: list[str]) -> None:
    algo = train.make_parser().given_among_others(words).get("algo")
    train.make_parser(None if algo is None or ":" in algo else algo).given(words)


def _check_fit(words: list[str], command: str) -> None:
    """Accept flags of the trainer that is named, by a recipe perhaps, or else of any trainer."""
    given = fit.make_parser(command=command).given_among_others(words)
    names = TRAINERS
    if recipe := given.get("recipe"):
        names = [find_recipe(recipe).trainer]
    elif trainer := given.get("trainer"):
        names = [trainer]
    errors = []
    for name in names:
        try:
            fit.make_parser(name, trainer_class(name).Config, command=command).given(words)
            return
        except AgentlabError as error:
            errors.append(error)
    raise errors[0]


def _check_tune(words: list[str]) -> None:
    verb, *flags = words
    parser = Parser("tune", "")
    parser.add_argument("--search", nargs="+", action="extend")
    parser.add_fields(tune.Choice, "search")
    given, rest = parser.split(flags)
    searched = [word.partition("=")[0] for word in given.get("search", [])]
    values = [word.partition("=")[2] for word in given.get("search", [])]
    for field, value in zip(searched, values, strict=True):  # the first value stands for all
        rest += [flag_of(field), *re.split(r"\.\.|\|", value)[:1]]
    check_agentlab([verb, *rest])
