"""An agentlab command as a job that a cluster may preempt and restart."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from pathlib import PurePath

from agentlab.errors import AgentlabError

COMMANDS = ("train", "fit", "fit-unsupervised")
NAMED_BY = (
    "--recipe",
    "--env",
    "--algo",
    "--csv",
    "--images",
    "--text",
    "--series",
    "--pairs",
    "--ratings",
)


@dataclass(frozen=True)
class Job:
    """A job to run on a platform.

    Attributes:
        command: command line arguments, such as ``("train", "--env", "CartPole-v1")``.
        name: name of the job and of the run.
        image: container image, built from the Dockerfile of ``agentlab cloud docker``.
        cpus, memory: number of CPU cores and GiB of memory; ``None`` for the platform's default.
        gpus: number of GPUs.
        storage: where runs are stored: a volume claim, a bucket or a datastore.
        machine: machine type, or name of the compute cluster; ``None`` for a default.
        role: ARN of the IAM role of the job (SageMaker).
        extras: extras of agentlab to install, such as ``("mujoco",)``.
    """

    command: tuple[str, ...]
    name: str
    image: str = "agentlab:latest"
    cpus: int | None = None
    memory: int | None = None
    gpus: int = 0
    storage: str | None = None
    machine: str | None = None
    role: str | None = None
    extras: tuple[str, ...] = ()

    def words(self, runs_dir: str) -> list[str]:
        """Return the command line arguments, which resume the run if it exists."""
        return repeatable(self.command, self.name, runs_dir)

    def required(self, field: str, example: str) -> str:
        """Return the value of a field.

        Raises:
            AgentlabError: if it is ``None``.
        """
        value: str | None = getattr(self, field)
        if value is None:
            raise AgentlabError(f"--{field} is missing; pass it, such as --{field} {example}")
        return value

    def check(self, platform: str, takes: Collection[str]) -> None:
        """Check that the job has no options that the platform ignores.

        Args:
            platform: its name, for the message.
            takes: the fields that it uses.

        Raises:
            AgentlabError: if another field differs from its default.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("command", "name", *takes) or value == field.default:
                continue
            flags = ", ".join(f"--{name}" for name in takes)
            machine = field.name in ("cpus", "memory", "gpus") and "machine" in takes
            raise AgentlabError(
                f"{field.name}={value!r} has no effect on {platform}"
                f"{': --machine determines it' * machine}; the options there are {flags}"
            )


def repeatable(command: Sequence[str], name: str, runs_dir: str) -> list[str]:
    """Return a command with the name and folder of its run, and ``--resume-or-start``.

    >>> repeatable(["train", "--algo", "pg", "--env", "Pong-v0"], "pong", "/runs")[5:]
    ['--name', 'pong', '--runs-dir', '/runs', '--resume-or-start']

    Raises:
        AgentlabError: for a command that cannot be restarted.
    """
    words = list(command)
    if not words or words[0] not in COMMANDS:
        raise AgentlabError(
            f"cloud needs a command after --, one of {', '.join(COMMANDS)}, such as "
            "`agentlab cloud docker -- train --env CartPole --algo ppo`"
        )
    for flag in ("--resume", "--runs-dir", "--seeds", "--folds"):
        if value_of(words, flag) is not None:
            raise AgentlabError(f"leave out {flag}, since a job trains one run in its own folder")
    words += [] if value_of(words, "--name") is not None else ["--name", name]
    words += ["--runs-dir", runs_dir]
    return words + ([] if "--resume-or-start" in words else ["--resume-or-start"])


def value_of(words: Sequence[str], flag: str) -> str | None:
    """Return the value of a flag, ``--flag value`` or ``--flag=value``; ``None`` without it."""
    for place, word in enumerate(words):
        if word == flag:
            return "".join(words[place + 1 : place + 2])
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return None


def job_name(command: Sequence[str], name: str | None = None) -> str:
    """Return a name that every platform accepts: lowercase letters, digits and hyphens.

    Args:
        command: a command, whose environment, algorithm or data give the default name.
        name: the name that the user chose; ``None`` for the default.

    >>> job_name(["train", "--env", "CartPole-v1", "--algo", "ppo"])
    'cartpole-v1-ppo'
    """
    name = name or value_of(command, "--name")
    if name is None:
        values = [value_of(command, flag) for flag in NAMED_BY]
        name = "-".join(PurePath(value).stem for value in values if value) or "agentlab"
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower())[:50].strip("-")
    if not plain or not plain[0].isalpha():
        plain = f"agentlab-{plain}".strip("-")
    return plain
